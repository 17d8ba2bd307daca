import { BySource } from './by-source.ts';

/**
 * The memory of one listener for messages that have begun to arrive. Threat: what one connection may hold, times as many
 * connections as there may be, is more than a machine has. When it is used up, one of the source that has most of them gives
 * way, the one that began first.
 */
export class UnfinishedMessages<T extends { readonly remote: { readonly address: string } }> {
  readonly #room: number;
  readonly #held = new Map<T, number>();
  readonly #bySource = new BySource<T>();
  #taken = 0;

  /** @param room bytes */
  constructor(room: number) {
    this.#room = room;
  }

  /** So many bytes of a connection wait for more now. Returns those that give way, and holds nothing of them any more. */
  holds(connection: T, bytes: number): T[] {
    const before = this.#held.get(connection) ?? 0;
    if (bytes === before) return [];
    this.#taken += bytes - before;
    if (bytes === 0) {
      this.#held.delete(connection);
      this.#bySource.delete(connection.remote.address, connection);
      return [];
    }
    this.#held.set(connection, bytes);
    if (before === 0) this.#bySource.add(connection.remote.address, connection);
    const leaving: T[] = [];
    while (this.#taken > this.#room) {
      const oldest = this.#bySource.oldestOfMost();
      if (oldest === undefined) break;
      this.holds(oldest, 0);
      leaving.push(oldest);
    }
    return leaving;
  }
}
