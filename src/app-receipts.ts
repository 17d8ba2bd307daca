import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import { DisplayedTexts } from './mailbox/displayed-texts.ts';
import type { Expiry } from './mailbox/expiry.ts';
import { startExpiry } from './mailbox/expiry.ts';
import type { ExpiryStore, ReceiptStore } from './mailbox/ports.ts';
import { ReceiptSessions } from './mailbox/receipt-sessions.ts';
import type { Receipts } from './mailbox/receipts.ts';
import { startReceipts } from './mailbox/receipts.ts';
import { SipReceiptSender } from './sip/receipt-sender.ts';
import type { RequestSender } from './sip/request-sender.ts';

/** What tells senders of their texts, and takes texts away whose time is over. */
export interface TextFollowUp {
  /** Where receipts find authors in a chat session. */
  readonly sessions: ReceiptSessions;
  readonly displayed: DisplayedTexts;
  /** Begins to send and to sweep, once SIP is there. */
  start(): void;
  /** A receipt may be due. */
  wake(): void;
  stop(): Promise<void>;
}

/** Prepares it. With RECEIPTS=off nothing is sent: what is due already is dropped. */
export function prepareFollowUp(
  config: Config,
  surroundings: Surroundings,
  store: ReceiptStore & ExpiryStore,
  requests: RequestSender,
): TextFollowUp {
  const { logger } = surroundings;
  const sessions = new ReceiptSessions();
  const sender = new SipReceiptSender({ requests, proxy: config.OUTBOUND_PROXY, logger });
  let receipts: Receipts | undefined;
  let expiry: Expiry | undefined;
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
      expiry ??= startExpiry({ ...surroundings, store });
    },
    wake: () => receipts?.wake(),
    stop: async () => {
      await Promise.all([receipts?.stop(), expiry?.stop()]);
    },
  };
}
