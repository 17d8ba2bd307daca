import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startMariadb } from '../peers/mariadb.ts';
import type { Mariadb } from '../peers/mariadb.ts';
import type { Bench, Figures, Part } from './bench.ts';
import { startAnswerer } from './answerer.ts';
import { openFolder } from './folder.ts';
import { startLoadedKamailio } from './kamailio.ts';
import { fillLamps, touchLamps } from './lamps.ts';
import { HIGHEST_RATE, startMeasured } from './measured-program.ts';
import type { MeasuredProgram } from './measured-program.ts';
import { rounded } from './percentiles.ts';
import type { Transport } from './raw-link.ts';
import { saturate } from './saturate.ts';
import { openSql } from './sql.ts';
import type { Sql } from './sql.ts';

const MAILBOXES = 2_000;
const SECONDS = 5;
/** ms for one presence server. */
const RUN = 60_000;
/** ms before counting begins: first PUBLISHes are over, and code is compiled. */
const WARM_UP = 2_000;
/** ms between two looks for mailboxes whose lamps are right, to let texts come there. */
const TOUCH = 100;

/** PUBLISHes a second while texts keep coming to all mailboxes. */
export const lampPublish: Part = {
  deadline: 420_000,
  measure: async (bench) => {
    const mariadb = await bench.keep(startMariadb());
    const runs: readonly [peer: Peer, transport: Transport, store: Store][] = [
      ['answerer', 'udp', 'sqlite'],
      ['answerer', 'tcp', 'sqlite'],
      ['answerer', 'tcp', 'mariadb'],
      ['kamailio', 'udp', 'sqlite'],
      ['kamailio', 'tcp', 'sqlite'],
      ['kamailio on mariadb', 'udp', 'sqlite'],
      ['kamailio on mariadb', 'tcp', 'sqlite'],
    ];
    const figures: Figures[] = [];
    for (const run of runs) {
      const [peer, transport, store] = run;
      const name = `lamp-publish: to ${peer} over ${transport}, our store in ${store}`;
      const found = await bench.measure(name, RUN, (own) => measureRun(own, mariadb, ...run));
      figures.push({ peer, transport, store, ...found });
    }
    return { mailboxes: bench.count(MAILBOXES, 200), runs: figures };
  },
};

type Peer = 'answerer' | 'kamailio' | 'kamailio on mariadb';
type Store = 'sqlite' | 'mariadb';

async function measureRun(
  bench: Bench,
  mariadb: Mariadb,
  peer: Peer,
  transport: Transport,
  store: Store,
): Promise<Figures> {
  const name = `${peer}_${transport}_${store}`.replaceAll(' ', '_');
  const mailboxes = bench.count(MAILBOXES, 200);
  const server = await startPeer(bench, mariadb, peer, transport, `presence_${name}`);
  const alone = await saturate(bench, transport, server.port, mailboxes, bench.duration(SECONDS));

  const folder = await bench.keep(openFolder('bench-lamp'));
  const url =
    store === 'sqlite'
      ? `sqlite:${join(folder.path, 'mailbox.db')}`
      : await mariadb.createDatabase(`store_${name}`);
  const environment = {
    DATABASE_URL: url,
    PRESENCE_SERVER: `sip:127.0.0.1:${server.port};transport=${transport}`,
    PUBLISH_RATE: HIGHEST_RATE,
    LOG_LEVEL: 'info',
  };
  await (await bench.keep(startMeasured(environment))).stop();
  const sql = await bench.keep(openSql(url));
  await fillLamps(sql, mailboxes, 'due');
  const program = await bench.keep(startMeasured(environment));
  const touching = await bench.keep(Promise.resolve(new Touching(sql)));
  await pause(WARM_UP);
  touching.mostRight = 0;
  const ours = await count(program, bench.duration(SECONDS));
  const { mostRight } = touching;
  await touching.stop();
  return {
    ...ours,
    // None: the program had nothing to do for a while, and could have done more.
    leastWaiting: mailboxes - mostRight,
    partOfPeerAlone: rounded(ours.publishesPerSecond / alone.publishesPerSecond),
    peerAlone: alone,
  };
}

/** A presence server that is started for one run. */
async function startPeer(
  bench: Bench,
  mariadb: Mariadb,
  peer: Peer,
  transport: Transport,
  database: string,
): Promise<{ readonly port: number }> {
  if (peer === 'answerer') {
    const answerer = await bench.keep(startAnswerer());
    return { port: answerer.port[transport] };
  }
  // No texts go through it here.
  const mailbox = 'sip:127.0.0.1:9';
  const presence = peer === 'kamailio' ? undefined : await mariadb.createDatabase(database);
  return await bench.keep(startLoadedKamailio(mailbox, presence));
}

/** Texts that keep coming. */
class Touching {
  /** Mailboxes whose lamps were right when the next texts came, at most. */
  mostRight = 0;
  #isOver = false;
  readonly #ended: Promise<void>;

  constructor(sql: Sql) {
    this.#ended = this.#run(sql);
    // Whoever stops it is told; until then nobody waits for it.
    this.#ended.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#ended;
  }

  async #run(sql: Sql): Promise<void> {
    while (!this.#isOver) {
      this.mostRight = Math.max(this.mostRight, await touchLamps(sql));
      await pause(TOUCH);
    }
  }
}

/** What the program publishes in so many ms, and what that costs it. */
async function count(
  program: MeasuredProgram,
  duration: number,
): Promise<Figures & { readonly publishesPerSecond: number }> {
  const [before, cpuBefore, startedAt] = [await program.answers(), program.cpu(), performance.now()];
  await pause(duration);
  const [after, cpuAfter, elapsed] = [await program.answers(), program.cpu(), performance.now() - startedAt];
  const accepted = after.accepted - before.accepted;
  return {
    publishesPerSecond: Math.round((accepted * 1_000) / elapsed),
    stale412: after.stale - before.stale,
    refused: after.refused - before.refused,
    unanswered: after.unanswered - before.unanswered,
    paceAtEnd: after.pace,
    cpuMsPerPublish: rounded((cpuAfter - cpuBefore) / Math.max(1, accepted), 3),
    cpuShare: rounded((cpuAfter - cpuBefore) / elapsed),
  };
}
