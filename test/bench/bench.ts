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
  #stopped: Promise<void> | undefined;

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

  /** Waits for what starts and stops it in the end, even if that comes before it has started. */
  async keep<T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
    // What fails to start has cleaned up by itself.
    const stop = async (): Promise<unknown> => await (await starting.catch(() => undefined))?.stop();
    if (this.#stopped === undefined) this.#stops.push(stop);
    else await stop();
    const started = await starting;
    if (this.#stopped !== undefined) throw new Error('the time is over');
    return started;
  }

  /** Tells a person who waits what is being done. */
  tell(doing: string): void {
    process.stderr.write(`  ${doing}\n`);
  }

  /** Stops what was kept, the newest first. What cannot be stopped is told, and the rest is stopped all the same. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    for (let next = this.#stops.pop(); next !== undefined; next = this.#stops.pop()) {
      try {
        await next();
      } catch (error) {
        this.tell(`not stopped cleanly: ${String(error)}`);
      }
    }
  }
}
