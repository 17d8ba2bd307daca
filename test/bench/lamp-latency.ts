import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { freePort } from '../peers/ports.ts';
import type { Bench, Figures, Part } from './bench.ts';
import { openFolder } from './folder.ts';
import { startLoadedKamailio } from './kamailio.ts';
import { LampWatch } from './lamp-watch.ts';
import { HIGHEST_RATE, startMeasured } from './measured-program.ts';
import { openLoop } from './open-loop.ts';
import { percentiles, rounded } from './percentiles.ts';
import { RawClient } from './raw-client.ts';
import { RawPresentity } from './raw-publisher.ts';

const USERS = 500;
const RATES = [50, 500] as const;
const SECONDS = 10;
/** ms that the last NOTIFYs are waited for. */
const LINGER = 5_000;

/** From a text to the NOTIFY that tells of it, through Kamailio; beside it a bare PUBLISH to NOTIFY through the same Kamailio. */
export const lampLatency: Part = {
  deadline: 180_000,
  measure: async (bench) => {
    const port = await freePort();
    const kamailio = await bench.keep(startLoadedKamailio(`sip:127.0.0.1:${port};transport=tcp`));
    const folder = await bench.keep(openFolder('bench-latency'));
    const program = await bench.keep(
      startMeasured({
        SIP_LISTEN: `udp:127.0.0.1:${port},tcp:127.0.0.1:${port}`,
        DATABASE_URL: `sqlite:${join(folder.path, 'mailbox.db')}`,
        PRESENCE_SERVER: `sip:127.0.0.1:${kamailio.port};transport=tcp`,
        PUBLISH_RATE: HIGHEST_RATE,
        LOG_LEVEL: 'info',
      }),
    );
    const users = bench.count(USERS, 50);
    bench.tell(`${2 * users} phones subscribe`);
    const watch = await bench.keep(LampWatch.open(kamailio.port));
    const client = await bench.keep(RawClient.open('udp', kamailio.port));
    const owners = names('user', users);
    const bare = names('bare', users);
    await watch.subscribe([...owners, ...bare]);
    const presentities = bare.map((name) => new RawPresentity(`sip:${name}@example.test`));
    const figures: Record<string, Figures> = {};
    for (const rate of RATES) {
      bench.tell(`${rate} PUBLISHes a second by themselves`);
      const publish = await publishes(bench, rate, client, watch, presentities);
      bench.tell(`${rate} texts a second`);
      const deposit = await deposits(bench, rate, client, watch, owners);
      figures[`at${rate}PerSecond`] = { deposit, publishAlone: publish };
    }
    const { accepted, stale, unanswered, refused } = await program.answers();
    return { users, ...figures, publishAnswers: { accepted, stale412: stale, unanswered, refused } };
  },
};

function names(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${kind}${i}`);
}

/** One text or PUBLISH on its way. All times are ms of the monotonic clock. */
interface Journey {
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly notifiedAt: number | undefined;
}

async function deposits(
  bench: Bench,
  rate: number,
  client: RawClient,
  watch: LampWatch,
  owners: readonly string[],
): Promise<Figures> {
  const before = client.retransmissions;
  const journeys: Promise<Journey | undefined>[] = [];
  const lateness = await openLoop(rate, bench.duration(SECONDS), (i) => {
    const owner = owners[i % owners.length] ?? '';
    // The lamp tells how many texts wait: this one is told of once it counts it.
    const notified = watch.expect(owner);
    const answered = client.request({
      method: 'MESSAGE',
      uri: `sip:${owner}@example.test`,
      from: 'sip:bob@example.test',
      headers: ['Content-Type: text/plain'],
      body: `text ${i} of the bench`,
    });
    journeys.push(journey(performance.now(), answered, notified));
  });
  return await summed(journeys, lateness, watch, client.retransmissions - before);
}

async function publishes(
  bench: Bench,
  rate: number,
  client: RawClient,
  watch: LampWatch,
  presentities: readonly RawPresentity[],
): Promise<Figures> {
  const before = client.retransmissions;
  const journeys: Promise<Journey | undefined>[] = [];
  const lateness = await openLoop(rate, bench.duration(SECONDS), (i) => {
    const presentity = presentities[i % presentities.length];
    // Its last PUBLISH is still under way: a server that slow shows in the times of the others.
    if (presentity === undefined || presentity.isBusy) return;
    const notified = watch.expect(/sip:(\w+)@/.exec(presentity.uri)?.[1] ?? '');
    journeys.push(journey(performance.now(), presentity.publish(client), notified));
  });
  return await summed(journeys, lateness, watch, client.retransmissions - before);
}

async function journey(
  sentAt: number,
  answering: ReturnType<RawClient['request']>,
  notifying: Promise<number | undefined>,
): Promise<Journey | undefined> {
  const [answer, notifiedAt] = await Promise.all([answering, notifying]);
  return answer?.status === 200 ? { sentAt, answeredAt: answer.at, notifiedAt } : undefined;
}

async function summed(
  journeys: readonly Promise<Journey | undefined>[],
  lateness: readonly number[],
  watch: LampWatch,
  retransmissions: number,
): Promise<Figures> {
  await Promise.race([pause(LINGER), Promise.all(journeys)]);
  watch.giveUp();
  const all = await Promise.all(journeys);
  const accepted = all.filter((one) => one !== undefined);
  const told = accepted.filter(
    (one): one is Journey & { notifiedAt: number } => one.notifiedAt !== undefined,
  );
  return {
    sent: all.length,
    unaccepted: all.length - accepted.length,
    notToldOf: accepted.length - told.length,
    retransmissions,
    toNotifyMs: percentiles(told.map((one) => one.notifiedAt - one.sentAt)),
    toAnswerMs: percentiles(accepted.map((one) => one.answeredAt - one.sentAt)),
    answerToNotifyMs: percentiles(told.map((one) => one.notifiedAt - one.answeredAt)),
    generatorLateMs: rounded(Number(percentiles(lateness)['p99'])),
  };
}
