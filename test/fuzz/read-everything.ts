import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { MalformedCSeq, parseCSeq } from '../../src/engine/message/cseq.ts';
import { MESSAGE_LIMITS } from '../../src/engine/message/limits.ts';
import { MalformedMessage } from '../../src/engine/message/malformed-message.ts';
import {
  MalformedNameAddress,
  formatNameAddress,
  parseNameAddress,
} from '../../src/engine/message/name-address.ts';
import { parseMessage } from '../../src/engine/message/parse-message.ts';
import { serializeMessage } from '../../src/engine/message/serialize-message.ts';
import type { SipMessage } from '../../src/engine/message/sip-message.ts';
import { MalformedUri, formatUri, parseUri } from '../../src/engine/message/uri.ts';
import { MalformedVia, formatVia, parseVia } from '../../src/engine/message/via.ts';
import { mergeKey, tagOf, topVia, transactionKey } from '../../src/engine/transaction/match.ts';
import { stampTopVia } from '../../src/engine/transport/incoming-via.ts';
import { StreamFramer } from '../../src/engine/transport/stream-framer.ts';
import type { Flow } from '../../src/engine/transport/transport.ts';
import { Identifiers } from '../../src/engine/user-agent/identifiers.ts';
import { answerMalformed } from '../../src/engine/user-agent/malformed.ts';
import { seededRandom } from '../doubles/seeded-random.ts';
import { plain } from '../engine/message/messages.ts';
import { atPace } from './pace.ts';
import type { Slowest } from './pace.ts';

/** What was seen while bytes were read. */
export interface Tally {
  read: number;
  refused: number;
  readonly slowest: Slowest;
}

export function newTally(): Tally {
  return { read: 0, refused: 0, slowest: { ms: 0, bytes: 0 } };
}

const identifiers = new Identifiers(seededRandom(1));
const SOURCE = { protocol: 'udp', address: '127.0.0.1', port: 5070 } as const;

/**
 * Puts bytes through every reader there is, as a datagram and as a stream cut at `cuts`. Fails when a reader throws anything
 * but its own error, when it takes too long, when what was read is written so that it reads otherwise, when an answer could
 * be taken for two, or when a stream reads otherwise in pieces. Returns the message, if it is one.
 */
export function readEverything(bytes: Buffer, cuts: readonly number[], tally: Tally): SipMessage | undefined {
  const message = atPace(bytes.length, () => asDatagram(bytes), tally.slowest);
  if (message instanceof MalformedMessage) {
    tally.refused++;
    checkAnswer(message);
  } else {
    tally.read++;
    checkStable(message);
    checkValues(message);
  }
  checkStream(bytes, cuts);
  return message instanceof MalformedMessage ? undefined : message;
}

function asDatagram(bytes: Buffer): SipMessage | MalformedMessage {
  return named(() => parseMessage(bytes), MalformedMessage);
}

/** What is read, or the one error that its reader may throw. */
function named<T, E extends Error>(read: () => T, allowed: abstract new (...args: never[]) => E): T | E {
  try {
    return read();
  } catch (error) {
    if (error instanceof allowed) return error;
    throw error;
  }
}

/** What was read and written reads the same again, and is then written the same. */
function checkStable(message: SipMessage): void {
  const bytes = serializeMessage(message);
  // Compact forms are written out and Latin-1 grows: what came within the limits may leave beyond them.
  const headLength = bytes.length - message.body.length;
  if (headLength > MESSAGE_LIMITS.headerSection || bytes.length > MESSAGE_LIMITS.message) return;
  if ([...message.headers.entries()].length >= MESSAGE_LIMITS.headerFields) return;
  const again = parseMessage(bytes);
  if (!isDeepStrictEqual(plain(again), plain(message))) expect(plain(again)).to.deep.equal(plain(message));
  expect(serializeMessage(again).equals(bytes), 'written the same').to.equal(true);
}

/** Values read by their grammars, or refused by their own errors; what is read is written so that it reads the same. */
function checkValues(message: SipMessage): void {
  const { headers } = message;
  for (const [name] of headers.entries()) {
    for (const value of headers.all(name)) {
      if (value === '') continue;
      const { length } = value;
      atPace(length, () => checkAgain(value, MalformedNameAddress, parseNameAddress, formatNameAddress));
      atPace(length, () => checkAgain(value, MalformedVia, parseVia, formatVia));
      atPace(length, () => checkAgain(value, MalformedUri, parseUri, formatUri));
      atPace(length, () => named(() => parseCSeq(value), MalformedCSeq));
      atPace(length, () => tagOf(value));
    }
  }
  if (message.kind === 'response') return;
  checkAgain(message.uri, MalformedUri, parseUri, formatUri);
  const copy = headers.clone();
  const stamped = named(() => stampTopVia(copy, SOURCE), MalformedVia);
  if (stamped instanceof MalformedVia) return;
  const via = topVia(copy);
  expect(via.params.get('received') ?? via.host, 'where it came from').to.equal(SOURCE.address);
  expect(copy.all('Via').length, 'Vias').to.equal(headers.all('Via').length);
  transactionKey(message, via);
  mergeKey(message);
}

function checkAgain<T>(
  text: string,
  allowed: abstract new (...args: never[]) => Error,
  parse: (text: string) => T,
  format: (value: T) => string,
): void {
  const value = named(() => parse(text), allowed);
  if (value instanceof allowed) return;
  const again = parse(format(value));
  if (!isDeepStrictEqual(again, value)) expect(again, text).to.deep.equal(value);
}

/** Threat: a request that is answered with what it says makes of one answer two. */
function checkAnswer(error: MalformedMessage): void {
  const sent: Buffer[] = [];
  const flow: Flow = {
    local: SOURCE,
    remote: SOURCE,
    send: async (bytes) => {
      sent.push(bytes);
      await Promise.resolve();
    },
  };
  answerMalformed(error, flow, identifiers);
  for (const bytes of sent) {
    const framer = new StreamFramer();
    const framed = framer.push(bytes);
    expect(framed.length, 'answers').to.equal(1);
    expect(framer.midMessage, 'more behind the answer').to.equal(false);
    expect(bytes.toString('latin1').startsWith(`SIP/2.0 ${error.status} `)).to.equal(true);
  }
}

/** A stream says the same however it is cut. */
function checkStream(bytes: Buffer, cuts: readonly number[]): void {
  const whole = atPace(bytes.length, () => framedOf([bytes]));
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const pieces = [0, ...places].map((place, index) => bytes.subarray(place, places[index] ?? bytes.length));
  const cut = framedOf(pieces);
  if (!isDeepStrictEqual(cut, whole)) expect(cut, `cut at ${places.join()}`).to.deep.equal(whole);
}

function framedOf(pieces: readonly Buffer[]): unknown[] {
  const framer = new StreamFramer();
  const framed: unknown[] = [];
  for (const piece of pieces) {
    for (const each of framer.push(piece)) {
      if (each.kind === 'message') framed.push(plain(each.message));
      else framed.push(each.kind === 'ping' ? 'ping' : [each.kind, each.error.status, each.error.reason]);
    }
  }
  return [...framed, framer.midMessage];
}

/** Bytes as one line of text that can be pasted into a test. */
export function shown(bytes: Buffer): string {
  return `Buffer.from(${JSON.stringify(bytes.toString('latin1'))}, 'latin1')`;
}
