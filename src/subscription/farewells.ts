import type { Wait, Waits } from '../core/waits.ts';
import { inTime } from './in-time.ts';
import { SUBSCRIPTION_LIMITS } from './limits.ts';
import type { RefreshResponse, Subscription } from './ports.ts';

/** Ends subscriptions (RFC 6665 §4.1.2.3): `Expires: 0`, and the last NOTIFY, for which there is a bounded time. */
export class Farewells {
  readonly #waits: Waits;
  readonly #lastWords = new Map<Subscription, Wait>();

  constructor(waits: Waits) {
    this.#waits = waits;
  }

  /** Resolves when the SUBSCRIBE is answered, or will not be. Never rejects. */
  async end(subscription: Subscription): Promise<void> {
    const lastWord = this.#waits.start(SUBSCRIPTION_LIMITS.lastNotify);
    this.#lastWords.set(subscription, lastWord);
    const response = await inTime<RefreshResponse>(this.#waits, subscription.refresh(0), () => undefined);
    if (response.kind !== 'accepted') lastWord.end();
    void lastWord.outcome.then(() => {
      this.#lastWords.delete(subscription);
      subscription.forget();
    });
  }

  /** The last NOTIFY came. */
  over(subscription: Subscription): void {
    this.#lastWords.get(subscription)?.end();
  }
}
