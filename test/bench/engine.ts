import type { Bench, Figures, Part } from './bench.ts';
import { Child } from './child.ts';
import type { LoadOrder, LoadReport } from './engine-generator.ts';
import type { LoadKind } from './engine-load.ts';
import type { ServedEngine } from './engine-server.ts';
import { startServedDrachtio, startServedEngine } from './engine-server.ts';
import { rounded } from './percentiles.ts';
import { cpuOf, memoryOf } from './process-cost.ts';

/** Under way at a time where the generator sends as fast as it is answered. */
const WINDOW = 128;
const WARM_UP = 2_000;
const SECONDS = 8;
/** What the application works on each text where more is asked than it can do, ms. */
const WORK = 0.5;
/** Parts of what a full window gives that are tried as a steady rate, the first that holds counts. */
const TRIED = [1, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5] as const;

/**
 * The engine with drachtio-srf behind it: texts and calls a second, how long each takes, and the CPU of engine and
 * application. Beside it a real drachtio-server with the same application, when DRACHTIO_SERVER_BINARY names one.
 */
export const engine: Part = {
  deadline: 800_000,
  measure: async (bench) => {
    const binary = process.env['DRACHTIO_SERVER_BINARY'];
    const builtIn = await bench.measure(
      'the built-in engine',
      300_000,
      measured((own) => startServedEngine(own)),
    );
    const overload = await bench.measure('the built-in engine, asked for too much', 120_000, overloaded);
    if (binary === undefined) return { builtIn, overload };
    const start = (own: Bench): Promise<ServedEngine> => startServedDrachtio(own, binary);
    const drachtio = await bench.measure('drachtio-server', 300_000, measured(start));
    return { builtIn, overload, drachtio };
  },
};

function measured(start: (bench: Bench) => Promise<ServedEngine>): (bench: Bench) => Promise<Figures> {
  return async (bench) => {
    const served = await start(bench);
    const generator = await bench.keep(Promise.resolve(Child.start('engine-generator-process')));
    const load = new MeasuredLoad(bench, served, generator);
    return { messages: await load.capacity('message'), calls: await load.capacity('call') };
  };
}

/**
 * The engine before an application that has work to do, so that there is CPU left to ask for more: what it gives at its
 * limit, and how much of that when twice and five times as much is asked.
 */
async function overloaded(bench: Bench): Promise<Figures> {
  const served = await startServedEngine(bench, { work: WORK });
  const generator = await bench.keep(Promise.resolve(Child.start('engine-generator-process')));
  const load = new MeasuredLoad(bench, served, generator);
  await load.run('message', { window: WINDOW }, WARM_UP);
  const duration = bench.duration(SECONDS);
  const peak = await load.run('message', { window: WINDOW }, duration);
  const figures: Record<string, Figures> = { peak: peak.figures };
  for (const times of [2, 5]) {
    bench.tell(`${times} times what it can do`);
    const { report, figures: found } = await load.run(
      'message',
      { rate: times * peak.report.perSecond },
      duration,
    );
    figures[`times${times}`] = { ofPeak: rounded(report.perSecond / peak.report.perSecond), ...found };
  }
  return figures;
}

interface Measured {
  readonly report: LoadReport;
  readonly figures: Figures;
}

/** One engine under one generator. */
class MeasuredLoad {
  readonly #bench: Bench;
  readonly #served: ServedEngine;
  readonly #generator: Child;

  constructor(bench: Bench, served: ServedEngine, generator: Child) {
    this.#bench = bench;
    this.#served = served;
    this.#generator = generator;
  }

  /** What a full window gives, the highest rate without a request sent twice or failed, and half of that. */
  async capacity(kind: LoadKind): Promise<Figures> {
    await this.run(kind, { window: WINDOW }, WARM_UP);
    const duration = this.#bench.duration(SECONDS);
    this.#bench.tell(`${kind}s as fast as they are answered`);
    const saturated = await this.run(kind, { window: WINDOW }, duration);
    for (const part of TRIED) {
      const rate = Math.round(saturated.report.perSecond * part);
      this.#bench.tell(`${rate} ${kind}s a second`);
      const highest = await this.run(kind, { rate }, duration);
      if (!isClean(highest.report)) continue;
      const half = await this.run(kind, { rate: Math.round(rate / 2) }, duration);
      return { saturated: saturated.figures, highest: highest.figures, half: half.figures };
    }
    return { saturated: saturated.figures };
  }

  /** One load, and what it took. */
  async run(kind: LoadKind, pace: LoadOrder['pace'], duration: number): Promise<Measured> {
    const { ports, enginePid, applicationPid } = this.#served;
    const order: LoadOrder = { transport: 'udp', server: ports.udp, kind, pace, duration };
    const before = [cpuOf(enginePid), cpuOf(applicationPid)] as const;
    const report = await this.#generator.ask<LoadReport>(order);
    const taken = [cpuOf(enginePid) - before[0], cpuOf(applicationPid) - before[1]] as const;
    const per1000 = (cpu: number): number => rounded(cpu / report.accepted, 3);
    const figures = {
      ...('rate' in pace ? { offeredPerSecond: pace.rate } : { window: pace.window }),
      acceptedPerSecond: report.perSecond,
      unaccepted: { ...report.refused, unanswered: report.unanswered },
      retransmissions: report.retransmissions,
      toAnswerMs: report.toAnswerMs,
      ...(kind === 'call' ? { byeToAnswerMs: report.toEndMs } : {}),
      cpuSecondsPer1000: {
        engine: per1000(taken[0]),
        application: per1000(taken[1]),
        both: per1000(taken[0] + taken[1]),
      },
      perCpuSecond: {
        engineAlone: Math.round((report.accepted * 1_000) / Math.max(1, taken[0])),
        both: Math.round((report.accepted * 1_000) / Math.max(1, taken[0] + taken[1])),
      },
      memoryMB: Math.round(memoryOf(enginePid).now),
      generatorLateMs: report.generatorLateMs,
      generatorCpuShare: report.generatorCpuShare,
    };
    return { report, figures };
  }
}

/** Nothing was refused, lost or sent twice. */
function isClean({ refused, unanswered, retransmissions }: LoadReport): boolean {
  return Object.keys(refused).length === 0 && unanswered === 0 && retransmissions === 0;
}
