/** A connection on which a message arrives. */
export interface Arriving {
  /** Ends it, and gives its memory back. */
  giveWay(): void;
}

/**
 * The memory of one listener for messages that have begun to arrive. It is one for all connections: what each of them may
 * send before its message is whole, times as many as there may be, is more than a machine has. When it is used up, the
 * connection whose message began first gives way, so that nobody can hold it for ever.
 */
export class UnfinishedMessages {
  readonly #room: number;
  /** Bytes each connection has sent of its message, in the order they began. */
  readonly #begun = new Map<Arriving, number>();
  #taken = 0;

  /** @param room bytes */
  constructor(room: number) {
    this.#room = room;
  }

  /** Bytes that are taken now. */
  get taken(): number {
    return this.#taken;
  }

  /** So many bytes came from the network. */
  arrived(connection: Arriving, bytes: number): void {
    this.#begun.set(connection, (this.#begun.get(connection) ?? 0) + bytes);
    this.#taken += bytes;
    for (const oldest of this.#begun.keys()) {
      if (this.#taken <= this.#room) return;
      this.finished(oldest);
      oldest.giveWay();
    }
  }

  /** Of these, so many were of a frame between those of the message, such as a ping. */
  passed(connection: Arriving, bytes: number): void {
    const left = (this.#begun.get(connection) ?? 0) - bytes;
    if (left <= 0) {
      this.finished(connection);
      return;
    }
    this.#begun.set(connection, left);
    this.#taken -= bytes;
  }

  /** Its message is whole, or will never be. */
  finished(connection: Arriving): void {
    this.#taken -= this.#begun.get(connection) ?? 0;
    this.#begun.delete(connection);
  }
}
