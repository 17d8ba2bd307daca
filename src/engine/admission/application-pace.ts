import { ADMISSION_LIMITS } from './limits.ts';

/**
 * How many requests one application may have unanswered, so that what it takes it answers in good time.
 *
 * A queue that stands shows in the fastest answer: when even that takes much longer than the application's best, requests
 * wait before it, and fewer are let in; when the bound is reached and nothing waits, more are. What the answer takes is
 * measured from here to here, so the engine's own delay counts too. An application that answers slowly because it has much to
 * ask of others, not because it is full, has a slow best and is let be.
 */
export class ApplicationPace {
  #limit: number = ADMISSION_LIMITS.unansweredAtFirst;
  /** Unanswered requests by the second they were handed over in. */
  readonly #unanswered = new Map<number, number>();
  #count = 0;
  #windowEnd = 0;
  #fastest = Infinity;
  #wasFull = false;
  /** Judgements in a row that found a queue, since when, and the answers there were meanwhile. */
  #standing = 0;
  #standingSince = 0;
  #answers = 0;
  /** The least any answer took in the memory before, and in this one, ms. */
  #bestBefore = Infinity;
  #best = Infinity;
  #memoryEnd = 0;

  /** Requests that may be unanswered. */
  get limit(): number {
    return this.#limit;
  }

  get unanswered(): number {
    return this.#count;
  }

  /** No new request may be handed over. @param now ms, as in every call */
  isFull(now: number): boolean {
    if (this.#count < this.#limit) return false;
    this.#forgetOld(now);
    if (this.#count < this.#limit) return false;
    this.#wasFull = true;
    return true;
  }

  /** A request was handed over. */
  handed(now: number): void {
    const second = Math.floor(now / 1_000);
    this.#unanswered.set(second, (this.#unanswered.get(second) ?? 0) + 1);
    this.#count++;
    if (this.#unanswered.size > ADMISSION_LIMITS.unansweredAge) this.#forgetOld(now);
  }

  /** The first answer came to what was handed over at `since`. */
  answered(since: number, now: number): void {
    this.ended(since);
    const took = Math.max(0, now - since);
    this.#fastest = Math.min(this.#fastest, took);
    this.#answers++;
    if (now >= this.#windowEnd || now < this.#windowEnd - ADMISSION_LIMITS.paceWindow) this.#judge(now);
  }

  /** No answer is awaited any more to what was handed over at `since`. */
  ended(since: number): void {
    const second = Math.floor(since / 1_000);
    const count = this.#unanswered.get(second);
    if (count === undefined) return;
    this.#count--;
    if (count === 1) this.#unanswered.delete(second);
    else this.#unanswered.set(second, count - 1);
  }

  #judge(now: number): void {
    const best = Math.min(this.#best, this.#bestBefore, ADMISSION_LIMITS.bestAtMost);
    if (this.#fastest > best + ADMISSION_LIMITS.standingDelay) {
      this.#standing++;
      if (this.#standing > ADMISSION_LIMITS.standingWindows) {
        this.#allowFewer(now, best + ADMISSION_LIMITS.allowedDelay);
        this.#standing = 0;
      }
    } else {
      this.#standing = 0;
      if (this.#wasFull) this.#limit = Math.ceil(this.#limit * 1.1);
      this.#remember(now);
    }
    if (this.#standing === 0) {
      this.#standingSince = now;
      this.#answers = 0;
    }
    this.#fastest = Infinity;
    this.#wasFull = false;
    this.#windowEnd = now + ADMISSION_LIMITS.paceWindow;
  }

  /** As many as it answers within `delay`, by what it did while the queue stood (Little's law). */
  #allowFewer(now: number, delay: number): void {
    const elapsed = Math.max(ADMISSION_LIMITS.paceWindow, now - this.#standingSince);
    const fewer = Math.floor((this.#answers * delay) / elapsed);
    this.#limit = Math.min(this.#limit, Math.max(ADMISSION_LIMITS.unansweredAtLeast, fewer));
  }

  /** The best is forgotten after a while, lest an application that has got slower is thought full for ever. */
  #remember(now: number): void {
    if (now >= this.#memoryEnd) {
      this.#bestBefore = this.#best;
      this.#best = Infinity;
      this.#memoryEnd = now + ADMISSION_LIMITS.bestMemory;
    }
    this.#best = Math.min(this.#best, this.#fastest);
  }

  #forgetOld(now: number): void {
    const oldest = Math.floor(now / 1_000) - ADMISSION_LIMITS.unansweredAge;
    for (const [second, count] of this.#unanswered) {
      if (second >= oldest) continue;
      this.#unanswered.delete(second);
      this.#count -= count;
    }
  }
}
