import { ADMISSION_LIMITS } from './limits.ts';
import { sourceKey } from './source-key.ts';
import { TokenBucket } from './token-bucket.ts';

/** How many new requests one source may send. */
export interface SourceRate {
  /** Requests a second. */
  readonly perSecond: number;
  /** Requests at once after a quiet time. */
  readonly burst: number;
  /** Whether an address may send as many as it likes: a proxy sends what everybody does. */
  exempt(address: string): boolean;
}

interface Source {
  /** Absent: exempt. */
  readonly bucket: TokenBucket | undefined;
  /** Refusals in this period, and when it ends. */
  refusals: number;
  periodEnd: number;
}

/** What becomes of a request over the rate: told so, told so and worth a line in the log, or met with silence. */
export type SourceRefusal = 'answer' | 'answer-and-log' | 'silence';

/**
 * A bucket of tokens for each source, for a bounded number of them. Threat: made-up source addresses of UDP. Each costs an
 * entry, which makes the one used longest ago go: memory does not grow, and who is forgotten begins with a full bucket.
 */
export class SourceLimits {
  readonly #rate: SourceRate;
  /** In the order of their last use. */
  readonly #sources = new Map<string, Source>();
  #logs = 0;
  #logsUntil = 0;

  constructor(rate: SourceRate) {
    this.#rate = rate;
  }

  /** Sources remembered. */
  get size(): number {
    return this.#sources.size;
  }

  /** Whether the next new request from there would be refused. Takes nothing. @param now ms */
  isOver(address: string, now: number): boolean {
    return this.#sources.get(sourceKey(address))?.bucket?.isEmpty(now) ?? false;
  }

  /** Counts a new request; says whether it may be taken. */
  take(address: string, now: number): boolean {
    const { bucket } = this.#used(address, now);
    return bucket === undefined || bucket.take(now);
  }

  /** What a request that may not be taken gets. */
  refuse(address: string, now: number): SourceRefusal {
    const source = this.#used(address, now);
    if (now >= source.periodEnd) {
      source.refusals = 0;
      source.periodEnd = now + ADMISSION_LIMITS.sourcePeriod;
    }
    source.refusals++;
    if (source.refusals > ADMISSION_LIMITS.answersPerSource) return 'silence';
    return source.refusals === 1 && this.#mayLog(now) ? 'answer-and-log' : 'answer';
  }

  #used(address: string, now: number): Source {
    const key = sourceKey(address);
    let source = this.#sources.get(key);
    if (source === undefined) {
      const { perSecond, burst } = this.#rate;
      const bucket = this.#rate.exempt(address) ? undefined : new TokenBucket(perSecond, burst, now);
      source = { bucket, refusals: 0, periodEnd: 0 };
      if (this.#sources.size >= ADMISSION_LIMITS.sources) this.#forgetOldest();
    } else {
      this.#sources.delete(key);
    }
    this.#sources.set(key, source);
    return source;
  }

  #forgetOldest(): void {
    for (const oldest of this.#sources.keys()) {
      this.#sources.delete(oldest);
      return;
    }
  }

  #mayLog(now: number): boolean {
    if (now >= this.#logsUntil) {
      this.#logs = 0;
      this.#logsUntil = now + ADMISSION_LIMITS.sourcePeriod;
    }
    return ++this.#logs <= ADMISSION_LIMITS.logsPerPeriod;
  }
}
