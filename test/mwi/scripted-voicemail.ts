import type { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Clock, Timer } from '../../src/core/clock.ts';
import { pause } from '../../src/core/clock.ts';
import type { SummaryNotification, SummarySubscriber } from '../../src/mwi/voicemail-ports.ts';
import type { RefreshResponse, SubscribeResponse } from '../../src/subscription/ports.ts';

/** What the voicemail does with the next SUBSCRIBE; without a script it is a good one. */
export type SubscribeFault =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly retryAfter?: number;
      readonly minExpires?: number;
    }
  /** The request never arrives. */
  | { readonly kind: 'request-lost' }
  /** The subscription stands there, and nobody here knows. */
  | { readonly kind: 'answer-lost' }
  /** Taken, yet no NOTIFY follows. */
  | { readonly kind: 'mute' }
  /** The first NOTIFY overtakes the 2xx. */
  | { readonly kind: 'notify-first' };

/** One subscription as the voicemail has it. */
interface Subscription {
  readonly user: string;
  readonly onNotify: (notification: SummaryNotification) => void;
  endsAt: number;
  lapse: Timer | undefined;
  /** Whether our side still takes its NOTIFYs; one it does not take ends it. */
  isHeard: () => boolean;
}

const ROUND_TRIP = 5;
const GIVES_UP = 32_000;

/** A voicemail and the way to it. */
export class ScriptedVoicemail {
  readonly #clock: Clock;
  readonly #counts = new Map<string, number>();
  #subscriptions = new Set<Subscription>();
  readonly script: SubscribeFault[] = [];
  readonly requests: {
    readonly kind: 'subscribe' | 'refresh';
    readonly user: string;
    readonly expires: number;
    readonly at: number;
  }[] = [];
  /** While true, nothing gets through either way. */
  unreachable = false;
  /** Seconds. */
  readonly expires = { longest: 3600, shortest: 0 };
  inFlight = 0;
  mostInFlight = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Somebody leaves or hears messages: so many are new. */
  set(user: AddressOfRecord, fresh: number): void {
    this.#counts.set(user.toString(), fresh);
    for (const subscription of this.#subscriptions) {
      if (subscription.user === user.toString()) this.#notify(subscription, {});
    }
  }

  bodyOf(user: AddressOfRecord | string): string {
    const fresh = this.#counts.get(user.toString()) ?? 0;
    return `Messages-Waiting: ${fresh > 0 ? 'yes' : 'no'}\r\nVoice-Message: ${fresh}/0\r\n`;
  }

