import type { PresenceStore } from './ports.ts';

const done = (): Promise<void> => Promise.resolve();

async function* nothing(): AsyncGenerator<never> {
  // What was never kept is not there.
}

/** Keeps nothing: what is published and subscribed ends with the process. */
export const NOTHING_KEPT: PresenceStore = {
  savePublication: done,
  removePublication: done,
  saveSubscription: done,
  removeSubscription: done,
  publications: nothing,
  subscriptions: nothing,
  removeExpired: done,
};
