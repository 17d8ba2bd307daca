/** Last states of presentities nobody publishes for any more, at most `capacity` of them; the oldest gives way. */
export class RememberedStates {
  readonly #capacity: number;
  // A Map keeps the order of insertion.
  readonly #bodies = new Map<string, string>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  remember(key: string, body: string): void {
    this.#bodies.delete(key);
    this.#bodies.set(key, body);
    if (this.#bodies.size <= this.#capacity) return;
    const oldest = this.#bodies.keys().next();
    if (oldest.done !== true) this.#bodies.delete(oldest.value);
  }

  recall(key: string): string | undefined {
    return this.#bodies.get(key);
  }

  forget(key: string): void {
    this.#bodies.delete(key);
  }
}
