import { readFileSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import { startMsrpEndpoint } from '../../src/msrp/endpoint.ts';
import { parseMsrpPath } from '../../src/msrp/uri.ts';

/*
 * A process with nothing in it but an endpoint, to see what a message costs it. It says where its session is, and of each
 * message how long it was, how far the memory of the process rose while it came, and how much of that the young generation of
 * the heap did: V8 lets it grow in steps as a process gets busy, whatever it is busy with.
 */

/** Buffers of a process at rest, in bytes. */
const LEFT_OVER = 1024 * 1024;

/** The most memory the process had since the last reset; undefined where the system does not count it. */
function highWater(): number | undefined {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

function youngGeneration(): number {
  const spaces = getHeapSpaceStatistics().filter(({ space_name }) => space_name.startsWith('new_'));
  return spaces.reduce((sum, { physical_space_size }) => sum + physical_space_size, 0);
}

class Measure {
  readonly #young: number;
  readonly #before: number;
  readonly #counted: boolean;
  #highest: number;

  constructor() {
    this.#young = youngGeneration();
    this.#counted = resetHighWater();
    this.#before = process.memoryUsage.rss();
    this.#highest = this.#before;
  }

  sample(): void {
    this.#highest = Math.max(this.#highest, process.memoryUsage.rss());
  }

  get result(): { readonly risen: number; readonly young: number } {
    this.sample();
    const highest = Math.max(this.#highest, (this.#counted ? highWater() : undefined) ?? 0);
    return { risen: highest - this.#before, young: youngGeneration() - this.#young };
  }
}

/** Whether the system counts from now; where it does not, samples must do. */
function resetHighWater(): boolean {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}

const [peer = '', limit = ''] = process.argv.slice(2);
const tell = (what: unknown): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
const endpoint = await startMsrpEndpoint({
  listen: [{ transport: 'tcp', host: '127.0.0.1', port: 0 }],
  limits: { maxMessageBytes: Number(limit) },
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  metrics: noMetrics,
});
const prepared = endpoint.prepare('tcp');
let measure = new Measure();

/** What messages before left behind must not make room for this one. */
async function begin(): Promise<void> {
  while (process.memoryUsage().arrayBuffers > LEFT_OVER) {
    globalThis.gc?.();
    // Buffers are freed by a thread of their own.
    await setImmediate();
  }
  measure = new Measure();
  tell('ready');
}

prepared.open(
  { path: parseMsrpPath(peer), setup: 'passive', fingerprints: [] },
  {
    onBound: () => undefined,
    onMessage: ({ content }) => {
      tell({ length: content.length, ...measure.result });
      // The next one is sent when this one was answered, and its bytes are gone then.
      queueMicrotask(() => void begin());
      return Promise.resolve();
    },
    onActivity: () => measure.sample(),
    onEnded: () => void endpoint.close(),
  },
);
tell({ port: endpoint.listeners[0]?.port, uri: prepared.localPath[0]?.text });
