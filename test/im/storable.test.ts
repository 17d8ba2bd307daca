import { expect } from 'chai';
import { MalformedCpim } from '../../src/im/cpim.ts';
import { IM_LIMITS } from '../../src/im/limits.ts';
import type { BodyClass } from '../../src/im/storable.ts';
import { ACCEPTED_TYPES, classifyBody, unwrapCpim } from '../../src/im/storable.ts';
import { fixture } from './fixtures.ts';

const cpim = (contentType: string, text: string): Buffer =>
  Buffer.from(`From: <sip:bob@example.com>\r\n\r\nContent-Type: ${contentType}\r\n\r\n${text}`);

describe('what a mailbox keeps', () => {
  const cases: [string, string, BodyClass][] = [
    ['text/plain', 'hello', 'text'],
    ['TEXT/HTML; charset=utf-8', '<b>x</b>', 'text'],
    ['', 'hello', 'text'],
    ['text/plain', ' ', 'text'],
    ['text/plain', 'say ?OTR', 'text'],
    ['text/plain', '', 'notice'],
    ['application/octet-stream', '', 'notice'],
    ['text/plain;charset=utf-8', '?OTRv23?', 'notice'],
    ['message/imdn+xml', '<imdn/>', 'notice'],
    ['Application/im-isComposing+xml', 'broken', 'notice'],
    ['text/x-msrp-heartbeat', 'x', 'notice'],
    ['image/png', 'x', 'unsupported'],
    ['multipart/mixed;boundary=x', 'x', 'unsupported'],
    ['text/calendar', 'x', 'unsupported'],
    ['nonsense', 'x', 'unsupported'],
  ];
  for (const [type, text, expected] of cases) {
    it(`${JSON.stringify(type)} holding ${JSON.stringify(text)} is ${expected}`, () => {
      expect(classifyBody(type, Buffer.from(text))).to.equal(expected);
    });
    if (type !== '') {
      it(`so it is within Message/CPIM: ${type} ${JSON.stringify(text)}`, () => {
        expect(classifyBody('Message/CPIM', cpim(type, text))).to.equal(expected);
      });
    }
  }

  it('looks through message/cpim in message/cpim, and no deeper than the limit', () => {
    expect(classifyBody('message/cpim', fixture('cpim/valid', 'nested'))).to.equal('text');
    const wrapped = (depth: number): Buffer =>
      depth === 1 ? cpim('text/plain', 'x') : cpim('message/cpim', wrapped(depth - 1).toString());
    expect(classifyBody('message/cpim', wrapped(IM_LIMITS.cpimDepth))).to.equal('text');
    expect(() => classifyBody('message/cpim', wrapped(IM_LIMITS.cpimDepth + 1))).to.throw(MalformedCpim);
  });

  it('undoes the transfer encoding of what is wrapped', () => {
    const { content, contentType, wrappers } = unwrapCpim(
      'message/cpim',
      fixture('cpim/valid', 'base64-content'),
    );
    expect([content.toString(), contentType, wrappers.length]).to.deep.equal(['hello', 'text/plain', 1]);
  });

  it('refuses broken CPIM', () => {
    expect(() => classifyBody('message/cpim', Buffer.from('words'))).to.throw(MalformedCpim);
  });

  it('names every type it takes in Accept', () => {
    for (const type of ACCEPTED_TYPES) {
      const body = type === 'message/cpim' ? cpim('text/plain', 'x') : Buffer.from('x');
      expect(classifyBody(type, body)).not.to.equal('unsupported');
    }
  });
});
