import { until } from '../peers/until.ts';
import type { RunningApp } from './running-app.ts';
import type { SipPhone } from './sip-phone.ts';

const MAILBOX = 'sip:mailbox@example.test';

/**
 * Resolves when nothing of the lamps is under way: only then may a clock be put forward, since what waits for an answer would
 * have waited in vain.
 * @param watching the phones that watch their lamps
 */
export async function quiet({ app }: RunningApp, watching: readonly SipPhone[]): Promise<void> {
  // What a phone answered before, as to a NOTIFY, has arrived when this is answered.
  for (const phone of watching) await phone.request('OPTIONS', MAILBOX);
  await until('every lamp to be published', 15_000, async () => {
    const { behind, due } = await app.totals();
    return behind + due === 0 ? true : undefined;
  });
}
