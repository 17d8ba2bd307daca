import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { MalformedCSeq, parseCSeq } from '../../../src/engine/message/cseq.ts';
import { MalformedMessage } from '../../../src/engine/message/malformed-message.ts';
import { MalformedNameAddress, parseNameAddress } from '../../../src/engine/message/name-address.ts';
import { parseMessage } from '../../../src/engine/message/parse-message.ts';
import { serializeMessage } from '../../../src/engine/message/serialize-message.ts';
import type { SipMessage } from '../../../src/engine/message/sip-message.ts';
import { MalformedUri, parseUri } from '../../../src/engine/message/uri.ts';
import { MalformedVia, parseVia } from '../../../src/engine/message/via.ts';
import type { Framed } from '../../../src/engine/transport/stream-framer.ts';
import { StreamFramer } from '../../../src/engine/transport/stream-framer.ts';
import { plain } from '../message/messages.ts';
import type { StatedMessage, TortureMessage } from './torture-fixtures.ts';
import { tortureMessages } from './torture-fixtures.ts';

const COUNTS = { rfc4475: 49, rfc5118: 12 } as const;

/** A message in the form its outcome is stated in. */
function stated(message: SipMessage): StatedMessage {
  const { headers, body } = message;
  const start =
    message.kind === 'request'
      ? { method: message.method, uri: message.uri }
      : { status: message.status, reason: message.reason };
  const text = body.toString();
  return {
    ...start,
    headers: [...headers.entries()].map(([name, value]) => [name, value] as const),
    body: Buffer.from(text).equals(body) ? text : { base64: body.toString('base64') },
  };
}

/** A datagram's message, or why it is none. */
function asDatagram(bytes: Buffer): SipMessage | MalformedMessage {
  try {
    return parseMessage(bytes);
  } catch (error) {
    if (error instanceof MalformedMessage) return error;
    throw error;
  }
}

function checkDatagram({ bytes, stated: { datagram } }: TortureMessage): void {
  const read = asDatagram(bytes);
  if ('parsed' in datagram) {
    if (read instanceof MalformedMessage) throw read;
    expect(stated(read)).to.deep.equal(datagram.parsed);
    expect(plain(parseMessage(serializeMessage(read))), 'written and read again').to.deep.equal(plain(read));
    return;
  }
  if (!(read instanceof MalformedMessage)) throw new Error('it was taken for a message');
  if ('refused' in datagram) {
    expect({ status: read.status, reason: read.reason }).to.deep.equal(datagram.refused);
    expect(read.request, 'somebody to answer').not.to.equal(undefined);
  } else {
    expect(read.reason).to.equal(datagram.dropped.reason);
    expect(read.request, 'somebody to answer').to.equal(undefined);
  }
}

/** A value as its reader has it, with plain objects for maps; 'refused' when the reader refuses it. */
function read(reader: () => object): unknown {
  try {
    return Object.fromEntries(
      Object.entries(reader()).map(([key, value]) => [
        key,
        value instanceof Map ? Object.fromEntries(value) : value,
      ]),
    );
  } catch (error) {
    const named = [MalformedUri, MalformedVia, MalformedNameAddress, MalformedCSeq];
    if (named.some((kind) => error instanceof kind)) return 'refused';
    throw error;
  }
}

const NAME_ADDRESSES: ReadonlySet<string> = new Set(['To', 'From', 'Contact', 'Route', 'Record-Route']);

function takenApart(message: SipMessage, name: string): unknown {
  if (name === 'uri') return read(() => parseUri(message.kind === 'request' ? message.uri : ''));
  if (name === 'CSeq') return read(() => parseCSeq(message.headers.get('CSeq') ?? ''));
  const values = message.headers.all(name);
  if (name !== 'Via' && !NAME_ADDRESSES.has(name)) return values;
  const each = values.map((value) =>
    read(() => (name === 'Via' ? parseVia(value) : parseNameAddress(value))),
  );
  return each.includes('refused') ? 'refused' : each;
}

function checkTakenApart({ bytes, stated: { takenApart: parts = {} } }: TortureMessage): void {
  for (const [name, value] of Object.entries(parts)) {
    expect(takenApart(parseMessage(bytes), name), name).to.deep.equal(value);
  }
}

/** What a framer makes of the pieces, put shortly. */
function framed(pieces: readonly Buffer[]): { readonly seen: unknown[]; readonly waiting: boolean } {
  const framer = new StreamFramer();
  const seen = pieces.flatMap((piece) => framer.push(piece)).map(inShort);
  return { seen, waiting: framer.midMessage };
}

function inShort(each: Framed): unknown {
  switch (each.kind) {
    case 'message':
      return { message: plain(each.message) };
    case 'ping':
      return 'ping';
    case 'malformed':
    case 'fault':
      return { [each.kind]: each.error.reason };
  }
}

function checkStream(torture: TortureMessage): void {
  const { bytes, stated: outcome } = torture;
  const whole = framed([bytes]);
  expect(whole.waiting, 'more is awaited').to.equal(outcome.stream === 'waits');
  expect(whole.seen).to.deep.equal(expectedOnStream(torture, whole.seen));
  for (let at = 1; at < bytes.length; at++) {
    const cut = framed([bytes.subarray(0, at), bytes.subarray(at)]);
    // Two thousand times the quick way; the other to show the difference.
    if (!isDeepStrictEqual(cut, whole)) expect(cut, `cut at ${at}`).to.deep.equal(whole);
  }
  const bytewise = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  expect(framed(bytewise), 'byte by byte').to.deep.equal(whole);
}

function expectedOnStream({ bytes, stated: outcome }: TortureMessage, seen: unknown[]): unknown[] {
  const { datagram, stream } = outcome;
  const reason =
    'refused' in datagram ? datagram.refused.reason : 'dropped' in datagram ? datagram.dropped.reason : '';
  if (stream === 'same') return [{ message: plain(parseMessage(bytes)) }];
  if (stream === 'malformed' || stream === 'fault') return [{ [stream]: reason }];
  if (stream === 'waits') return [];
  if ('fault' in stream) return [{ fault: stream.fault }];
  const methods = seen.slice(0, -1).map((each) => (each as { message: { method: string } }).message.method);
  expect(methods).to.deep.equal(stream.messages);
  return [...seen.slice(0, -1), { fault: stream.then }];
}

for (const rfc of ['rfc4475', 'rfc5118'] as const) {
  const messages = tortureMessages(rfc);
  const title = rfc.replace('rfc', 'RFC ');

  describe(`torture messages of ${title}`, () => {
    it('are all there', () => {
      expect(messages).to.have.lengthOf(COUNTS[rfc]);
    });

    for (const torture of messages) {
      it(`§${torture.section} ${torture.name}: ${torture.stated.title}`, () => {
        checkDatagram(torture);
        checkTakenApart(torture);
        checkStream(torture);
      });
    }
  });
}
