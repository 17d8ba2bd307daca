import { expect } from 'chai';
import fc from 'fast-check';
import { MESSAGE_LIMITS } from '../../../src/engine/message/limits.ts';
import { serializeMessage } from '../../../src/engine/message/serialize-message.ts';
import { StreamFramer } from '../../../src/engine/transport/stream-framer.ts';
import type { Framed } from '../../../src/engine/transport/stream-framer.ts';
import { sipFixture, sipFixtures } from '../message/fixtures.ts';
import { anyMessage, plain } from '../message/messages.ts';

/** What a framer makes of these chunks, as plain values. */
function frame(...chunks: readonly Buffer[]): unknown[] {
  const framer = new StreamFramer();
  return chunks.flatMap((chunk) => framer.push(chunk)).map(shown);
}

function shown(framed: Framed): unknown {
  switch (framed.kind) {
    case 'ping':
      return 'ping';
    case 'message':
      return plain(framed.message);
    case 'malformed':
    case 'fault':
      return `${framed.kind} ${framed.error.message}`;
  }
}

const kinds = (...chunks: readonly Buffer[]): unknown[] =>
  frame(...chunks).map((each) => (typeof each === 'string' ? each : 'message'));

function everySplit(bytes: Buffer, name: string): void {
  const whole = frame(bytes);
  for (let at = 1; at < bytes.length; at++) {
    expect(frame(bytes.subarray(0, at), bytes.subarray(at)), `${name} split at ${at}`).to.deep.equal(whole);
  }
  const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  expect(frame(...single), `${name} byte by byte`).to.deep.equal(whole);
}

const conversation = sipFixture('valid', 'conversation', '.stream');
const MESSAGE = sipFixture('valid', 'message');

/** A request with these lines in place of its Content-Length. */
function withLines(lines: readonly string[], body = ''): Buffer {
  const head = MESSAGE.toString('utf8', 0, MESSAGE.indexOf('\r\nContent-Type'));
  return Buffer.from([head, ...lines, '', body].join('\r\n'));
}

