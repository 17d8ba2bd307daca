import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseApplicationMessage } from '../../../src/engine/control/application-message.ts';
import type { Command } from '../../../src/engine/control/command.ts';
import { parseCommand } from '../../../src/engine/control/command.ts';
import { FrameReader, MalformedFrame, encodeFrame } from '../../../src/engine/control/frame-codec.ts';
import { CONTROL_LIMITS } from '../../../src/engine/control/limits.ts';

const FIXTURES = join(import.meta.dirname, '../../../fixtures/drachtio');
const read = (kind: string, name: string): Buffer => readFileSync(join(FIXTURES, kind, `${name}.frames`));
const names = (kind: string): string[] =>
  readdirSync(join(FIXTURES, kind)).map((file) => file.replace('.frames', ''));

function payloads(...chunks: readonly Buffer[]): string[] {
  const reader = new FrameReader();
  return chunks.flatMap((chunk) => reader.push(chunk).map(({ payload }) => payload.toString()));
}

describe('frames of the control protocol', () => {
  for (const name of names('valid')) {
    it(`reads ${name} whichever way it is split`, () => {
      const bytes = read('valid', name);
      const whole = payloads(bytes);
      expect(whole.length).to.be.greaterThan(1);
      for (let at = 0; at <= bytes.length; at++) {
        expect(payloads(bytes.subarray(0, at), bytes.subarray(at)), `split at ${at}`).to.deep.equal(whole);
      }
      const single = Array.from({ length: bytes.length }, (_, index) => bytes.subarray(index, index + 1));
      expect(payloads(...single), 'byte by byte').to.deep.equal(whole);
    });
  }

  for (const name of names('invalid')) {
    it(`refuses ${name}`, () => {
      const bytes = read('invalid', name);
      expect(() => payloads(bytes)).to.throw(MalformedFrame);
      for (let at = 0; at <= bytes.length; at++) {
        expect(() => payloads(bytes.subarray(0, at), bytes.subarray(at))).to.throw(MalformedFrame);
      }
    });
  }

  it('takes a frame of 99,999 bytes, and passes a longer one over', () => {
    const { frame, frameHead } = CONTROL_LIMITS;
    const long = 'x'.repeat(frame);
    const bytes = Buffer.from(`${frame}#${long}${frame + 1}#${long}y9#and after`);
    const frames = [
      { payload: long, whole: true },
      { payload: 'x'.repeat(frameHead), whole: false },
      { payload: 'and after', whole: true },
    ];
    const end = bytes.length;
    for (const at of [
      0,
      1,
      frame,
      frame + 6,
      frame + 10,
      frame + 13,
      frame + 13 + frameHead,
      end - 12,
      end - 11,
      end - 1,
    ]) {
      const reader = new FrameReader();
      const seen = [bytes.subarray(0, at), bytes.subarray(at)].flatMap((part) => reader.push(part));
      expect(
        seen.map(({ payload, whole }) => ({ payload: payload.toString(), whole })),
        `split at ${at}`,
      ).to.deep.equal(frames);
    }
    expect(() => payloads(Buffer.from('1000000#'))).to.throw(MalformedFrame);
  });

  it('counts bytes, not characters, of what it writes', () => {
    const frame = encodeFrame('id|sip|ü', Buffer.from('MESSAGE 👍'));
    expect(frame.toString()).to.equal(
      `${Buffer.byteLength('id|sip|ü\r\nMESSAGE 👍')}#id|sip|ü\r\nMESSAGE 👍`,
    );
    expect(encodeFrame('id|response|1|OK').toString()).to.equal('16#id|response|1|OK');
  });
});

