import { BySource } from './by-source.ts';
import type { TransportLimits } from './limits.ts';

/** What is kept of a connection, whoever made it. */
interface KeptConnection {
  readonly remote: { readonly address: string };
}

/** The connections of one listener, and which of them goes when there is no room for another. */
export class OpenConnections<T extends KeptConnection> {
  readonly #limits: Pick<TransportLimits, 'connections' | 'ownShare'>;
  readonly #all = new BySource<T>();
  /** Those that came and over which nothing was said yet. */
  readonly #silent = new BySource<T>();

  constructor(limits: Pick<TransportLimits, 'connections' | 'ownShare'>) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#all.size;
  }

  /** @param silent whether it has yet to say something */
  add(connection: T, silent: boolean): void {
    this.#all.add(connection.remote.address, connection);
    if (silent) this.#silent.add(connection.remote.address, connection);
  }

  spoke(connection: T): void {
    this.#silent.delete(connection.remote.address, connection);
  }

  delete(connection: T): void {
    this.#silent.delete(connection.remote.address, connection);
    this.#all.delete(connection.remote.address, connection);
  }

  /**
   * Who makes room for one more with `address`; undefined: nobody has to. Threat: connections that say nothing take all there
   * are, or those of one source do. First goes who has said nothing, then one of a source that has more than its share,
   * and more than the newcomer's.
   */
  whoGoesFor(address: string): T | undefined {
    const least = Math.max(this.#limits.ownShare, this.#all.countOf(address));
    return this.#silent.oldestOfMost() ?? this.#all.oldestOfMost(least);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#all[Symbol.iterator]();
  }
}
