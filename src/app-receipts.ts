import type { Surroundings } from './app.ts';
import type { Sweeps } from './app-sweeps.ts';
import { startSweeps } from './app-sweeps.ts';
import type { Config } from './config.ts';
import { DisplayedTexts } from './mailbox/receipts/displayed-texts.ts';
import type { ExpiryStore, ReceiptStore, RetentionStore, ScheduleStore } from './mailbox/ports.ts';
import { ReceiptSessions } from './mailbox/receipts/receipt-sessions.ts';
import type { Forget } from './mailbox/sweeps/retention.ts';
import type { Receipts } from './mailbox/receipts/receipts.ts';
import { startReceipts } from './mailbox/receipts/receipts.ts';
import { SipReceiptSender } from './sip/receipt-sender.ts';
import type { RequestSender } from './sip/request-sender.ts';

/** What tells senders of their texts, lets texts become due and takes those away whose time is over. */
export interface TextFollowUp {
  /** Where receipts find authors in a chat session. */
  readonly sessions: ReceiptSessions;
  readonly displayed: DisplayedTexts;
  /** Begins to send and to sweep, once SIP is there. */
  start(): void;
  /** A receipt may be due. */
  wake(): void;
  /** A text was scheduled. */
  wakeSchedule(): void;
  stop(): Promise<void>;
}

/** Prepares it. With RECEIPTS=off nothing is sent: what is due already is dropped. @param forgets what else is kept for a time */
export function prepareFollowUp(
  config: Config,
  surroundings: Surroundings,
  store: ReceiptStore & ExpiryStore & RetentionStore & ScheduleStore,
  requests: RequestSender,
  forgets: readonly Forget[] = [],
): TextFollowUp {
  const { logger } = surroundings;
  const sessions = new ReceiptSessions();
  const sender = new SipReceiptSender({ requests, proxy: config.OUTBOUND_PROXY, logger });
  let receipts: Receipts | undefined;
  let sweeps: Sweeps | undefined;
  return {
    sessions,
    displayed: new DisplayedTexts({ ...surroundings, store }),
    start: () => {
      const { RECEIPTS, NODE_NAME: node } = config;
      receipts ??= startReceipts({
        ...surroundings,
        store,
        sender,
        sessions,
        node,
        mayTell: RECEIPTS === 'on',
      });
      sweeps ??= startSweeps(config, surroundings, store, forgets);
    },
    wake: () => receipts?.wake(),
    wakeSchedule: () => sweeps?.wakeSchedule(),
    stop: async () => {
      await Promise.all([receipts?.stop(), sweeps?.stop()]);
    },
  };
}
