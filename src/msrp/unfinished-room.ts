import type { Counter, Metrics } from '../core/metrics.ts';

/** What one chunk or message takes of the room. */
export interface RoomShare {
  /** Takes as much as is missing to `bytes` in all, or gives back what is more; false, and nothing changed, when there is none. */
  resize(bytes: number): boolean;
  /** Gives all of it back. */
  release(): void;
}

/**
 * The memory of one endpoint for chunks and messages that were begun and are not done with. It is one for all sessions and
 * connections: what each of them may have, times as many as there may be, is more than a machine has.
 */
export class UnfinishedRoom {
  readonly #size: number;
  readonly #refusals: Counter;
  #taken = 0;

  constructor(size: number, metrics: Metrics) {
    this.#size = size;
    this.#refusals = metrics.counter(
      'msrp_unfinished_refusals_total',
      'MSRP chunks refused since unfinished messages took all the room for them',
    );
  }

  /** Bytes that are taken now. */
  get taken(): number {
    return this.#taken;
  }

  share(): RoomShare {
    let held = 0;
    const resize = (bytes: number): boolean => {
      const taken = this.#taken - held + bytes;
      if (bytes > held && taken > this.#size) {
        this.#refusals.add();
        return false;
      }
      this.#taken = taken;
      held = bytes;
      return true;
    };
    return { resize, release: () => void resize(0) };
  }
}
