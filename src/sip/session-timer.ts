import type { Clock, Timer } from '../core/clock.ts';
import { SIP_LIMITS } from './limits.ts';
import type { SessionInterval } from './session-interval.ts';

/** What became of a refresh of ours. */
export type Refreshed =
  | { readonly kind: 'agreed'; readonly interval: SessionInterval }
  /** To be tried again after so many ms, perhaps with another interval. */
  | { readonly kind: 'later'; readonly after: number; readonly seconds?: number }
  /** 408, 481 or no answer at all: the peer has no such session any more. */
  | { readonly kind: 'gone' };

export type SessionTimerState = 'off' | 'peer refreshes' | 'we refresh' | 'refreshing' | 'over';

export interface SessionTimerOptions {
  readonly clock: Clock;
  /** Sends a refresh that asks for an interval of `seconds`. Never rejects. */
  readonly refresh: (seconds: number) => Promise<Refreshed>;
  /** The session has lapsed. Called once at most. */
  readonly onLapsed: (why: string) => void;
}

/**
 * RFC 4028 §10: when a session that lasts for `seconds` is refreshed and when it has lapsed, ms from its last refresh. Each side
 * ends it a little early, so that the other hears of it: by a third, or 32 s when that is less.
 */
export function refreshTimes(seconds: number): { readonly refresh: number; readonly lapse: number } {
  return { refresh: seconds * 500, lapse: (seconds - Math.min(32, seconds / 3)) * 1000 };
}

/**
 * The timer of a session (RFC 4028).
 *
 *   off ── agree(an interval) ──> peer refreshes ── its re-INVITE or UPDATE: agree() ──> as that says
 *                         │              └── none in time ──> over
 *                         v
 *                    we refresh ── half of the interval ──> refreshing ── 2xx ──> as that says
 *                         ^                                   │  │ └── 408, 481, no answer ──> over
 *                         └── 491, 422, any other answer ─────┘  └── time is up ──> over
 *
 * agree(nothing) turns it off from any state but the last; stop() ends it without a word.
 */
export class SessionTimer {
  readonly #options: SessionTimerOptions;
  #state: SessionTimerState = 'off';
  #seconds = 0;
  #refreshing: Timer | undefined;
  #lapsing: Timer | undefined;
  /** A refresh that was under way when something else was agreed on says nothing any more. */
  #term = 0;

  constructor(options: SessionTimerOptions) {
    this.#options = options;
  }

  get state(): SessionTimerState {
    return this.#state;
  }

  /** The session was begun or refreshed just now, and lasts as long as is said here. */
  agree(interval: SessionInterval | undefined): void {
    if (this.#state === 'over') return;
    this.#cancel();
    if (interval === undefined) {
      this.#state = 'off';
      return;
    }
    const { clock } = this.#options;
    const { refresh, lapse } = refreshTimes(interval.seconds);
    this.#seconds = interval.seconds;
    this.#lapsing = clock.after(lapse, () => this.#lapse('the session was not refreshed in time'));
    if (interval.refresher === 'peer') {
      this.#state = 'peer refreshes';
      return;
    }
    this.#refreshAfter(refresh);
  }

  stop(): void {
    this.#cancel();
    this.#state = 'over';
  }

  #refreshAfter(delay: number): void {
    this.#state = 'we refresh';
    this.#refreshing = this.#options.clock.after(delay, () => void this.#refresh());
  }

  async #refresh(): Promise<void> {
    const term = this.#term;
    this.#state = 'refreshing';
    const refreshed = await this.#options.refresh(this.#seconds);
    if (this.#term !== term) return;
    switch (refreshed.kind) {
      case 'agreed':
        this.agree(refreshed.interval);
        break;
      case 'later':
        this.#seconds = refreshed.seconds ?? this.#seconds;
        this.#refreshAfter(refreshed.after);
        break;
      case 'gone':
        this.#lapse('the session is not known any more');
    }
  }

  #lapse(why: string): void {
    this.stop();
    this.#options.onLapsed(why);
  }

  #cancel(): void {
    this.#term++;
    this.#refreshing?.cancel();
    this.#lapsing?.cancel();
  }
}

/** How long to wait before a request that crossed one of the peer's (491) is sent again, ms (RFC 3261 §14.1). */
export function glarePause(fraction: number): number {
  return Math.round((fraction * SIP_LIMITS.glarePause) / 10) * 10;
}
