import type { Figures, Part } from './bench.ts';
import { Bench } from './bench.ts';
import { engine } from './engine.ts';
import { lampLatency } from './lamp-latency.ts';
import { lampMillion } from './lamp-million.ts';
import { lampPublish } from './lamp-publish.ts';
import { machine } from './machine.ts';
import { msrp } from './msrp.ts';
import { parsers } from './parsers.ts';
import { store } from './store.ts';

/*
 * Measures and prints one JSON object; what is being done meanwhile is told on stderr. Machines differ and are shared: read
 * each figure beside `machine`, and beside what the peer does alone, of the same run.
 *
 *   main.js [PART…]   the parts whose names begin so, `lamp` for all of the lamp; without, all
 *   BENCH_SCALE       0.1: a tenth of the rows and of the time, for a trial; 1 unless given
 */

const PARTS: Readonly<Record<string, Part>> = {
  parsers,
  engine,
  store,
  msrp,
  'lamp-publish': lampPublish,
  'lamp-latency': lampLatency,
  'lamp-million': lampMillion,
};

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const scale = Number(process.env['BENCH_SCALE'] ?? 1);
  if (!(scale > 0 && scale <= 1)) throw new Error('BENCH_SCALE is a number above 0 and at most 1');
  const names = Object.keys(PARTS);
  const strange = wanted.filter((word) => !names.some((name) => name.startsWith(word)));
  if (strange.length > 0) throw new Error(`no part ${strange.join(', ')}; there are ${names.join(', ')}`);
  const bench = new Bench(scale);
  let interrupted: Promise<void> | undefined;
  const interrupt = (): void => {
    // Folders and processes go, whatever is being measured.
    interrupted ??= bench.stop().finally(() => process.exit(130));
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const figures: Record<string, Figures> = { machine: { ...machine(), scale } };
  for (const [name, part] of Object.entries(PARTS)) {
    if (wanted.length > 0 && !wanted.some((word) => name.startsWith(word))) continue;
    figures[name] = await bench.measure(name, part.deadline, (own) => part.measure(own));
    await interrupted;
  }
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  // A part that overran its deadline may still wait for something.
  process.exit();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
