/** Below so many places left empty at the front nothing is moved up. */
const LEAST_GAP = 64;

/**
 * First in, first out, each at a cost that does not depend on how many wait: `Array.shift` moves up all the others once there
 * are some ten thousand, which a peer can bring about that asks much and reads nothing.
 */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  /** Where the first one stands. */
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The one that has waited longest; undefined when none waits. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first++] = undefined;
    if (this.#first === this.#items.length) this.clear();
    else if (this.#first >= LEAST_GAP && this.#first > this.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
  }
}
