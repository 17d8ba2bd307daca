import type { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Clock } from '../../src/core/clock.ts';
import { pause } from '../../src/core/clock.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import type { Claim, VoicemailReport, VoicemailStore } from '../../src/mwi/ports.ts';

interface Row {
  readonly user: AddressOfRecord;
  report: VoicemailReport | null;
  dueAt: number | null;
  claim: Claim | null;
}

/** Voicemail reports and watches in memory, shared by as many nodes as a test likes; it can be away for a while. */
export class MemoryVoicemailStore implements VoicemailStore {
  readonly #clock: Clock;
  readonly #rows = new Map<string, Row>();
  /** While true, every operation fails. */
  away = false;
  /** Every report that was kept, in order. */
  readonly reports: { readonly user: string; readonly report: VoicemailReport | null }[] = [];
  /** Operations by name. */
  readonly calls = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes a mailbox. */
  addMailbox(user: AddressOfRecord): void {
    this.#rows.set(user.toString(), { user, report: null, dueAt: this.#clock.now(), claim: null });
  }

  removeMailbox(user: AddressOfRecord): void {
    this.#rows.delete(user.toString());
  }

  /** What stands of a user's voicemail now; null when nothing does. */
  standing(user: AddressOfRecord): string | null {
    const report = this.#rows.get(user.toString())?.report ?? null;
    return report !== null && report.until > this.#clock.now() ? report.body : null;
  }

  /** Which node watches the user; null when none does. */
  watcherOf(user: AddressOfRecord): string | null {
    const claim = this.#rows.get(user.toString())?.claim ?? null;
    return claim !== null && claim.until > this.#clock.now() ? claim.node : null;
  }

  async reportVoicemail(user: AddressOfRecord, report: VoicemailReport | null): Promise<void> {
    await this.#operation('report');
    this.reports.push({ user: user.toString(), report });
    const row = this.#rows.get(user.toString());
    if (row !== undefined) row.report = report;
    else if (report !== null) {
      this.#rows.set(user.toString(), { user, report, dueAt: this.#clock.now(), claim: null });
    }
  }

  async claimWatches(claim: Claim, now: number, limit: number): Promise<AddressOfRecord[]> {
    await this.#operation('claim');
    const due = [...this.#rows.values()].filter(
      (row) => (row.dueAt !== null && row.dueAt <= now) || (row.claim !== null && row.claim.until <= now),
    );
    return due.slice(0, limit).map((row) => {
      row.claim = claim;
      row.dueAt = null;
      return row.user;
    });
  }

  async keepWatch(
    node: string,
    user: AddressOfRecord,
    next: { claimUntil: number } | { dueAt: number },
  ): Promise<boolean> {
    await this.#operation('keep');
    const row = this.#rows.get(user.toString());
    if (row?.claim?.node !== node) return false;
    row.claim = 'claimUntil' in next ? { node, until: next.claimUntil } : null;
    row.dueAt = 'dueAt' in next ? next.dueAt : null;
    return true;
  }

  async nextWatchAt(): Promise<number | null> {
    await this.#operation('next');
    const instants = [...this.#rows.values()].flatMap((row) => row.dueAt ?? row.claim?.until ?? []);
    return instants.length === 0 ? null : Math.min(...instants);
  }

  async releaseWatches(node: string): Promise<void> {
    await this.#operation('release');
    for (const row of this.#rows.values()) {
      if (row.claim?.node !== node) continue;
      row.claim = null;
      row.dueAt = this.#clock.now();
    }
  }

  async #operation(name: string): Promise<void> {
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
    await pause(this.#clock, 1);
    if (this.away) throw new StoreUnavailable(name);
  }
}