describe('commands of applications', () => {
  const commands = (name: string): Command[] =>
    new FrameReader().push(read('valid', name)).map(({ payload }) => parseCommand(payload));

  it('are authenticate, route, remove_route and ping', () => {
    expect(commands('session').map(({ kind }) => kind)).to.deep.equal([
      'authenticate',
      'route',
      'route',
      'remove_route',
      'ping',
    ]);
    const [authenticate, , cdr] = commands('session');
    expect(authenticate).to.include({ secret: 'cymru', id: '6f1b9d1e-0000-4000-8000-000000000001' });
    expect(authenticate).to.have.deep.property('tags', ['mailbox', 'texts']);
    expect(cdr).to.include({ verb: 'cdr:start' });
  });

  it('name the dialog, the transaction or the next hop of a SIP message', () => {
    const [message, options, bye, cancel] = commands('requests');
    expect(message).to.include({ kind: 'sip', transactionId: '', dialogId: '', proxy: '' });
    expect(options).to.include({ proxy: 'sip:192.0.2.7:5070;transport=tcp' });
    expect(bye).to.include({ dialogId: 'c1@host;from-tag=f1' });
    expect(cancel).to.include({ transactionId: '7a4e11f0-0000-4000-8000-00000000000a' });
  });

  it('have the tags that drachtio-srf allows, within their bounds', () => {
    const tagsOf = (list: string): readonly string[] => {
      const command = parseCommand(Buffer.from(`1|authenticate|secret|${list}`));
      return command.kind === 'authenticate' ? command.tags : [];
    };
    expect(tagsOf('red,a-B_c+d@e:9')).to.deep.equal(['red', 'a-B_c+d@e:9']);
    expect(tagsOf('')).to.deep.equal([]);
    expect(tagsOf(`${'x'.repeat(32)},${'y'.repeat(33)},a b,ü`)).to.deep.equal(['x'.repeat(32)]);
    expect(tagsOf(Array.from({ length: 21 }, (_, index) => `t${index}`).join(','))).to.have.length(20);
  });

  it('are never anything the engine trips over', () => {
    for (const payload of ['', '|', 'x', 'x|y', 'x|sip', '\r\n', 'x|sip|||\r\n']) {
      expect(() => parseCommand(Buffer.from(payload)), payload).to.not.throw();
    }
  });
});

describe('SIP messages of applications', () => {
  const messages = (name: string) =>
    new FrameReader().push(read('valid', name)).map(({ payload }) => {
      const command = parseCommand(payload);
      if (command.kind !== 'sip') throw new TypeError('a SIP message was expected');
      return parseApplicationMessage(command.message);
    });

  it('have the body the frame holds, whatever Content-Length says', () => {
    const [message] = messages('requests');
    expect(message?.start).to.deep.equal({
      kind: 'request',
      method: 'MESSAGE',
      uri: 'sip:alice@example.test',
    });
    expect(message?.body.toString()).to.equal('Grüße 👩‍👩‍👧‍👦 #1|2\r\n\r\n17#not-a-frame');
    expect(message?.fields).to.deep.include(['Subject', 'a: b']);
  });

  it('may be but a status line', () => {
    const [bare, full] = messages('responses');
    expect(bare).to.deep.equal({
      start: { kind: 'response', status: 200, reason: 'OK' },
      fields: [],
      body: Buffer.alloc(0),
    });
    expect(full?.start).to.deep.equal({ kind: 'response', status: 486, reason: 'Besetzt: später' });
    expect(full?.fields).to.deep.include(['X-Empty', '']);
  });

  it('may have values that go on in another line', () => {
    const text = 'INFO sip:a@b SIP/2.0\r\nSubject: one\r\n\ttwo \r\n  three\r\nX: y\r\n\r\n body';
    const { fields, body } = parseApplicationMessage(Buffer.from(text));
    expect(fields).to.deep.equal([
      ['Subject', 'one two three'],
      ['X', 'y'],
    ]);
    expect(body.toString()).to.equal(' body');
  });

  for (const text of [
    '',
    'SIP/2.0 200 OK\r\n goes on with nothing',
    'MESSAGE sip:a@b',
    'MESSAGE sip:a b SIP/2.0',
    'SIP/2.0 99 Low',
    'SIP/2.0 200 OK\r\nno colon',
    'SIP/2.0 200 OK\r\nbad name: x',
    'SIP/2.0 200 OK\r\n: x',
  ]) {
    it(`are refused when they are none: ${JSON.stringify(text)}`, () => {
      expect(() => parseApplicationMessage(Buffer.from(text))).to.throw('malformed');
    });
  }
});
