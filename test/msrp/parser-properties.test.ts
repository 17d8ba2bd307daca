import { expect } from 'chai';
import fc from 'fast-check';
import type { ContinuationFlag, ParserEvent } from '../../src/msrp/frame.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import { MsrpParser } from '../../src/msrp/parser.ts';
import { settle } from '../doubles/fake-clock.ts';
import { msrpRequest } from '../doubles/raw-msrp-client.ts';
import { Assembly, FIXTURE_PEER } from './assembly.ts';

/** Events with the pieces of each body joined: how it is cut is not said. */
function joined(events: readonly ParserEvent[]): unknown[] {
  const seen: unknown[] = [];
  let body: Buffer[] = [];
  for (const event of events) {
    if (event.kind === 'body') body.push(event.bytes);
    else seen.push(event.kind === 'malformed' ? { kind: event.kind, why: event.error.message } : event);
    if (event.kind !== 'end') continue;
    seen.push(Buffer.concat(body).toString('latin1'));
    body = [];
  }
  return seen;
}

function cutAt(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const points = [...new Set([0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length])].sort(
    (a, b) => a - b,
  );
  return points.slice(1).map((point, index) => stream.subarray(points[index], point));
}

const LINES = fc.constantFrom(
  'MSRP tid12345 SEND',
  'MSRP tid12345 200 OK',
  'MSRP other123 REPORT',
  'To-Path: msrp://127.0.0.1:2855/abc;tcp',
  'Content-Type: text/plain',
  'X: \u00e4\u2028',
  'no header',
  '',
  '',
  '-------tid12345$',
  '-------tid12345+',
  '-------other123#',
  '-------tid12345',
  'text\n\r',
  '\0\x01',
);

describe('any bytes at all', () => {
  it('make the same events wherever they are cut', () => {
    const stream = fc
      .array(fc.tuple(LINES, fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r')), { maxLength: 40 })
      .map((lines) => Buffer.from(lines.flat().join('')));
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 12 }), (bytes, cuts) => {
        const whole = joined(new MsrpParser(MSRP_LIMITS).push(bytes));
        const parser = new MsrpParser(MSRP_LIMITS);
        // What was read may be written over once it was handed in and its events were taken.
        const seen = cutAt(bytes, cuts).flatMap((piece) => {
          const read = Buffer.from(piece);
          const events = parser
            .push(read)
            .map((event) => (event.kind === 'body' ? { ...event, bytes: Buffer.from(event.bytes) } : event));
          read.fill('!');
          return events;
        });
        expect(joined(seen)).to.deep.equal(whole);
      }),
      { numRuns: 3_000 },
    );
  });
});

interface Chunk {
  readonly session: number;
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly isLast: boolean;
  readonly range: string;
  readonly bytes: Buffer;
}

/** A message, where it is cut, how far each chunk begins before the end of the one before, and how its ranges are written. */
const SENT = fc.record({
  session: fc.nat(2),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 400 }),
  cuts: fc.array(fc.nat(), { maxLength: 6 }),
  overlaps: fc.infiniteStream(fc.nat(20)),
  openEnd: fc.boolean(),
  unknownTotal: fc.boolean(),
});

function chunksOf(sent: typeof SENT extends fc.Arbitrary<infer T> ? T : never, id: string): Chunk[] {
  const bytes = Buffer.from(sent.bytes);
  const points = [...new Set([0, ...sent.cuts.map((cut) => cut % bytes.length), bytes.length])].sort(
    (a, b) => a - b,
  );
  return points.slice(1).map((end, index) => {
    const start = Math.max(0, (points[index] ?? 0) - Number(sent.overlaps.next().value));
    const range = `${start + 1}-${sent.openEnd ? '*' : end}/${sent.unknownTotal ? '*' : bytes.length}`;
    const isLast = end === bytes.length;
    return { session: sent.session, id, start, end, isLast, range, bytes: bytes.subarray(start, end) };
  });
}

