import { Bench } from '../bench/bench.ts';
import { machine } from '../bench/machine.ts';
import { soak } from './soak.ts';

/*
 * Hours of an even load in small: prints one JSON object, and fails when a text or a call did or when the memory moved.
 *
 *   SOAK_MINUTES   30 unless given
 *   SOAK_RATE      texts and calls a second; half of the peak, which is measured first, unless given
 */

async function main(): Promise<void> {
  const minutes = Number(process.env['SOAK_MINUTES'] ?? 30);
  const rate = process.env['SOAK_RATE'] === undefined ? undefined : Number(process.env['SOAK_RATE']);
  if (!(Number.isInteger(minutes) && minutes >= 1)) throw new Error('SOAK_MINUTES is a whole number above 0');
  if (rate !== undefined && !(rate >= 10)) throw new Error('SOAK_RATE is at least 10');
  const bench = new Bench(1);
  const interrupt = (): void => void bench.stop().finally(() => process.exit(130));
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    const { figures, passed } = await soak(bench, { minutes, rate });
    process.stdout.write(`${JSON.stringify({ machine: machine(), passed, soak: figures }, null, 2)}\n`);
    if (!passed) process.exitCode = 1;
  } finally {
    await bench.stop();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