describe('SIP stream framer', () => {
  it('cuts a conversation into its messages and pings', () => {
    expect(kinds(conversation)).to.deep.equal([
      'message',
      'ping',
      'message',
      'message',
      'malformed 400 Missing Call-ID',
      'message',
    ]);
  });

  it('gives the same wherever a conversation is split', () => {
    everySplit(conversation, 'conversation');
  });

  it('gives the same wherever three reads split it', () => {
    const whole = frame(conversation);
    const place = fc.nat(conversation.length);
    fc.assert(
      fc.property(place, place, (a, b) => {
        const [first, second] = [Math.min(a, b), Math.max(a, b)];
        const parts = [
          conversation.subarray(0, first),
          conversation.subarray(first, second),
          conversation.subarray(second),
        ];
        expect(frame(...parts)).to.deep.equal(whole);
      }),
      { numRuns: 300 },
    );
  });

  it('gives the same for every message there is, valid or not, wherever it is split', () => {
    for (const folder of ['valid', 'invalid'] as const) {
      for (const [name, bytes] of sipFixtures(folder)) if (bytes.length < 2000) everySplit(bytes, name);
    }
  });

  it('reads what was written, any messages one after the other', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 5 }), fc.nat(200), (messages, size) => {
        const stream = Buffer.concat(messages.map(serializeMessage));
        const chunks: Buffer[] = [];
        for (let at = 0; at < stream.length; at += size + 1) chunks.push(stream.subarray(at, at + size + 1));
        expect(frame(...chunks)).to.deep.equal(messages.map(plain));
      }),
    );
  });

  it('hands out bodies that later bytes do not change', () => {
    const framer = new StreamFramer();
    const bytes = Buffer.concat([MESSAGE, MESSAGE]);
    const messages = [bytes.subarray(0, 100), bytes.subarray(100, MESSAGE.length + 50)].flatMap((chunk) =>
      framer.push(chunk),
    );
    framer.push(bytes.subarray(MESSAGE.length + 50));
    framer.push(Buffer.alloc(5000, 'x'));
    const [first] = messages;
    expect(first?.kind === 'message' && first.message.body.toString()).to.equal('Grüße, was ist mit Käse?');
  });

  describe('keep-alives (RFC 5626 §4.4.1)', () => {
    it('tells a double line end as a ping, each by itself', () => {
      expect(kinds(Buffer.from('\r\n\r\n'))).to.deep.equal(['ping']);
      expect(kinds(Buffer.from('\r\n\r\n\r\n\r\n'))).to.deep.equal(['ping', 'ping']);
      expect(kinds(Buffer.from('\r\n'), Buffer.from('\r\n'))).to.deep.equal(['ping']);
    });

    it('ignores a single line end, which is the answer to a ping', () => {
      expect(kinds(Buffer.from('\r\n'), MESSAGE, Buffer.from('\r\n'), MESSAGE)).to.deep.equal([
        'message',
        'message',
      ]);
      expect(kinds(Buffer.from('\n\r\r\n\n'), MESSAGE)).to.deep.equal(['message']);
    });

    it('is not in the middle of a message while it waits for the rest of a ping', () => {
      const framer = new StreamFramer();
      framer.push(Buffer.from('\r\n'));
      expect(framer.midMessage).to.equal(false);
      framer.push(Buffer.from('M'));
      expect(framer.midMessage).to.equal(true);
      framer.push(MESSAGE.subarray(1));
      expect(framer.midMessage).to.equal(false);
    });
  });

  describe('Content-Length on a stream (§18.3)', () => {
    it('is 0 where it lacks and nothing says that there is a body', () => {
      expect(frame(withLines([]), MESSAGE)).to.deep.equal([plain(bodiless()), frame(MESSAGE)[0]]);
    });

    it('may not lack where there is a body: its end would be unknown', () => {
      expect(kinds(withLines(['Content-Type: text/plain'], 'hello'))).to.deep.equal([
        'fault 400 Missing Content-Length',
      ]);
    });

    for (const value of ['five', '-1', '', '5 5', '5, 5', '99999999999999']) {
      it(`ends the stream when it says ${JSON.stringify(value)}`, () => {
        expect(kinds(withLines([`Content-Length: ${value}`], 'hello'), MESSAGE)).to.deep.equal([
          'fault 400 Bad Content-Length',
        ]);
      });
    }

    it('request smuggling: two that differ end the stream, in whatever form', () => {
      for (const second of ['l: 4', 'CONTENT-LENGTH : 4', 'Content-Length:\r\n 4']) {
        const bytes = withLines(['Content-Length: 5', second], 'hello');
        expect(kinds(bytes, MESSAGE), second).to.deep.equal(['fault 400 Bad Content-Length']);
      }
    });

    it('request smuggling: one in the value of another header is none', () => {
      const bytes = withLines(
        ['Subject: x', ' Content-Length: 500', 'X-Content-Length: 500', 'l: 5'],
        'hello',
      );
      expect(kinds(bytes, MESSAGE)).to.deep.equal(['message', 'message']);
    });
  });

  describe('faults end the stream', () => {
    it('when it is no SIP at all', () => {
      expect(kinds(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))).to.deep.equal([
        'fault 400 Bad Request Line',
      ]);
      expect(kinds(Buffer.from('a: b\r\n\r\n'))).to.deep.equal(['fault 400 Bad Request Line']);
    });

    it('when a line is no header, for the next may be none either', () => {
      expect(kinds(withLines(['no header', 'Content-Length: 0']), MESSAGE)).to.deep.equal([
        'fault 400 Bad Header Line',
      ]);
    });

    it('after which nothing is taken any more', () => {
      const framer = new StreamFramer();
      framer.push(withLines(['Content-Length: x']));
      expect(framer.push(MESSAGE)).to.deep.equal([]);
      expect(framer.midMessage).to.equal(false);
    });

    it('but the messages before it count', () => {
      expect(kinds(Buffer.concat([MESSAGE, withLines(['Content-Length: x'])]))).to.deep.equal([
        'message',
        'fault 400 Bad Content-Length',
      ]);
    });
  });

  describe('at its limits', () => {
    it('headers without end: 513 as soon as there are too many, with somebody to answer', () => {
      const framer = new StreamFramer();
      const endless = withLines([]).toString('utf8').trimEnd();
      expect(framer.push(Buffer.from(`${endless}\r\nSubject: `))).to.deep.equal([]);
      const framed: Framed[] = [];
      let pushed = 0;
      while (framed.length === 0 && pushed < 2 * MESSAGE_LIMITS.headerSection) {
        framed.push(...framer.push(Buffer.alloc(1000, 'x')));
        pushed += 1000;
      }
      expect(pushed).to.be.within(MESSAGE_LIMITS.headerSection - 2000, MESSAGE_LIMITS.headerSection + 1000);
      const [fault] = framed;
      if (fault?.kind !== 'fault') throw new Error('no fault');
      expect(fault.error.status).to.equal(513);
      expect(fault.error.request?.headers.get('Call-ID')).to.equal('3848276298220188511@192.0.2.7');
    });

    it('takes the longest message, and refuses one byte more before it has come', () => {
      const longest = (more: number): Buffer => {
        const length = MESSAGE_LIMITS.message - withLines(['Content-Length: 000000']).length + more;
        return withLines([`Content-Length: ${length}`], 'x'.repeat(length));
      };
      expect(longest(0)).to.have.lengthOf(MESSAGE_LIMITS.message);
      expect(kinds(longest(0))).to.deep.equal(['message']);
      expect(kinds(longest(1).subarray(0, 1000))).to.deep.equal(['fault 513 Message Too Large']);
    });

    it('bytes that drip cost no more than bytes that flow', () => {
      const bytes = withLines(['Content-Length: 100000'], 'x'.repeat(100_000));
      const framer = new StreamFramer();
      const started = performance.now();
      let messages = 0;
      for (let at = 0; at < bytes.length; at++) messages += framer.push(bytes.subarray(at, at + 1)).length;
      expect(messages).to.equal(1);
      expect(performance.now() - started).to.be.below(2_000);
    });

    it('noise and spoilt streams never raise an error', () => {
      fc.assert(
        fc.property(
          fc.nat(conversation.length),
          fc.uint8Array({ maxLength: 20 }),
          fc.nat(20),
          (at, put, cut) => {
            frame(conversation.subarray(0, at), Buffer.from(put), conversation.subarray(at + cut));
          },
        ),
        { numRuns: 1000 },
      );
    });
  });
});

function bodiless(): Parameters<typeof plain>[0] {
  const [framed] = new StreamFramer().push(withLines(['Content-Length: 0']));
  if (framed?.kind !== 'message') throw new Error('no message');
  return framed.message;
}
