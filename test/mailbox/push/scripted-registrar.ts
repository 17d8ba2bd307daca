import type { AddressOfRecord } from '../../../src/core/address-of-record.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { pause } from '../../../src/core/clock.ts';
import type { RegInfo } from '../../../src/im/reg-info.ts';
import type {
  Notification,
  RefreshResponse,
  SubscribeResponse,
  Subscriber,
} from '../../../src/subscription/ports.ts';

interface Subscription {
  readonly user: string;
  readonly onNotify: (notification: Notification<RegInfo>) => void;
  endsAt: number;
  isHeard: boolean;
}

const ROUND_TRIP = 5;

/** A registrar that tells who is registered, and the way to it. */
export class ScriptedRegistrar implements Subscriber<RegInfo> {
  readonly #clock: Clock;
  readonly #subscriptions = new Set<Subscription>();
  /** Whom each user's phone registered as, with when that ends (epoch ms). */
  readonly #registered = new Map<string, { readonly callId: string; readonly until: number }>();
  readonly requests: {
    readonly kind: string;
    readonly user: string;
    readonly expires: number;
    readonly at: number;
  }[] = [];
  /** Answers to the next SUBSCRIBEs that begin a subscription. */
  readonly refusals: Extract<SubscribeResponse, { kind: 'rejected' | 'unanswered' }>[] = [];
  /** Sends full documents, else partial ones after the first. */
  full = true;
  version = 0;
  inFlight = 0;
  mostInFlight = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** Seconds; 0: she goes. */
  register(user: AddressOfRecord, seconds: number, callId = 'call-1'): void {
    const key = user.toString();
    if (seconds === 0) this.#registered.delete(key);
    else this.#registered.set(key, { callId, until: this.#clock.now() + seconds * 1000 });
    this.version++;
    for (const each of this.#subscriptions) if (each.user === key) this.#notify(each, this.full);
  }

  /** Ends all subscriptions with a last NOTIFY. */
  terminate(reason: string, retryAfter: number | null = null): void {
    for (const each of [...this.#subscriptions]) {
      this.#subscriptions.delete(each);
      each.onNotify({ state: 'terminated', expires: null, reason, retryAfter, body: null });
    }
  }

  /** Forgets all subscriptions without a word. */
  restart(): void {
    this.#subscriptions.clear();
  }

  async subscribe(
    target: AddressOfRecord,
    expires: number,
    onNotify: (notification: Notification<RegInfo>) => void,
  ): Promise<SubscribeResponse> {
    const user = target.toString();
    return await this.#exchange('subscribe', user, expires, () => {
      const refusal = this.refusals.shift();
      if (refusal !== undefined) return refusal;
      const endsAt = this.#clock.now() + expires * 1000;
      const subscription: Subscription = { user, onNotify, endsAt, isHeard: true };
      this.#subscriptions.add(subscription);
      this.#clock.after(1, () => this.#notify(subscription, true));
      return {
        kind: 'accepted',
        expires,
        subscription: {
          refresh: (seconds) => this.#refresh(subscription, seconds),
          forget: () => {
            subscription.isHeard = false;
          },
        },
      };
    });
  }

  async #refresh(subscription: Subscription, expires: number): Promise<RefreshResponse> {
    const kind = expires === 0 ? 'end' : 'refresh';
    return await this.#exchange(kind, subscription.user, expires, () => {
      if (!this.#subscriptions.has(subscription)) return { kind: 'rejected', status: 481, reason: 'Gone' };
      subscription.endsAt = this.#clock.now() + expires * 1000;
      this.#clock.after(1, () => this.#notify(subscription, true));
      return { kind: 'accepted', expires };
    });
  }

  async #exchange<R>(kind: string, user: string, expires: number, answer: () => R): Promise<R> {
    this.requests.push({ kind, user, expires, at: this.#clock.now() });
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    await pause(this.#clock, ROUND_TRIP);
    this.inFlight--;
    return answer();
  }

  #notify(subscription: Subscription, full: boolean): void {
    const expires = Math.round((subscription.endsAt - this.#clock.now()) / 1000);
    const isOver = expires <= 0;
    if (isOver || !subscription.isHeard) this.#subscriptions.delete(subscription);
    if (!subscription.isHeard) return;
    subscription.onNotify({
      state: isOver ? 'terminated' : 'active',
      expires: isOver ? null : expires,
      reason: isOver ? 'timeout' : '',
      retryAfter: null,
      body: this.#document(subscription.user, full),
    });
  }

  #document(user: string, full: boolean): RegInfo {
    const registered = this.#registered.get(user);
    const left = Math.round(((registered?.until ?? 0) - this.#clock.now()) / 1000);
    return {
      version: this.version,
      state: full ? 'full' : 'partial',
      registrations: [
        {
          aor: user,
          id: user,
          state: registered === undefined ? 'terminated' : 'active',
          contacts:
            registered === undefined
              ? []
              : [
                  {
                    id: 'c',
                    state: 'active',
                    event: 'registered',
                    expires: left,
                    callId: registered.callId,
                    uri: 'sip:phone@192.0.2.7',
                    methods: null,
                  },
                ],
        },
      ],
    };
  }
}
