import { setTimeout as pause } from 'node:timers/promises';
import { startMariadb } from '../peers/mariadb.ts';
import type { Mariadb } from '../peers/mariadb.ts';
import type { Bench, Figures, Part } from './bench.ts';
import type { Answerer } from './answerer.ts';
import { startAnswerer } from './answerer.ts';
import { fillLamps } from './lamps.ts';
import { startMeasured } from './measured-program.ts';
import { median, rounded } from './percentiles.ts';
import { openSql } from './sql.ts';

const MAILBOXES = 1_000_000;
const STARTS = 3;
/** ms for one state of the database. */
const STATE = 240_000;
/** s that the program is watched after it is ready. */
const WATCHED = 20;

/** Time to ready and memory with a million mailboxes waiting in MariaDB. */
export const lampMillion: Part = {
  deadline: 780_000,
  measure: async (bench) => {
    const mariadb = await bench.keep(startMariadb());
    const answerer = await bench.keep(startAnswerer());
    const figures: Record<string, Figures> = {};
    for (const state of ['empty', 'live', 'due'] as const) {
      figures[state] = await bench.measure(`lamp-million: ${state}`, STATE, (own) =>
        start(own, mariadb, answerer, state),
      );
    }
    return { mailboxes: bench.count(MAILBOXES, 1_000), ...figures };
  },
};

/** Starts the program a few times on a database in this state, and watches what it does the last time. */
async function start(
  bench: Bench,
  mariadb: Mariadb,
  answerer: Answerer,
  state: 'empty' | 'live' | 'due',
): Promise<Figures> {
  const url = await mariadb.createDatabase(state);
  const environment = {
    DATABASE_URL: url,
    PRESENCE_SERVER: `sip:127.0.0.1:${answerer.port.tcp};transport=tcp`,
  };
  await (await bench.keep(startMeasured(environment))).stop();
  let fillSeconds = 0;
  if (state !== 'empty') {
    bench.tell(`making mailboxes whose lamps are ${state}`);
    const sql = await bench.keep(openSql(url));
    const startedAt = performance.now();
    await fillLamps(sql, bench.count(MAILBOXES, 1_000), state);
    fillSeconds = rounded((performance.now() - startedAt) / 1_000, 1);
  }
  bench.tell(`starting with ${state === 'empty' ? 'an empty database' : `lamps that are ${state}`}`);
  const readyMs: number[] = [];
  const first = await answerer.counts();
  for (let i = 1; i < STARTS; i++) {
    const program = await bench.keep(startMeasured(environment));
    readyMs.push(program.readyAfter);
    await program.stop();
  }
  const before = await answerer.counts();
  const program = await bench.keep(startMeasured(environment));
  readyMs.push(program.readyAfter);
  const [atReady, cpuAtReady] = [program.memory(), program.cpu()];
  const watched = bench.duration(WATCHED);
  await pause(watched);
  const [later, cpuLater, after] = [program.memory(), program.cpu(), await answerer.counts()];
  await program.stop();
  return {
    readyMs: median(readyMs),
    readyMsSlowest: Math.max(...readyMs),
    rssMbAtReady: atReady.now,
    rssMbLater: later.now,
    rssMbPeak: later.peak,
    watchedSeconds: rounded(watched / 1_000),
    publishes: after.toMailboxes - before.toMailboxes,
    publishesOfEarlierStarts: before.toMailboxes - first.toMailboxes,
    publishesOfItsOwn: after.publishes - before.publishes - (after.toMailboxes - before.toMailboxes),
    cpuShareMeanwhile: rounded((cpuLater - cpuAtReady) / watched),
    fillSeconds,
  };
}
