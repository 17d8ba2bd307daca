import type { Bench, Figures } from '../bench/bench.ts';
import { Child } from '../bench/child.ts';
import type { LoadOrder, LoadReport } from '../bench/engine-generator.ts';
import type { LoadKind } from '../bench/engine-load.ts';
import type { ServedEngine } from '../bench/engine-server.ts';
import { startServedEngine } from '../bench/engine-server.ts';
import { rounded } from '../bench/percentiles.ts';
import { memoryOf } from '../bench/process-cost.ts';
import type { Transport } from '../bench/raw-link.ts';
import { flatness } from './flatness.ts';

/** How long, and how much. */
export interface SoakOptions {
  readonly minutes: number;
  /** Texts and calls a second, all together; undefined: half of what is measured first, within {@link MOST}. */
  readonly rate: number | undefined;
}

/** What is asked, and its share of the whole. */
const MIX: readonly (readonly [kind: LoadKind, transport: Transport, share: number])[] = [
  ['message', 'udp', 0.7],
  ['message', 'tcp', 0.1],
  ['call', 'udp', 0.15],
  ['call', 'tcp', 0.05],
];

const MINUTE = 60_000;
const SAMPLE_EVERY = 10_000;
/**
 * Memory grows until every table has filled and the code is compiled; minutes, or a third of a shorter soak. What follows is
 * compared by stretches of as much: an answered request is kept for 32 s, so the collector takes a breath that long.
 */
const WARM_UP = 5;
/** Requests under way at a time where the peak is sought. */
const WINDOW = 128;
const PEAK_SECONDS = 10;
/** Texts and calls a second at most: a soak shares the machine with its own generators. */
const MOST = 5_000;

/** How much the memory may move after the warm-up, percent either way. */
const FLAT = 5;

/** An engine and an application under an even load, their memory and every answer watched. */
export async function soak(
  bench: Bench,
  { minutes, rate }: SoakOptions,
): Promise<{ figures: Figures; passed: boolean }> {
  const served = await startServedEngine(bench);
  const generators = await Promise.all(
    MIX.map(() => bench.keep(Promise.resolve(Child.start('engine-generator-process')))),
  );
  const perSecond = rate ?? (await halfOfPeak(served, generators[0]));
  bench.tell(`${perSecond} a second for ${minutes} minutes`);
  const memory: Record<'engine' | 'application', number[]> = { engine: [], application: [] };
  const sampling = setInterval(() => {
    memory.engine.push(memoryOf(served.enginePid).now);
    memory.application.push(memoryOf(served.applicationPid).now);
  }, SAMPLE_EVERY);
  const byMinute: Figures[] = [];
  let failed = 0;
  let done = 0;
  for (let minute = 1; minute <= minutes; minute++) {
    const reports = await Promise.all(
      MIX.map(([kind, transport, share], index) => {
        const pace = { rate: Math.max(1, Math.round(perSecond * share)) };
        const server = served.ports[transport];
        return asked(generators[index], { transport, server, kind, pace, duration: MINUTE });
      }),
    );
    const ends = reports.map(outcome);
    failed += ends.reduce((sum, end) => sum + end.failed, 0);
    done += reports.reduce((sum, report) => sum + report.accepted, 0);
    byMinute.push({ minute, ...memoryNow(memory), ...named(ends.map(({ figures }) => figures)) });
    bench.tell(
      `minute ${minute}: ${failed} failed of ${done + failed}, ${JSON.stringify(memoryNow(memory))}`,
    );
  }
  clearInterval(sampling);
  const warm = Math.floor(Math.min(WARM_UP, minutes / 3) * (MINUTE / SAMPLE_EVERY));
  const engine = flatness(memory.engine.slice(warm), warm);
  const application = flatness(memory.application.slice(warm), warm);
  return {
    figures: {
      perSecond,
      minutes,
      accepted: done,
      failed,
      memoryMBAfterWarmUp: { engine: { ...engine }, application: { ...application } },
      byMinute,
    },
    passed: failed === 0 && engine.movedPercent <= FLAT && application.movedPercent <= FLAT,
  };
}

async function halfOfPeak(served: ServedEngine, generator: Child | undefined): Promise<number> {
  const order = {
    transport: 'udp',
    server: served.ports.udp,
    kind: 'message',
    pace: { window: WINDOW },
  } as const;
  await asked(generator, { ...order, duration: 2_000 });
  const { perSecond } = await asked(generator, { ...order, duration: PEAK_SECONDS * 1_000 });
  // A call is three requests, so the mix weighs more than texts alone.
  const [calls, texts] = [share('call'), share('message')];
  return Math.min(MOST, Math.round(perSecond / 2 / (texts + 3 * calls)));
}

function share(wanted: LoadKind): number {
  return MIX.reduce((sum, [kind, , part]) => (kind === wanted ? sum + part : sum), 0);
}

async function asked(generator: Child | undefined, order: LoadOrder): Promise<LoadReport> {
  if (generator === undefined) throw new RangeError('every part of the mix has a generator');
  return await generator.ask<LoadReport>(order);
}

function outcome(report: LoadReport): { failed: number; figures: Figures } {
  const failed = report.sent - report.accepted;
  const { retransmissions, toAnswerMs } = report;
  return {
    failed,
    figures: { failed, retransmissions, p99: toAnswerMs['p99'] ?? 0, max: toAnswerMs['max'] ?? 0 },
  };
}

function named(figures: readonly Figures[]): Record<string, Figures> {
  return Object.fromEntries(
    MIX.map(([kind, transport], index) => [`${kind}-${transport}`, figures[index] ?? {}]),
  );
}

function memoryNow(memory: Readonly<Record<'engine' | 'application', number[]>>): Record<string, number> {
  return {
    engineMB: rounded(memory.engine.at(-1) ?? 0),
    applicationMB: rounded(memory.application.at(-1) ?? 0),
  };
}
