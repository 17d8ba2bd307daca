import { seededRandom } from '../doubles/seeded-random.ts';
import { fuzzMutations, fuzzNearlyWellFormed, fuzzWellFormed } from './campaigns.ts';
import { fuzzEngine } from './engine-under-fuzz.ts';
import { collectedHeap } from './heap.ts';
import { originals } from './originals.ts';
import type { Tally } from './read-everything.ts';
import { UNITS, readMuchOf } from './worst-cases.ts';

/** Of each kind of message. Every one is read as a datagram, as a stream whole and in pieces, and value by value. */
const WELL_FORMED = 100_000;
const NEARLY = 100_000;
const MUTATIONS = 50_000;
/** How many go through a whole engine besides. */
const THROUGH_ENGINE = 4_000;
/** Pairs of things that there is much of. */
const PAIRS = 400;
/** By how much the heap may be larger at the end than in the midst, bytes. */
const GROWTH = 4 * 1024 * 1024;

const count = (number: number): string => number.toLocaleString('en');
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function timed<T>(
  work: () => T | Promise<T>,
): Promise<{ readonly result: T; readonly seconds: string }> {
  const started = performance.now();
  const result = await work();
  return { result, seconds: `${((performance.now() - started) / 1_000).toFixed(1)} s` };
}

async function read(what: string, work: () => Tally): Promise<void> {
  const { result, seconds } = await timed(work);
  const { ms, bytes } = result.slowest;
  const slowest = `slowest ${ms.toFixed(1)} ms for ${count(bytes)} bytes`;
  say(`${what}: ${count(result.read)} read, ${count(result.refused)} refused, ${seconds}; ${slowest}`);
}

function readPairs(seed: number): number {
  const random = seededRandom(seed);
  const unit = (): string => UNITS[Math.floor(random.fraction() * UNITS.length)] ?? ' ';
  let readings = 0;
  for (let pair = 0; pair < PAIRS; pair++) readings += readMuchOf(unit(), unit());
  return readings;
}

async function main(): Promise<void> {
  const given = process.env['FUZZ_SEED'];
  const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given);
  if (!Number.isSafeInteger(seed)) throw new Error('FUZZ_SEED is a whole number');
  say(`FUZZ_SEED=${seed}`);
  const before = collectedHeap();
  await read(`${count(WELL_FORMED)} messages by the grammar`, () => fuzzWellFormed(WELL_FORMED, seed));
  await read(`${count(NEARLY)} messages with a fault or two`, () => fuzzNearlyWellFormed(NEARLY, seed));
  const fixtures = count(originals().length);
  await read(`${count(MUTATIONS)} mutations of ${fixtures} fixtures`, () => fuzzMutations(MUTATIONS, seed));
  const pairs = await timed(() => readPairs(seed));
  say(`47 KB of ${count(PAIRS)} pairs of the same: ${count(pairs.result)} readings, ${pairs.seconds}`);
  const after = collectedHeap();
  say(`heap ${megabytes(before)} before, ${megabytes(after)} after`);
  if (after - before > 2 * GROWTH) throw new Error('the heap has grown');
  const { result, seconds } = await timed(() => fuzzEngine(THROUGH_ENGINE, seed, GROWTH));
  const { sent, shown, alive, heap } = result;
  say(`${count(sent)} to an engine by UDP and TCP: ${count(shown)} shown to the application, ${seconds}`);
  say(`transactions and dialogs: ${count(alive.most)} at most, ${alive.left} left; all peers answered`);
  say(`heap ${megabytes(heap.half)} after half of them, ${megabytes(heap.end)} at the end`);
}

main().then(
  () => process.exit(),
  (error: unknown) => {
    for (let cause = error; cause instanceof Error; cause = cause.cause)
      process.stderr.write(`${cause.message}\n`);
    process.exit(1);
  },
);
