import { sourceKey } from '../admission/source-key.ts';

/** Connections by their source, of each the longest there first: who has most is who makes room. */
export class BySource<T> {
  readonly #bySource = new Map<string, Set<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** How many there are of the source of `address`. */
  countOf(address: string): number {
    return this.#bySource.get(sourceKey(address))?.size ?? 0;
  }

  add(address: string, connection: T): void {
    const source = sourceKey(address);
    const others = this.#bySource.get(source);
    if (others === undefined) this.#bySource.set(source, new Set([connection]));
    else others.add(connection);
    this.#size++;
  }

  delete(address: string, connection: T): void {
    const source = sourceKey(address);
    const others = this.#bySource.get(source);
    if (others?.delete(connection) !== true) return;
    this.#size--;
    if (others.size === 0) this.#bySource.delete(source);
  }

  /** The one longest there of the source that has most, if that has more than `least`. */
  oldestOfMost(least = 0): T | undefined {
    let most: Set<T> | undefined;
    for (const each of this.#bySource.values()) if (each.size > (most?.size ?? least)) most = each;
    const [oldest] = most ?? [];
    return oldest;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const each of this.#bySource.values()) yield* each;
  }
}
