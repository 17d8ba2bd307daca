import type { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Clock } from '../../src/core/clock.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import type { Push, PushOutcome, PushStore, Registration } from '../../src/mailbox/push/ports.ts';

interface Kept {
  registration: Registration;
  dueAt: number | null;
  attempts: number;
  wanted: number;
  claim: { readonly node: string; readonly until: number; readonly wanted: number } | undefined;
}

/** Who is online, in memory, as the store contract has it. Everybody has a mailbox, and new texts when she registers. */
export class MemoryPushStore implements PushStore {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  /** While set, every method fails. */
  down = false;
  /** Every settled outcome, in order. */
  readonly settled: PushOutcome[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A text came for `user`. */
  textCame(user: AddressOfRecord): void {
    const kept = this.#kept.get(user.toString());
    if (kept !== undefined) this.#want(kept, this.#clock.now());
  }

  /** When a push for `user` is due, epoch ms; null: none is; undefined: she is not known to be online. */
  dueAt(user: AddressOfRecord): number | null | undefined {
    const kept = this.#kept.get(user.toString());
    return kept === undefined ? undefined : kept.dueAt;
  }

  attempts(user: AddressOfRecord): number | undefined {
    return this.#kept.get(user.toString())?.attempts;
  }

  async registered(registration: Registration, now: number): Promise<boolean> {
    await this.#up();
    const key = registration.user.toString();
    const before = this.#kept.get(key);
    if (before?.registration.name === registration.name) {
      before.registration = registration;
      if (before.dueAt === null && before.attempts === 0) this.#want(before, now);
      return true;
    }
    const kept: Kept = {
      registration,
      dueAt: now,
      attempts: 0,
      wanted: (before?.wanted ?? 0) + 1,
      claim: before?.claim,
    };
    this.#kept.set(key, kept);
    return true;
  }

  async unregistered(user: AddressOfRecord, name?: string): Promise<void> {
    await this.#up();
    const kept = this.#kept.get(user.toString());
    if (name === undefined || kept?.registration.name === name) this.#kept.delete(user.toString());
  }

  async claimPushes(
    claim: { readonly node: string; readonly until: number },
    now: number,
    limit: number,
  ): Promise<Push[]> {
    await this.#up();
    const due = [...this.#kept.values()]
      .filter(({ dueAt, claim: held }) => dueAt !== null && dueAt <= now && (held?.until ?? 0) <= now)
      .slice(0, limit);
    for (const kept of due) kept.claim = { ...claim, wanted: kept.wanted };
    return due.map(({ registration, attempts }) => ({ ...registration, attempts }));
  }

  async settlePush(node: string, push: Push, outcome: PushOutcome): Promise<void> {
    await this.#up();
    this.settled.push(outcome);
    const kept = this.#kept.get(push.user.toString());
    if (kept?.claim?.node !== node) return;
    const isStale = kept.claim.wanted !== kept.wanted;
    kept.claim = undefined;
    if (outcome.kind === 'put off') {
      kept.dueAt = outcome.until;
      return;
    }
    if (isStale) return;
    kept.attempts = outcome.kind === 'failed' ? kept.attempts + 1 : outcome.kind === 'refused' ? 1 : 0;
    kept.dueAt = outcome.kind === 'failed' ? outcome.retryAt : null;
  }

  async nextPushAt(): Promise<number | null> {
    await this.#up();
    const times = [...this.#kept.values()].flatMap(({ dueAt, claim }) =>
      dueAt === null ? [] : [Math.max(dueAt, claim?.until ?? 0)],
    );
    return times.length === 0 ? null : Math.min(...times);
  }

  async releasePushes(node: string): Promise<void> {
    await this.#up();
    for (const kept of this.#kept.values()) if (kept.claim?.node === node) kept.claim = undefined;
  }

  async forgetRegistrations(now: number, limit: number): Promise<number> {
    await this.#up();
    const over = [...this.#kept].filter(([, { registration }]) => registration.until <= now).slice(0, limit);
    for (const [key] of over) this.#kept.delete(key);
    return over.length;
  }

  usersWithNewTexts(): Promise<{ readonly mailboxId: number; readonly user: AddressOfRecord }[]> {
    return Promise.resolve([]);
  }

  #want(kept: Kept, now: number): void {
    kept.wanted++;
    kept.dueAt = now;
  }

  async #up(): Promise<void> {
    await Promise.resolve();
    if (this.down) throw new StoreUnavailable('answer');
  }
}
