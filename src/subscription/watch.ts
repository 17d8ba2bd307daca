import type { SubscriptionNotice } from './ports.ts';

/*
 * A subscription of ours to what a notifier says of one user (RFC 6665 §4.1).
 *
 *               due: SUBSCRIBE                 2xx                      NOTIFY
 *   ┌─────────┐ ─────────────> ┌────────┐ ───────────> ┌──────────┐ ───────────> ┌──────────┐
 *   │ Unasked │                │ Asking │              │ Unheard  │              │ Standing │
 *   └─────────┘ <───────────── └────────┘              └──────────┘              └──────────┘
 *     │  ^  ^      refused,                               │   ^     2xx, NOTIFY      │   ^
 *     │  │  │      unanswered        no NOTIFY in time    │   │     yet to come      │   │ 2xx and NOTIFY;
 *     │  │  └─────────────────────────────────────────────┘   └──────────────┐       │   │ 5xx, 408, unanswered:
 *     │  │                                                               ┌───┴───────v───┴─┐ again after back-off
 *     │  └── terminated; 481 and other ends of the dialog; its life ended ─┤   Refreshing    │
 *     │      (from each state on the right)                              └─────────────────┘
 *     v
 *   Let go: refused for good (403, 404, 489, …), noresource, rejected: left for a long while to whoever takes it then
 *
 *   terminated with deactivated, timeout or no reason: the next SUBSCRIBE at once; probation, giveup: after retry-after.
 *   A NOTIFY may come before the 2xx: it is believed, and the state is still Asking.
 */

/** How far we are with one user. Instants in epoch ms. */
export type Watch =
  | { readonly phase: 'unasked'; readonly failures: number }
  | {
      readonly phase: 'asking';
      readonly failures: number;
      readonly sentAt: number;
      /** When the subscription ends if it is granted as asked. */
      readonly endsAt: number;
      readonly heard: boolean;
      /** The NOTIFY that ended the subscription before its 2xx came. */
      readonly ended: SubscriptionNotice | null;
    }
  | {
      readonly phase: 'subscribed' | 'refreshing';
      readonly failures: number;
      /** When it began. */
      readonly since: number;
      readonly endsAt: number;
      /** When the last SUBSCRIBE left. */
      readonly sentAt: number;
      /** Whether a NOTIFY came since then. */
      readonly heard: boolean;
    };

/** A subscription that stands. */
export type Standing = Extract<Watch, { readonly phase: 'subscribed' | 'refreshing' }>;

/** Nothing was asked yet. */
export const NEW_WATCH: Watch = { phase: 'unasked', failures: 0 };

/** What the machine draws on beside the watch. */
export interface WatchSurroundings {
  /** Epoch ms. */
  readonly now: number;
  /** Seconds to ask for. */
  readonly expires: number;
  /** A number in [0, 1), for jitter. */
  readonly fraction: () => number;
}

/** What follows from something that happened. */
export interface WatchTurn {
  readonly watch: Watch;
  /** When the next step is due, epoch ms; null: an answer is awaited. */
  readonly dueAt: number | null;
  /** The subscription there was is no more. */
  readonly drop?: true;
  /** Nothing is to be expected before `dueAt`: any node may take the watch then. */
  readonly letGo?: true;
  /** Seconds the notifier wants at least, for every subscription to come. */
  readonly minExpires?: number;
  /** The status of a refusal that somebody has to look at. */
  readonly refusedWith?: number;
}

/** What to do when a step is due. */
export type WatchStep =
  | { readonly kind: 'subscribe' | 'refresh'; readonly watch: Watch; readonly drop: boolean }
  /** No NOTIFY came in time, or nothing is to be done. */
  | { readonly kind: 'none'; readonly turn: WatchTurn };
