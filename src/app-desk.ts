import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import type { Deposits } from './mailbox/deposit.ts';
import { Desk } from './mailbox/desk/desk.ts';
import type { DeskStore, PreferenceStore } from './mailbox/desk/ports.ts';
import { Replies } from './mailbox/desk/reply.ts';
import type { OwnerProfiles } from './mailbox/owner-profiles.ts';
import type { DepositStore } from './mailbox/ports.ts';
import type { Retrievals } from './mailbox/retrieval.ts';
import { SipReplySender } from './sip/reply-sender.ts';
import type { RequestSender } from './sip/request-sender.ts';

/** Where owners handle their mailboxes; undefined with RETRIEVAL_MODE=hangup, where texts are handed over and that is all. */
export function prepareDesk(
  config: Config,
  surroundings: Surroundings,
  parts: {
    readonly store: DeskStore & PreferenceStore & DepositStore;
    readonly retrievals: Retrievals;
    readonly profiles: OwnerProfiles;
    readonly deposits: Deposits;
    readonly requests: RequestSender;
  },
): Desk | undefined {
  if (config.RETRIEVAL_MODE === 'hangup') return undefined;
  if (config.READ_RETENTION === 0) {
    surroundings.logger.warn(
      { variable: 'READ_RETENTION' },
      'texts are gone once they are read: owners cannot reply to them, keep them or block their authors by number',
    );
  }
  const { requests, deposits } = parts;
  const sender = new SipReplySender({ ...surroundings, requests, proxy: config.OUTBOUND_PROXY });
  const domains = new Set(config.DOMAINS);
  return new Desk({
    ...surroundings,
    ...parts,
    replies: new Replies({ ...surroundings, sender, deposits, domains }),
    messageAccount: config.MESSAGE_ACCOUNT,
    scheduleMax: config.SCHEDULE_MAX_SECONDS,
    ttl: ({ host }) => config.MESSAGE_TTL.of.get(host) ?? config.MESSAGE_TTL.usual,
  });
}
