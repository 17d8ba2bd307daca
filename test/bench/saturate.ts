import type { Bench, Figures } from './bench.ts';
import { percentiles, rounded } from './percentiles.ts';
import { RawClient } from './raw-client.ts';
import type { Transport } from './raw-link.ts';
import { RawPresentity } from './raw-publisher.ts';

/** PUBLISHes under way at a time: enough that the server never waits for us. */
const WINDOW = 64;

/** What a presence server takes from a plain generator of PUBLISHes that sends as fast as it is answered. */
export async function saturate(
  bench: Bench,
  transport: Transport,
  port: number,
  presentities: number,
  duration: number,
): Promise<Figures & { readonly publishesPerSecond: number }> {
  const client = await bench.keep(RawClient.open(transport, port));
  const all = Array.from({ length: presentities }, (_, i) => new RawPresentity(`sip:raw${i}@example.test`));
  const times: number[] = [];
  let next = 0;
  const unaccepted: Record<string, number> = {};
  const started = performance.now();
  const end = started + duration;
  const cpuBefore = process.cpuUsage();
  const hand = async (): Promise<void> => {
    while (performance.now() < end) {
      const presentity = all[next++ % all.length];
      if (presentity === undefined || presentity.isBusy) continue;
      const sentAt = performance.now();
      const answer = await presentity.publish(client);
      if (answer?.status === 200) {
        times.push(answer.at - sentAt);
      } else {
        const status = answer?.status ?? 'unanswered';
        unaccepted[status] = (unaccepted[status] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(WINDOW, presentities) }, hand));
  const elapsed = performance.now() - started;
  const { user, system } = process.cpuUsage(cpuBefore);
  await client.stop();
  return {
    publishesPerSecond: Math.round((times.length * 1_000) / elapsed),
    unaccepted,
    retransmissions: client.retransmissions,
    answerMs: percentiles(times),
    generatorCpuShare: rounded((user + system) / 1_000 / elapsed),
  };
}
