import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { firstLook } from '../../../src/engine/admission/first-look.ts';
import { parseMessage } from '../../../src/engine/message/parse-message.ts';
import { topVia, transactionKey } from '../../../src/engine/transaction/match.ts';
import { packageRoot } from '../../doubles/package-root.ts';

const folder = join(packageRoot, 'fixtures/sip/valid');

function request(startLine: string, ...more: readonly string[]): Buffer {
  const lines = [
    'v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1',
    'f : <sip:a@example.test>;tag=1',
    't:<sip:b@example.test>',
    'i: one',
    'CSEQ: 1 MESSAGE',
  ];
  return Buffer.from([startLine, ...lines, ...more, '', 'body'].join('\r\n'));
}

describe('the first look at a datagram', () => {
  it('finds what a full reading finds, where it finds anything', () => {
    let found = 0;
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.sip'))) {
      const bytes = readFileSync(join(folder, file));
      const look = firstLook(bytes);
      if (look === undefined) continue;
      found++;
      const message = parseMessage(bytes);
      expect(message.kind, file).to.equal('request');
      if (message.kind !== 'request') continue;
      expect(transactionKey(look, topVia(look.headers)), file).to.deep.equal(
        transactionKey(message, topVia(message.headers)),
      );
      for (const name of ['From', 'To', 'Call-ID', 'CSeq']) {
        expect(look.headers.get(name), file).to.equal(message.headers.get(name));
      }
    }
    expect(found).to.be.above(3);
  });

  it('knows compact names in any case', () => {
    const look = firstLook(request('MESSAGE sip:b@example.test SIP/2.0'));
    expect(look?.method).to.equal('MESSAGE');
    expect(look?.headers.get('From')).to.equal('<sip:a@example.test>;tag=1');
    expect(look?.headers.get('Call-ID')).to.equal('one');
  });

  const passedOn: readonly (readonly [what: string, datagram: Buffer])[] = [
    ...['ACK', 'BYE', 'CANCEL', 'PRACK', 'UPDATE'].map(
      (method) =>
        [`${method}, which begins nothing`, request(`${method} sip:b@example.test SIP/2.0`)] as const,
    ),
    ['a response', Buffer.from('SIP/2.0 200 OK\r\n\r\n')],
    ['a folded header', request('MESSAGE sip:b@example.test SIP/2.0', 'Subject: a', ' b')],
    ['a line that is no header', request('MESSAGE sip:b@example.test SIP/2.0', 'nothing')],
    ['headers that do not end', Buffer.from('MESSAGE sip:b@example.test SIP/2.0\r\nVia: x')],
    ['headers longer than a look', request('MESSAGE sip:b@example.test SIP/2.0', `X: ${'x'.repeat(5_000)}`)],
    ['no SIP', Buffer.from([0, 1, 2, 3])],
    ['nothing', Buffer.alloc(0)],
  ];
  for (const [what, datagram] of passedOn) {
    it(`leaves to a full reading ${what}`, () => expect(firstLook(datagram)).to.equal(undefined));
  }
});
