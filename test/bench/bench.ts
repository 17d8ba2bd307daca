import { systemClock } from '../../src/core/clock.ts';
import { withDeadline } from '../../src/core/deadline.ts';

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

/** ms to stop what a part started. */
const STOP = 30_000;

/** What a part is measured with: its size, and whatever it started, which is stopped whichever way it ends. */
export class Bench {
  readonly #scale: number;
  readonly #stops: (() => Promise<unknown>)[] = [];
  #isStopped = false;

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

  /**
   * Measures one thing within `deadline` ms, with a bench of its own, and stops what that left. What fails is a figure too:
   * the rest goes on.
   */
  async measure(name: string, deadline: number, work: (bench: Bench) => Promise<Figures>): Promise<Figures> {
    process.stderr.write(`${name}\n`);
    const bench = await this.keep(Promise.resolve(new Bench(this.#scale)));
    try {
      return await withDeadline(systemClock, deadline, name, work(bench));
    } catch (error) {
      process.exitCode = 1;
      return { failed: error instanceof Error ? error.message : String(error) };
    } finally {
      await withDeadline(systemClock, STOP, `stopping ${name}`, bench.stop());
    }
  }

  /** Waits for what starts and stops it in the end. */
  async keep<T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
    const started = await starting;
    if (this.#isStopped) {
      await started.stop();
      throw new Error('the time is over');
    }
    this.#stops.push(() => started.stop());
    return started;
  }

  /** Tells a person who waits what is being done. */
  tell(doing: string): void {
    process.stderr.write(`  ${doing}\n`);
  }

  /** Stops what was kept, the newest first. What cannot be stopped is told, and the rest is stopped all the same. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (let next = this.#stops.pop(); next !== undefined; next = this.#stops.pop()) {
      try {
        await next();
      } catch (error) {
        this.tell(`not stopped cleanly: ${String(error)}`);
      }
    }
  }
}
