import type { Clock, Timer } from '../../core/clock.ts';
import { withDeadline } from '../../core/deadline.ts';
import { MailboxError } from '../../core/errors.ts';
import type { Answer, HostResolver, NameService, PointerRecord, ServiceRecord } from './host-resolver.ts';
import { saysNone } from './host-resolver.ts';
import { TARGET_LIMITS } from './limits.ts';

/** DNS was not asked, or what it said is not known any more. */
export class UnansweredQuestion extends MailboxError {
  constructor(what: string, options?: { cause?: unknown }) {
    super('UNANSWERED_QUESTION', what.slice(0, 300), options);
  }
}

interface Kept<T> {
  /** Undefined: there was none. */
  readonly records: readonly T[] | undefined;
  readonly error: unknown;
  /** It is asked again from then on. */
  readonly until: number;
  /** What stands in for an answer that does not come serves until then. */
  readonly staleUntil: number;
}

/** Answers of one kind of record, kept for as long as they hold. A question is put once however many wait for it. */
class Answers<T> {
  readonly #clock: Clock;
  readonly #ask: (name: string) => Promise<Answer<T>>;
  /** In the order they were asked for last. */
  readonly #kept = new Map<string, Kept<T>>();
  readonly #underWay = new Map<string, Promise<readonly T[]>>();

  constructor(clock: Clock, ask: (name: string) => Promise<Answer<T>>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** @throws what DNS said, or UnansweredQuestion */
  async of(name: string): Promise<readonly T[]> {
    const key = name.toLowerCase();
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      if (this.#clock.now() < kept.until) return recordsOf(kept);
    }
    let asked = this.#underWay.get(key);
    if (asked === undefined) {
      if (this.#underWay.size >= TARGET_LIMITS.questions) {
        if (kept?.records !== undefined) return kept.records;
        throw new UnansweredQuestion(`too many questions are under way to ask for ${name}`);
      }
      asked = this.#fetch(name, key, kept).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, asked);
    }
    return await asked;
  }

  clear(): void {
    this.#kept.clear();
  }

  async #fetch(name: string, key: string, before: Kept<T> | undefined): Promise<readonly T[]> {
    const { question, noneLifetime, failureLifetime, unsaidLifetime, longestLifetime, staleLifetime } =
      TARGET_LIMITS;
    try {
      const asked = withDeadline(this.#clock, question, `asking DNS for ${name}`, this.#ask(name));
      const { records, lifetime = unsaidLifetime } = await asked;
      const until = this.#clock.now() + Math.min(lifetime, longestLifetime);
      return recordsOf(
        this.#keep(key, { records, error: undefined, until, staleUntil: until + staleLifetime }),
      );
    } catch (error) {
      const now = this.#clock.now();
      if (saysNone(error)) {
        const until = now + noneLifetime;
        return recordsOf(this.#keep(key, { records: undefined, error, until, staleUntil: until }));
      }
      // RFC 8767: an old answer is better than none while nobody can be asked.
      const stale = before !== undefined && now < before.staleUntil ? before : undefined;
      const until = now + failureLifetime;
      const records = stale?.records;
      const staleUntil = stale?.staleUntil ?? until;
      return recordsOf(this.#keep(key, { records, error, until, staleUntil }));
    }
  }

  #keep(key: string, kept: Kept<T>): Kept<T> {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size > TARGET_LIMITS.answers) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    return kept;
  }
}

function recordsOf<T>({ records, error }: Kept<T>): readonly T[] {
  if (records !== undefined) return records;
  throw error instanceof Error ? error : new UnansweredQuestion('DNS gave no answer', { cause: error });
}

/** Asks a name service each question once while its answer holds; also remembers that there is none. */
export class AnswerCache implements HostResolver {
  readonly #service: NameService;
  /** Of the questions under way. */
  readonly #timers = new Set<Timer>();
  readonly #addresses: Answers<string>;
  readonly #services: Answers<ServiceRecord>;
  readonly #pointers: Answers<PointerRecord>;

  constructor(service: NameService, clock: Clock) {
    const timers = this.#timers;
    // What is under way as it closes leaves no timer behind.
    const own: Clock = {
      now: () => clock.now(),
      after: (delay, callback) => {
        const timer = clock.after(delay, () => {
          timers.delete(timer);
          callback();
        });
        timers.add(timer);
        return {
          cancel: () => {
            timers.delete(timer);
            timer.cancel();
          },
        };
      },
    };
    this.#service = service;
    this.#addresses = new Answers(own, (host) => service.addresses(host));
    this.#services = new Answers(own, (name) => service.services(name));
    this.#pointers = new Answers(own, (name) => service.pointers(name));
  }

  addresses(host: string): Promise<readonly string[]> {
    return this.#addresses.of(host);
  }

  services(name: string): Promise<readonly ServiceRecord[]> {
    return this.#services.of(name);
  }

  pointers(name: string): Promise<readonly PointerRecord[]> {
    return this.#pointers.of(name);
  }

  /** Forgets everything, and waits for nothing more. */
  close(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const answers of [this.#addresses, this.#services, this.#pointers]) answers.clear();
    this.#service.close();
  }
}
