import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { MessageRefused } from '../../src/msrp/errors.ts';
import type { Random } from '../../src/core/random.ts';
import { settle } from '../doubles/fake-clock.ts';
import { packageRoot } from '../doubles/package-root.ts';
import { seededRandom } from '../doubles/seeded-random.ts';
import { Assembly } from './assembly.ts';

const STREAMS = 100_000;
/** Streams that are open at one time. */
const BATCH = 20;
/** What the heap may have grown by at the end, in bytes: V8's own tables and compiled code, not 10 bytes for each stream. */
const HEAP_GROWTH = 2 * 1024 * 1024;

const FIXTURES = ['valid', 'invalid'].flatMap((folder) => {
  const path = join(packageRoot, 'fixtures/msrp', folder);
  return readdirSync(path).map((file) => readFileSync(join(path, file)));
});

/** One of so many. */
function pick(random: Random, count: number): number {
  return Math.floor(random.fraction() * count);
}

function anyFixture(random: Random): Buffer {
  return FIXTURES[pick(random, FIXTURES.length)] ?? Buffer.alloc(0);
}

const MUTATIONS: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  function flip(bytes, random) {
    const flipped = Buffer.from(bytes);
    const at = pick(random, bytes.length);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << pick(random, 8));
    return flipped;
  },
  function cut(bytes, random) {
    const at = pick(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + pick(random, 40))]);
  },
  function insert(bytes, random) {
    const at = pick(random, bytes.length);
    const inserted = random.fraction() < 0.5 ? random.bytes(1 + pick(random, 8)) : Buffer.from('\r\n-------');
    return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
  },
  function duplicate(bytes, random) {
    const from = pick(random, bytes.length);
    const to = from + 1 + pick(random, 200);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  function splice(bytes, random) {
    const other = anyFixture(random);
    return Buffer.concat([
      bytes.subarray(0, pick(random, bytes.length)),
      other.subarray(pick(random, other.length)),
    ]);
  },
];

function mutated(random: Random): Buffer {
  let bytes = anyFixture(random);
  for (let left = 1 + pick(random, 3); left > 0; left--) {
    bytes = MUTATIONS[pick(random, MUTATIONS.length)]?.(bytes, random) ?? bytes;
  }
  return bytes;
}

function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
}

/**
 * Feeds mutated streams, each in two pieces to a connection of its own and to a session of its own: all sessions go by the one
 * name that the fixtures know, and the latest is found by it.
 */
async function feed(
  assembly: Assembly,
  streams: number,
  random: Random,
): Promise<{ answered: number; taken: number }> {
  let [answered, taken] = [0, 0];
  for (let done = 0; done < streams; done += BATCH) {
    const links = [];
    for (let i = 0; i < BATCH; i++) {
      const outcome = random.fraction();
      const session = assembly.open(() => {
        taken++;
        if (outcome < 0.1) return Promise.reject(new Error('the disk is full'));
        if (outcome < 0.2) return Promise.reject(new MessageRefused(415, 'Not this type'));
        return Promise.resolve();
      });
      const link = assembly.connect();
      const bytes = mutated(random);
      const at = pick(random, bytes.length);
      link.feed(bytes.subarray(0, at), bytes.subarray(at));
      links.push({ session, link });
    }
    await settle();
    for (const { session, link } of links) {
      answered += link.answers.length;
      if (random.fraction() < 0.5) session.close();
      link.destroy();
      session.close();
    }
    assembly.close();
    await settle();
  }
  return { answered, taken };
}

/** How much the heap grows while something is done, bytes. */
async function grownBy<T extends object>(work: () => Promise<T>): Promise<T & { growth: number }> {
  const before = usedHeap();
  const result = await work();
  return { ...result, growth: usedHeap() - before };
}

describe('a hundred thousand mutated streams', () => {
  const { stackTraceLimit } = Error;

  // Half of them end in an error, whose stack costs more than all the rest.
  before(() => {
    Error.stackTraceLimit = 0;
  });

  after(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  it('neither crash nor leave anything behind', async () => {
    const assembly = new Assembly();
    const random = seededRandom(4975);
    await feed(assembly, STREAMS / 20, random);
    const { growth, answered, taken } = await grownBy(() => feed(assembly, STREAMS, random));
    expect(assembly.clock.pendingTimers).to.equal(0);
    expect(assembly.room.taken).to.equal(0);
    // What the tests before left to be collected or compiled grows once; what is leaked grows each time.
    const again =
      growth < HEAP_GROWTH ? growth : (await grownBy(() => feed(assembly, STREAMS, random))).growth;
    expect(again).to.be.below(HEAP_GROWTH);
    // They went deep enough to mean something.
    expect(taken).to.be.above(STREAMS / 10);
    expect(answered).to.be.above(STREAMS / 4);
  }).timeout(60_000);
});
