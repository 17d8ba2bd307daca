import type { Clock, Timer } from '../core/clock.ts';
import type { EventHeader } from './event-package.ts';
import { formatEventHeader } from './event-package.ts';
import type { PresenceLimits } from './limits.ts';
import type { SubscriberDialog } from './ports.ts';
import { wholeSeconds } from './whole-seconds.ts';

/** Why a subscription ends, as its last NOTIFY says (RFC 6665 §4.1.3). */
export type EndReason = 'timeout' | 'giveup';

export interface SubscriptionOptions {
  readonly dialog: SubscriberDialog;
  readonly event: EventHeader;
  readonly contentType: string;
  /** Shortest time between two NOTIFYs of changes, ms. */
  readonly notifyInterval: number;
  /** The state as it is at this moment. */
  readonly currentBody: () => string;
  readonly clock: Clock;
  readonly limits: PresenceLimits;
  /** A NOTIFY was answered with `status`, 0 when it was not. */
  readonly onNotified: (status: number) => void;
  /** Called once, after the last NOTIFY; not when {@link Subscription.close} ended it. */
  readonly onOver: () => void;
}

/**
 * RFC 5057 §5.1: answers after which the dialog, or this usage of it, is gone; any other refusal is of this NOTIFY alone.
 * No answer (0, or the 408 a transaction layer makes of it) ends it as well (RFC 6665 §4.2.2).
 */
const ENDS_SUBSCRIPTION: ReadonlySet<number> = new Set([
  0, 404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 502, 604,
]);

/**
 * One subscription (RFC 6665 §4.2.2). At most one NOTIFY is in flight, and each says what the state is when it leaves: so
 * the last one says the last state, and none comes after a newer one.
 *
 *                  a NOTIFY is due                time has come
 *        quiet ──────────────────────> waiting ──────────────────> in flight
 *          ^                                                          │
 *          ├── 2xx, and the state is still what the NOTIFY said ──────┤
 *          │   changed meanwhile, or refused: waiting                 │
 *        over <── terminated was sent; 481, 404, …, unanswered ───────┘
 *
 * Due is the answer to a SUBSCRIBE and the word that the subscription ends, both at once; and a state other than the one
 * last confirmed, not before `notifyInterval` after the last NOTIFY, or after a growing pause when that was refused.
 */
export class Subscription {
  readonly #options: SubscriptionOptions;
  #phase: 'quiet' | 'waiting' | 'in flight' | 'over' = 'quiet';
  #wait: Timer | undefined;
  #lifetime: Timer | undefined;
  /** Epoch ms. */
  #expiresAt = 0;
  #answerDue = false;
  #ending: EndReason | undefined;
  /** What the subscriber confirmed last; undefined when that is not known. */
  #confirmed: string | undefined;
  /** Changes are not notified before this, epoch ms. */
  #notBefore = 0;
  /** NOTIFYs refused in a row. */
  #refused = 0;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  /** Whether it takes no refresh any more. */
  get ended(): boolean {
    return this.#phase === 'over' || this.#ending !== undefined;
  }

  /** A SUBSCRIBE was accepted for `seconds` from now: a NOTIFY follows at once (RFC 6665 §4.2.1.2). 0 ends it. */
  accept(seconds: number): void {
    if (this.ended) return;
    this.resume(this.#options.clock.now() + seconds * 1000);
    if (seconds === 0) {
      this.end('timeout');
      return;
    }
    this.#answerDue = true;
    this.#schedule();
  }

  /** It lives until `expiresAt`, epoch ms. What the subscriber was told last is not known: {@link changed} tells it anew. */
  resume(expiresAt: number): void {
    const { clock } = this.#options;
    this.#lifetime?.cancel();
    const left = wholeSeconds(expiresAt - clock.now());
    this.#expiresAt = clock.now() + left;
    this.#lifetime = left > 0 ? clock.after(left, () => this.end('timeout')) : undefined;
  }

  /** The state may have changed. */
  changed(): void {
    this.#schedule();
  }

  /** Ends it with a last NOTIFY that carries the state. */
  end(reason: EndReason): void {
    this.#lifetime?.cancel();
    this.#ending ??= reason;
    this.#schedule();
  }

  /** Ends it without a word. */
  close(): void {
    this.#phase = 'over';
    this.#lifetime?.cancel();
    this.#wait?.cancel();
  }

  #schedule(): void {
    if (this.#phase === 'in flight' || this.#phase === 'over') return;
    const { clock, currentBody } = this.#options;
    this.#wait?.cancel();
    this.#phase = 'quiet';
    const atOnce = this.#answerDue || this.#ending !== undefined;
    if (!atOnce && currentBody() === this.#confirmed) return;
    this.#phase = 'waiting';
    // Even at once is a timer: the 200 to the SUBSCRIBE goes first, and changes of one moment make one NOTIFY.
    const delay = atOnce ? 0 : Math.max(0, this.#notBefore - clock.now());
    this.#wait = clock.after(delay, () => void this.#send());
  }

  async #send(): Promise<void> {
    const { dialog, event, contentType, clock, currentBody, notifyInterval } = this.#options;
    const body = currentBody();
    const ending = this.#ending;
    this.#phase = 'in flight';
    this.#answerDue = false;
    this.#notBefore = clock.now() + notifyInterval;
    const status = await dialog.notify({
      subscriptionState: this.#subscriptionState(ending),
      event: formatEventHeader(event),
      contentType,
      body,
    });
    this.#options.onNotified(status);
    if (this.#isOver()) return;
    if (ending !== undefined || ENDS_SUBSCRIPTION.has(status)) {
      this.close();
      this.#options.onOver();
      return;
    }
    this.#settle(status, body);
    this.#phase = 'quiet';
    this.#schedule();
  }

  #settle(status: number, body: string): void {
    if (status >= 200 && status < 300) {
      this.#confirmed = body;
      this.#refused = 0;
      return;
    }
    const { clock, limits, notifyInterval } = this.#options;
    const { first, longest } = limits.notifyRetryDelay;
    const pause = Math.min(first * 2 ** this.#refused, longest);
    this.#confirmed = undefined;
    this.#refused += 1;
    this.#notBefore = clock.now() + Math.max(pause, notifyInterval);
  }

  #subscriptionState(ending: EndReason | undefined): string {
    if (ending === 'giveup') return `terminated;reason=giveup;retry-after=${this.#options.limits.retryAfter}`;
    if (ending !== undefined) return `terminated;reason=${ending}`;
    return `active;expires=${Math.ceil((this.#expiresAt - this.#options.clock.now()) / 1000)}`;
  }

  // A method, for the compiler does not see that close() may have run during an await.
  #isOver(): boolean {
    return this.#phase === 'over';
  }
}
