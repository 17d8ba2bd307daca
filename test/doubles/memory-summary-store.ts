import type { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { MailboxCounts } from '../../src/mailbox/ports.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import type { DueSummary, PublicationState, SummaryStore } from '../../src/mwi/ports.ts';

interface Row {
  readonly owner: AddressOfRecord;
  counts: MailboxCounts;
  wantedVersion: number;
  state: PublicationState;
  dueAt: number | null;
  notBefore: number;
  claim: { readonly node: string; readonly until: number } | null;
}

/** The dirty marks in memory, for one process and as many nodes as a test plays. */
export class MemorySummaryStore implements SummaryStore {
  readonly #clock: Clock;
  readonly #rows = new Map<string, Row>();
  /** Every method fails while this is set. */
  down = false;
  /** Calls so far, by method. */
  readonly calls = { claimDue: 0, settle: 0, nextDueAt: 0, releaseClaims: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The counts of a mailbox changed: what a deposit or a read does in its transaction. */
  change(owner: AddressOfRecord, counts: MailboxCounts): void {
    const row = this.#rows.get(owner.toString()) ?? newRow(owner, counts);
    this.#rows.set(owner.toString(), row);
    row.counts = counts;
    row.wantedVersion++;
    row.dueAt = Math.max(this.#clock.now(), row.notBefore);
  }

  /** What is kept of a mailbox's publication. */
  state(owner: AddressOfRecord): PublicationState {
    return this.#row(owner).state;
  }

  dueAt(owner: AddressOfRecord): number | null {
    return this.#row(owner).dueAt;
  }

  /** Puts a publication there as an earlier run left it. */
  remember(owner: AddressOfRecord, state: PublicationState, dueAt: number | null): void {
    const row = this.#row(owner);
    row.state = state;
    row.dueAt = dueAt;
  }

  /** The names of the nodes that hold a claim. */
  claimants(): string[] {
    return [...this.#rows.values()].flatMap(({ claim }) => (claim === null ? [] : [claim.node]));
  }

  claimDue(node: string, now: number, claimUntil: number, limit: number): Promise<DueSummary[]> {
    return this.#answer('claimDue', () => {
      const due = [...this.#rows.values()]
        .filter((row) => row.dueAt !== null && row.dueAt <= now)
        .filter(({ claim }) => claim === null || claim.until <= now)
        .sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0))
        .slice(0, limit);
      return due.map((row) => {
        row.claim = { node, until: claimUntil };
        const { owner, counts, wantedVersion, state } = row;
        return { owner, counts, wantedVersion, state };
      });
    });
  }

  settle(
    node: string,
    owner: AddressOfRecord,
    state: PublicationState,
    schedule: { readonly dueAt: number | null; readonly notBefore: number },
  ): Promise<boolean> {
    return this.#answer('settle', () => {
      const row = this.#row(owner);
      if (row.claim?.node !== node) return false;
      row.claim = null;
      row.state = state;
      row.notBefore = schedule.notBefore;
      row.dueAt = row.wantedVersion > state.publishedVersion ? schedule.notBefore : schedule.dueAt;
      return true;
    });
  }

  nextDueAt(): Promise<number | null> {
    return this.#answer('nextDueAt', () => {
      const instants = [...this.#rows.values()]
        .map(({ claim, dueAt }) => (claim === null ? dueAt : claim.until))
        .filter((at) => at !== null);
      return instants.length === 0 ? null : Math.min(...instants);
    });
  }

  releaseClaims(node: string): Promise<void> {
    return this.#answer('releaseClaims', () => {
      for (const row of this.#rows.values()) {
        if (row.claim?.node === node) row.claim = null;
      }
    });
  }

  #row(owner: AddressOfRecord): Row {
    const row = this.#rows.get(owner.toString());
    if (row === undefined) throw new Error(`no mailbox ${owner.toString()}`);
    return row;
  }

  async #answer<T>(method: keyof typeof this.calls, work: () => T): Promise<T> {
    this.calls[method]++;
    await Promise.resolve();
    if (this.down) throw new StoreUnavailable(method);
    return work();
  }
}

function newRow(owner: AddressOfRecord, counts: MailboxCounts): Row {
  const state = { entityTag: null, expiresAt: null, publishedVersion: 0, failures: 0 };
  return { owner, counts, wantedVersion: 0, state, dueAt: null, notBefore: 0, claim: null };
}
