import type { Clock, Timer } from '../../core/clock.ts';
import { DIALOG_LIMITS } from '../dialog/limits.ts';
import { tagOf } from '../transaction/match.ts';
import type { Arrival } from './arrival.ts';
import type { OutgoingRequest } from './outgoing-request.ts';

interface Expectation {
  readonly outgoing: OutgoingRequest;
  readonly held: Arrival[];
  pause: Timer | undefined;
}

/**
 * RFC 6665 §4.1.2.4: the first NOTIFY may overtake the 2xx to its SUBSCRIBE. The application knows the dialog only once
 * it has seen that 2xx, so the NOTIFY waits for it; and a little longer, for the application to make itself ready.
 */
export class HeldNotifies {
  readonly #clock: Clock;
  readonly #expected = new Map<string, Expectation>();
  readonly #release: (notify: Arrival) => void;

  /** @param release told of each NOTIFY once it can be judged like any other */
  constructor(clock: Clock, release: (notify: Arrival) => void) {
    this.#clock = clock;
    this.#release = release;
  }

  /** SUBSCRIBEs that wait. */
  get size(): number {
    return this.#expected.size;
  }

  /** A SUBSCRIBE was sent. */
  expect(outgoing: OutgoingRequest): void {
    const key = subscribeKey(outgoing);
    if (key !== undefined) this.#expected.set(key, { outgoing, held: [], pause: undefined });
  }

  /** Keeps a NOTIFY whose SUBSCRIBE has no final response yet. 'full': there are too many of them. */
  hold(notify: Arrival): 'held' | 'full' | 'not-early' {
    const { headers } = notify.request;
    const expectation = this.#expected.get(`${headers.get('Call-ID') ?? ''} ${tagOf(headers.get('To'))}`);
    if (expectation === undefined) return 'not-early';
    if (expectation.held.some(({ key }) => key === notify.key)) return 'held';
    if (expectation.held.length >= DIALOG_LIMITS.earlyNotifies) return 'full';
    expectation.held.push(notify);
    return 'held';
  }

  /** The SUBSCRIBE got its final response, which was shown to the application. */
  settle(outgoing: OutgoingRequest, status: number): void {
    const key = subscribeKey(outgoing);
    const expectation = key === undefined ? undefined : this.#expected.get(key);
    if (key === undefined || expectation?.outgoing !== outgoing) return;
    const release = (): void => {
      this.#expected.delete(key);
      for (const notify of expectation.held) this.#release(notify);
    };
    if (status >= 300) release();
    else expectation.pause = this.#clock.after(DIALOG_LIMITS.earlyNotifyPause, release);
  }

  close(): void {
    for (const { pause } of this.#expected.values()) pause?.cancel();
    this.#expected.clear();
  }
}

function subscribeKey({ request }: OutgoingRequest): string | undefined {
  if (request === undefined) return undefined;
  return `${request.headers.get('Call-ID') ?? ''} ${tagOf(request.headers.get('From'))}`;
}
