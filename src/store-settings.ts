import type { Config } from './config.ts';
import type { StoreOptions } from './store/store.ts';

/** What mailboxes take and keep, by the environment: for the server and for commands that open the same database. */
export function storeSettings(config: Config): Pick<StoreOptions, 'url' | 'limits' | 'keepsRead' | 'pushes'> {
  return {
    url: config.DATABASE_URL,
    limits: {
      maxTexts: config.MAILBOX_MAX_MESSAGES,
      maxBytes: config.MAILBOX_MAX_BYTES,
      maxMessageBytes: config.MESSAGE_MAX_BYTES,
      dropRead: config.MAILBOX_FULL === 'drop-read',
    },
    keepsRead: config.READ_RETENTION > 0,
    pushes: config.DELIVERY !== 'mailbox',
  };
}
