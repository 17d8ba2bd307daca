import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import { readDeliverAt } from './mailbox/commands/deliver-at.ts';
import { Deposits } from './mailbox/deposit.ts';
import type { PreferenceStore } from './mailbox/desk/ports.ts';
import { OwnerProfiles } from './mailbox/owner-profiles.ts';
import type { DepositStore } from './mailbox/ports.ts';
import { Scheduling } from './mailbox/scheduling.ts';

/** How the mailbox speaks for each owner, and what leaves texts for her. */
export function prepareDeposits(
  config: Config,
  surroundings: Surroundings,
  store: DepositStore & PreferenceStore,
): { readonly profiles: OwnerProfiles; readonly deposits: Deposits } {
  const profiles = new OwnerProfiles({
    store,
    language: config.DEFAULT_LANGUAGE,
    timeZone: config.TIME_ZONE,
    autoReply: config.AUTO_REPLY,
  });
  const deposits = new Deposits({
    ...surroundings,
    store,
    maxBytes: config.MESSAGE_MAX_BYTES,
    ttl: ({ host }) => config.MESSAGE_TTL.of.get(host) ?? config.MESSAGE_TTL.usual,
    receipts: config.RECEIPTS === 'on',
    scheduling: new Scheduling({ read: readDeliverAt, profiles, maxSeconds: config.SCHEDULE_MAX_SECONDS }),
  });
  return { profiles, deposits };
}