describe('any messages of several sessions over one connection', () => {
  it('come out as they were sent, however they were cut, overlapped, ordered, interleaved and read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(SENT, { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(fc.nat()),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (sent, ranks, cuts) => {
          const assembly = new Assembly();
          const got: string[] = [];
          const sessions = [0, 1, 2].map((index) =>
            assembly.open(({ messageId, content }) => {
              got.push(`${index} ${messageId} ${content.toString('hex')}`);
              return Promise.resolve();
            }, `session${index}`),
          );
          const chunks = sent
            .flatMap((message, index) => chunksOf(message, `m${index}`))
            .map((chunk) => ({ chunk, rank: ranks.next().value as number }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ chunk }) => chunk);
          const stream = chunks.map(({ session, id, isLast, range, bytes }, index) => {
            const flag: ContinuationFlag = isLast ? '$' : '+';
            return msrpRequest({
              transactId: `tid${String(index).padStart(5, '0')}`,
              to: `msrp://127.0.0.1:2855/session${session};tcp`,
              from: FIXTURE_PEER.replace(';', `${session};`),
              headers: [`Message-ID: ${id}`, `Byte-Range: ${range}`, 'Content-Type: a/b'],
              body: bytes,
              flag,
            });
          });
          const link = assembly.connect();
          link.feed(...cutAt(Buffer.concat(stream), cuts));
          await settle();
          expect(link.answers.filter((answer) => answer.endsWith(' 200'))).to.have.length(chunks.length);
          const wanted = sent.map(
            ({ session, bytes }, index) => `${session} m${index} ${Buffer.from(bytes).toString('hex')}`,
          );
          expect(got.sort()).to.deep.equal(wanted.sort());
          for (const session of sessions) session.close();
          assembly.close();
          await settle();
          expect(assembly.room.taken).to.equal(0);
          expect(assembly.clock.pendingTimers).to.equal(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** Seconds of the processor that it takes. */
function cost(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

describe('the work of the parser', () => {
  const HEAD = 'MSRP tid12345 SEND\r\nContent-Type: a/b\r\n\r\n';

  function feed(stream: Buffer, piece: number): { readonly seconds: number; readonly passed: number } {
    const parser = new MsrpParser(MSRP_LIMITS);
    let passed = 0;
    const seconds = cost(() => {
      for (let at = 0; at < stream.length; at += piece) {
        for (const event of parser.push(stream.subarray(at, at + piece))) {
          if (event.kind === 'body') passed += event.bytes.length;
        }
      }
    });
    return { seconds, passed };
  }

  for (const [what, fill] of [
    ['plain text', 'a line of text\r\n'],
    ['nothing but look-alikes of its end-line', '\r\n-------tid12345'],
    ['nothing but line ends', '\r\n'],
  ] as const) {
    it(`grows with the length of a body of ${what} only, in pieces of a byte and of 2 KB`, () => {
      const body = (length: number): Buffer =>
        Buffer.concat([
          Buffer.from(HEAD),
          Buffer.alloc(length, fill),
          Buffer.from('\r\n-------tid12345$\r\n'),
        ]);
      feed(body(100_000), 1);
      for (const [piece, length] of [
        [1, 500_000],
        [2_048, 10_000_000],
      ] as const) {
        const fifth = feed(body(length / 5), piece);
        const whole = feed(body(length), piece);
        expect(whole.passed).to.equal(length);
        // Were it the square, this would be 25 times; noise is allowed for.
        expect(whole.seconds).to.be.below(12 * fifth.seconds + 0.2);
      }
    });
  }

  it('does not search a head again with every byte of it', () => {
    const line = (length: number): Buffer => Buffer.from(`${HEAD.slice(0, 20)}X: ${'y'.repeat(length)}`);
    const limits = { ...MSRP_LIMITS, head: 4_000_000 };
    const run = (length: number): number => {
      const parser = new MsrpParser(limits);
      const bytes = line(length);
      return cost(() => {
        for (let at = 0; at < bytes.length; at++) parser.push(bytes.subarray(at, at + 1));
      });
    };
    run(100_000);
    const [fifth, whole] = [run(400_000), run(2_000_000)];
    expect(whole).to.be.below(12 * fifth + 0.2);
  });
});