  subscriptionsOf(user: AddressOfRecord): number {
    return [...this.#subscriptions].filter((each) => each.user === user.toString()).length;
  }

  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** Forgets all subscriptions without a word, as at a restart. */
  restart(): void {
    for (const { lapse } of this.#subscriptions) lapse?.cancel();
    this.#subscriptions = new Set();
  }

  /** Ends the subscriptions of a user with a last NOTIFY. */
  terminate(user: AddressOfRecord, reason: string, retryAfter: number | null = null): void {
    for (const subscription of this.#subscriptions) {
      if (subscription.user === user.toString()) this.#end(subscription, reason, retryAfter);
    }
  }

  /** The subscriber of one node; what it asks for after its death goes nowhere. */
  connection(isAlive: () => boolean = () => true): SummarySubscriber {
    return {
      subscribe: (target, expires, onNotify) => this.#subscribe(target, expires, onNotify, isAlive),
    };
  }

  async #subscribe(
    target: AddressOfRecord,
    expires: number,
    onNotify: (notification: SummaryNotification) => void,
    isAlive: () => boolean,
  ): Promise<SubscribeResponse> {
    const user = target.toString();
    this.requests.push({ kind: 'subscribe', user, expires, at: this.#clock.now() });
    return await this.#exchange(async (fault) => {
      const refused = refusal(fault) ?? this.#tooBrief(expires);
      if (refused !== undefined) return refused;
      let isListening = true;
      const subscription: Subscription = {
        user,
        onNotify,
        endsAt: 0,
        lapse: undefined,
        isHeard: () => isListening && isAlive(),
      };
      this.#subscriptions.add(subscription);
      const granted = this.#grant(subscription, expires);
      if (fault?.kind === 'answer-lost') {
        isListening = false;
        await pause(this.#clock, GIVES_UP);
        return { kind: 'unanswered', cause: new Error('answer lost') };
      }
      if (fault?.kind === 'notify-first') this.#notify(subscription, {});
      else if (fault?.kind !== 'mute') this.#clock.after(1, () => this.#notify(subscription, {}));
      return {
        kind: 'accepted',
        expires: granted,
        subscription: {
          refresh: (seconds) => this.#refresh(subscription, seconds),
          forget: () => {
            isListening = false;
          },
        },
      };
    });
  }

  async #refresh(subscription: Subscription, expires: number): Promise<RefreshResponse> {
    this.requests.push({ kind: 'refresh', user: subscription.user, expires, at: this.#clock.now() });
    return await this.#exchange<RefreshResponse>((fault) => {
      const refused = refusal(fault) ?? this.#tooBrief(expires);
      if (refused !== undefined) return Promise.resolve(refused);
      if (!this.#subscriptions.has(subscription)) {
        return Promise.resolve({ kind: 'rejected', status: 481, reason: 'Subscription Does Not Exist' });
      }
      const granted = this.#grant(subscription, expires);
      if (fault?.kind !== 'mute') this.#clock.after(1, () => this.#notify(subscription, {}));
      return Promise.resolve({ kind: 'accepted', expires: granted });
    });
  }

  async #exchange<R>(
    answer: (fault: SubscribeFault | undefined) => Promise<R>,
  ): Promise<R | { readonly kind: 'unanswered'; readonly cause: unknown }> {
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      const fault = this.script.shift();
      if (this.unreachable || fault?.kind === 'request-lost') {
        await pause(this.#clock, GIVES_UP);
        return { kind: 'unanswered', cause: new Error('request lost') };
      }
      await pause(this.#clock, ROUND_TRIP);
      return await answer(fault);
    } finally {
      this.inFlight--;
    }
  }

  #tooBrief(expires: number): Extract<RefreshResponse, { readonly kind: 'rejected' }> | undefined {
    if (expires >= this.expires.shortest) return undefined;
    const minExpires = this.expires.shortest;
    return { kind: 'rejected', status: 423, reason: 'Interval Too Brief', minExpires };
  }

  #grant(subscription: Subscription, expires: number): number {
    const granted = Math.min(expires, this.expires.longest);
    subscription.lapse?.cancel();
    subscription.endsAt = this.#clock.now() + granted * 1000;
    subscription.lapse = this.#clock.after(granted * 1000, () => this.#end(subscription, 'timeout', null));
    return granted;
  }

  #end(subscription: Subscription, reason: string, retryAfter: number | null): void {
    subscription.lapse?.cancel();
    this.#notify(subscription, { state: 'terminated', expires: null, reason, retryAfter });
    this.#subscriptions.delete(subscription);
  }

  #notify(subscription: Subscription, parts: Partial<SummaryNotification>): void {
    if (this.unreachable || !this.#subscriptions.has(subscription)) return;
    if (!subscription.isHeard()) {
      subscription.lapse?.cancel();
      this.#subscriptions.delete(subscription);
      return;
    }
    subscription.onNotify({
      state: 'active',
      expires: Math.round((subscription.endsAt - this.#clock.now()) / 1000),
      reason: '',
      retryAfter: null,
      body: this.bodyOf(subscription.user),
      ...parts,
    });
  }
}

function refusal(
  fault: SubscribeFault | undefined,
): Extract<RefreshResponse, { readonly kind: 'rejected' }> | undefined {
  return fault?.kind === 'answer' ? { ...fault, kind: 'rejected', reason: 'scripted' } : undefined;
}
