import type { Clock, Timer } from '../core/clock.ts';
import type { WebSocketLimits } from './limits.ts';

/** What a connection is asked by, and whom its death is told. */
export interface LivenessPeer {
  ping(): void;
  dead(): void;
  /** No answer could be heard: nothing is read just now, or the peer has much else to read before the question. */
  deaf(): boolean;
}

/**
 * Finds peers that are gone without a word: a laptop that was closed, a NAT that forgot. Each is pinged now and then
 * (RFC 6455 §5.5.2); one that says nothing at all after that is dead.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #limits: Pick<WebSocketLimits, 'pingInterval' | 'pongTimeout'>;
  readonly #peer: LivenessPeer;
  #timer: Timer;
  #heard = false;

  constructor(
    clock: Clock,
    limits: Pick<WebSocketLimits, 'pingInterval' | 'pongTimeout'>,
    peer: LivenessPeer,
  ) {
    this.#clock = clock;
    this.#limits = limits;
    this.#peer = peer;
    this.#timer = this.#pingLater();
  }

  /** Something came, or could not have been heard. */
  heard(): void {
    this.#heard = true;
  }

  stop(): void {
    this.#timer.cancel();
  }

  #pingLater(): Timer {
    return this.#clock.after(this.#limits.pingInterval, () => {
      this.#heard = false;
      this.#peer.ping();
      this.#timer = this.#clock.after(this.#limits.pongTimeout, () => this.#judge());
    });
  }

  #judge(): void {
    if (this.#heard || this.#peer.deaf()) this.#timer = this.#pingLater();
    else this.#peer.dead();
  }
}
