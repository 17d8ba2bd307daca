import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { pause } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Fault, Finding } from './finding.ts';
import { fault } from './finding.ts';
import { MWI_LIMITS } from './limits.ts';
import type { LampAudit, LampRecord } from './ports.ts';
import { standsAt } from './publication-machine.ts';
import { isBehind, isOnItsWay, recordFaults } from './record-faults.ts';
import { toldFaults } from './told-faults.ts';

/** Finds out what a phone that subscribes to a lamp now is told. */
export interface LampFetcher {
  /** The body of the NOTIFY; null when it has none. Rejects when that cannot be found out. */
  fetch(target: AddressOfRecord): Promise<string | null>;
}

export interface CheckOptions {
  readonly audit: Pick<LampAudit, 'lamps'>;
  readonly clock: Clock;
  /** The body that should be published for a lamp at `now`, epoch ms. */
  expectedBody(record: LampRecord, now: number): string | Promise<string>;
  /** Without one, only the database is looked at. */
  readonly fetcher?: LampFetcher;
  /** These lamps only; all when left out. */
  readonly only?: readonly AddressOfRecord[];
  /** A lamp nobody looks at: whatever is the matter with it is a note. */
  readonly beacon?: AddressOfRecord;
  /** How long a lamp may be due before it counts as late, ms. */
  readonly grace?: number;
}

/** One lamp that was looked at. */
export interface CheckedLamp {
  readonly target: AddressOfRecord;
  /** Empty when all is right. */
  readonly findings: readonly Finding[];
}

/**
 * Holds every lamp against the texts it speaks of, what was published against what should be, and with a fetcher what phones
 * are told against that. Memory does not grow with the number of lamps. @throws StoreUnavailable
 */
export async function* checkLamps(given: CheckOptions): AsyncGenerator<CheckedLamp, void> {
  const options = given.fetcher === undefined ? given : { ...given, fetcher: new Patience(given.fetcher) };
  if (options.only !== undefined) {
    for (const target of options.only) {
      const [record] = await options.audit.lamps({ only: target });
      yield record === undefined ? withoutLamp(target) : await checkLamp(record, options);
    }
    return;
  }
  let after: string | null = null;
  for (;;) {
    const page = await options.audit.lamps({ after, limit: MWI_LIMITS.checkPage });
    for (let next = 0; next < page.length; next += MWI_LIMITS.checkAtOnce) {
      const some = page.slice(next, next + MWI_LIMITS.checkAtOnce);
      yield* await Promise.all(some.map((record) => checkLamp(record, options)));
    }
    const last = page.at(-1);
    if (last === undefined || page.length < MWI_LIMITS.checkPage) return;
    after = last.target.toString();
  }
}

/** Asks no more once the presence server was silent many times in a row: each silence costs seconds. */
class Patience implements LampFetcher {
  readonly #fetcher: LampFetcher;
  #inVain = 0;
  #last: unknown;

  constructor(fetcher: LampFetcher) {
    this.#fetcher = fetcher;
  }

  async fetch(target: AddressOfRecord): Promise<string | null> {
    if (this.#inVain >= MWI_LIMITS.checkPatience) throw this.#last;
    try {
      const told = await this.#fetcher.fetch(target);
      this.#inVain = 0;
      return told;
    } catch (error) {
      this.#inVain += 1;
      this.#last = error;
      throw error;
    }
  }
}

/** All that is the matter, at once: for tests and few lamps. @throws StoreUnavailable */
export async function findingsOf(options: CheckOptions): Promise<Finding[]> {
  const all: Finding[] = [];
  for await (const { findings } of checkLamps(options)) all.push(...findings);
  return all;
}

function withoutLamp(target: AddressOfRecord): CheckedLamp {
  const none = fault('no-lamp', 'nobody left a text for this address', '');
  return { target, findings: [{ target, ...none }] };
}

/** A lamp may change between the look at the database and the word of the presence server: then it is looked at again. */
async function checkLamp(record: LampRecord, options: CheckOptions): Promise<CheckedLamp> {
  const { target } = record;
  const mild = options.beacon?.equals(target) === true ? { severity: 'note' as const } : {};
  const checked = (faults: readonly Fault[]): CheckedLamp => ({
    target,
    findings: faults.map((each) => ({ target, ...each, ...mild })),
  });
  let current = record;
  for (let look = 1; ; look++) {
    const { faults, told, inMotion } = await lookAt(current, options);
    if (told.every(({ problem }) => problem === 'not-asked')) return checked([...faults, ...told]);
    const [newer] = await options.audit.lamps({ only: target });
    if (newer === undefined) return checked([]);
    if (!inMotion && isUnchanged(newer, current)) return checked([...faults, ...told]);
    if (look === MWI_LIMITS.checkLooks) return checked(faults);
    current = newer;
    await pause(options.clock, MWI_LIMITS.checkPause);
  }
}

interface Look {
  readonly faults: readonly Fault[];
  /** What is the matter with what a phone is told. */
  readonly told: readonly Fault[];
  /** It will be told anew in a moment. */
  readonly inMotion: boolean;
}

async function lookAt(record: LampRecord, options: CheckOptions): Promise<Look> {
  const { clock, fetcher, grace = MWI_LIMITS.checkGrace } = options;
  const now = clock.now();
  const expected = await options.expectedBody(record, now);
  const shouldLive = isToLive(record, now);
  const faults = recordFaults(record, { now, grace, shouldLive });
  const inMotion = isOnItsWay(record, now, grace);
  if (fetcher === undefined) return { faults, told: [], inMotion };
  return { faults, told: await ask(fetcher, record.target, expected, shouldLive), inMotion };
}

/** What says that nothing waits is kept alive for a while after the last change only. */
function isToLive(record: LampRecord, now: number): boolean {
  const { counts, voicemail, changedAt, state } = record;
  if (state.publishedVersion === 0 && !isBehind(record)) return false;
  return counts.new > 0 || standsAt(voicemail, now) || changedAt + MWI_LIMITS.keepCleared > now;
}

async function ask(
  fetcher: LampFetcher,
  target: AddressOfRecord,
  expected: string,
  shouldLive: boolean,
): Promise<readonly Fault[]> {
  try {
    return toldFaults(await fetcher.fetch(target), expected, shouldLive);
  } catch (error) {
    const advice = 'see whether the presence server lives and lets this machine subscribe for its users';
    return [
      fault('not-asked', `what a phone is told could not be found out: ${describeError(error)}`, advice),
    ];
  }
}

function isUnchanged(a: LampRecord, b: LampRecord): boolean {
  return (
    a.wantedVersion === b.wantedVersion &&
    a.state.publishedVersion === b.state.publishedVersion &&
    a.state.entityTag === b.state.entityTag
  );
}
