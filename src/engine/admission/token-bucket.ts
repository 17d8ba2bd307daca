/** Grants so many a second, and as many at once as were saved up, within bounds. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: number;

  /** @param now ms, as in every call */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAt = now;
  }

  /** Whether nothing would be granted. */
  isEmpty(now: number): boolean {
    this.#fill(now);
    return this.#tokens < 1;
  }

  take(now: number): boolean {
    if (this.isEmpty(now)) return false;
    this.#tokens--;
    return true;
  }

  #fill(now: number): void {
    // A clock that was put back grants nothing, and begins anew from there.
    const elapsed = Math.max(0, now - this.#filledAt);
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsed * this.#perSecond) / 1_000);
    this.#filledAt = now;
  }
}
