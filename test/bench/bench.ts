/** What a part found: numbers and words by name, grouped as they belong together. */
export interface Figures {
  readonly [name: string]: number | string | Figures | readonly Figures[];
}

/** One part of the bench. */
export interface Part {
  /** ms for the whole part at full size, starting and cleaning up included. */
  readonly deadline: number;
  measure(bench: Bench): Promise<Figures>;
}

/** What a part is measured with: its size, and whatever it started, which is stopped whichever way it ends. */
export class Bench {
  readonly #scale: number;
  readonly #releases: (() => Promise<unknown>)[] = [];
  #isReleased = false;

  /** @param scale 1: full size; a trial run takes less */
  constructor(scale: number) {
    this.#scale = scale;
  }

  /** `full` of something, fewer in a trial run, but no fewer than `least`. */
  count(full: number, least: number): number {
    return Math.max(Math.min(least, full), Math.round(full * this.#scale));
  }

  /** How long to measure, ms: `seconds`, shorter in a trial run, but a second at least. */
  duration(seconds: number): number {
    return this.count(seconds * 1_000, 1_000);
  }

  /** Waits for what starts and stops it with the part. */
  async keep<T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
    const started = await starting;
    if (this.#isReleased) {
      await started.stop();
      throw new Error('the part is over');
    }
    this.#releases.push(() => started.stop());
    return started;
  }

  /** Tells a person who waits what is being measured. */
  tell(doing: string): void {
    process.stderr.write(`  ${doing}\n`);
  }

  /** Stops what was kept, the newest first. What cannot be stopped is told, and the rest is stopped all the same. */
  async release(): Promise<void> {
    this.#isReleased = true;
    for (let next = this.#releases.pop(); next !== undefined; next = this.#releases.pop()) {
      try {
        await next();
      } catch (error) {
        this.tell(`not stopped cleanly: ${String(error)}`);
      }
    }
  }
}
