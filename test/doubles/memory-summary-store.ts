import type { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { MailboxCounts } from '../../src/mailbox/ports.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import type {
  Claim,
  DueSummary,
  PublicationState,
  Schedule,
  SummaryStore,
  TextHeaders,
  VoicemailReport,
} from '../../src/mwi/ports.ts';
import { NOTHING_PUBLISHED } from '../../src/mwi/ports.ts';

/** What the lamps of one mailbox share. */
interface Truth {
  counts: MailboxCounts;
  voicemail: VoicemailReport | null;
  wantedVersion: number;
  changedAt: number;
}

interface Row {
  readonly target: AddressOfRecord;
  readonly truth: Truth;
  state: PublicationState;
  dueAt: number | null;
  notBefore: number;
  claim: Claim | null;
}

/** The dirty marks in memory, for one process and as many nodes as a test plays. */
export class MemorySummaryStore implements SummaryStore {
  readonly #clock: Clock;
  readonly #rows = new Map<string, Row>();
  /** Every method fails while this is set. */
  down = false;
  /** Calls so far, by method. */
  readonly calls = { claimDue: 0, settle: 0, nextDueAt: 0, releaseClaims: 0, hasten: 0, keepBeacon: 0 };
  /** What {@link newestTexts} tells of every mailbox. */
  newest: TextHeaders[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The counts of a mailbox changed: what a deposit or a read does in its transaction. */
  change(target: AddressOfRecord, counts: MailboxCounts): void {
    const { truth } = this.#make(target);
    truth.counts = counts;
    this.#dirty(truth);
  }

  /** The voicemail said something of a mailbox. */
  report(target: AddressOfRecord, voicemail: VoicemailReport | null): void {
    const { truth } = this.#make(target);
    truth.voicemail = voicemail;
    this.#dirty(truth);
  }

  /** Lets `alias` share the mailbox of `owner`. */
  alias(owner: AddressOfRecord, alias: AddressOfRecord): void {
    const { truth } = this.#make(owner);
    this.#rows.set(alias.toString(), newRow(alias, truth));
    this.#dirty(truth);
  }

  /** What is kept of a lamp's publication. */
  state(target: AddressOfRecord): PublicationState {
    return this.#row(target).state;
  }

  dueAt(target: AddressOfRecord): number | null {
    return this.#row(target).dueAt;
  }

  /** Puts a publication there as an earlier run left it. */
  remember(target: AddressOfRecord, state: PublicationState, dueAt: number | null): void {
    const row = this.#row(target);
    row.state = state;
    row.dueAt = dueAt;
  }

  /** The names of the nodes that hold a claim. */
  claimants(): string[] {
    const now = this.#clock.now();
    return [...this.#rows.values()].flatMap(({ claim }) =>
      (claim?.until ?? 0) > now ? [claim?.node ?? ''] : [],
    );
  }

  claimDue(claim: Claim, now: number, limit: number): Promise<DueSummary[]> {
    return this.#answer('claimDue', () => {
      const due = [...this.#rows.values()]
        .filter((row) => row.dueAt !== null && row.dueAt <= now)
        .filter((row) => row.claim === null || row.claim.until <= now)
        .sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
      const newest = due.length > limit ? due.slice(-Math.ceil(limit / 2)) : [];
      const claimed = [...new Set([...newest, ...due])].slice(0, limit);
      return claimed.map((row) => {
        const failures = Math.max(row.state.failures, row.claim === null ? 0 : 1);
        row.claim = claim;
        const { target, truth, state } = row;
        return { ...truth, target, claim, state: { ...state, failures } };
      });
    });
  }

  settle(
    claim: Claim,
    target: AddressOfRecord,
    state: PublicationState,
    schedule: Schedule,
  ): Promise<boolean> {
    return this.#answer('settle', () => {
      const row = this.#row(target);
      if (row.claim?.node !== claim.node || row.claim.until !== claim.until) return false;
      row.claim = null;
      row.state = state;
      row.notBefore = schedule.notBefore;
      row.dueAt = row.truth.wantedVersion > state.publishedVersion ? schedule.notBefore : schedule.dueAt;
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
        if (row.claim?.node === node) row.claim = { node, until: 0 };
      }
    });
  }

  hasten(which: 'live' | 'failed', now: number): Promise<void> {
    return this.#answer('hasten', () => {
      for (const row of this.#rows.values()) {
        if (row.claim !== null || row.dueAt === null || row.dueAt <= now) continue;
        const { state } = row;
        if (which === 'live' && (state.expiresAt ?? 0) > now) row.dueAt = now;
        if (which === 'failed' && state.failures > 0 && state.refusedWith === null) {
          row.dueAt = now;
          row.notBefore = now;
        }
      }
    });
  }

  keepBeacon(target: AddressOfRecord, now: number): Promise<void> {
    return this.#answer('keepBeacon', () => {
      const row = this.#make(target);
      if (row.truth.wantedVersion === 0) this.#dirty(row.truth);
      row.dueAt ??= now;
    });
  }

  newestTexts(_target: AddressOfRecord, limit: number): Promise<TextHeaders[]> {
    return Promise.resolve(this.newest.slice(0, limit));
  }

  #make(target: AddressOfRecord): Row {
    const truth = { counts: NO_TEXTS, voicemail: null, wantedVersion: 0, changedAt: this.#clock.now() };
    const row = this.#rows.get(target.toString()) ?? newRow(target, truth);
    this.#rows.set(target.toString(), row);
    return row;
  }

  #dirty(truth: Truth): void {
    truth.wantedVersion++;
    truth.changedAt = this.#clock.now();
    for (const row of this.#rows.values()) {
      if (row.truth === truth) row.dueAt = Math.max(this.#clock.now(), row.notBefore);
    }
  }

  #row(target: AddressOfRecord): Row {
    const row = this.#rows.get(target.toString());
    if (row === undefined) throw new Error(`no mailbox ${target.toString()}`);
    return row;
  }

  async #answer<T>(method: keyof typeof this.calls, work: () => T): Promise<T> {
    this.calls[method]++;
    await Promise.resolve();
    if (this.down) throw new StoreUnavailable(method);
    return work();
  }
}

const NO_TEXTS: MailboxCounts = { new: 0, old: 0, newUrgent: 0, oldUrgent: 0 };

function newRow(target: AddressOfRecord, truth: Truth): Row {
  return { target, truth, state: NOTHING_PUBLISHED, dueAt: null, notBefore: 0, claim: null };
}
