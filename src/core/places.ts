/** Lets so many pieces of work run at one time; the others wait their turn, in order. */
export class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param places how many run at one time */
  constructor(places: number) {
    this.#free = places;
  }

  /** Runs `work` when its turn comes; resolves or rejects as it does. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The place goes to the next in line, so that nobody who comes now slips in before.
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
