import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { LampAudit, LampRecord, LampTotals, PublicationState } from '../../src/mwi/ports.ts';
import { NOTHING_PUBLISHED } from '../../src/mwi/ports.ts';
import { counts } from './publisher-harness.ts';

export const NOW = Date.UTC(2026, 0, 1);
export const HOUR = 3_600_000;

/** A lamp that is as it should be: one text waits, and the presence server was told. */
export function rightLamp(user: string, changes: Partial<LampRecord> = {}): LampRecord {
  const target = AddressOfRecord.parse(`sip:${user}@example.com`);
  return {
    target,
    owner: target,
    counts: counts(1),
    counted: counts(1),
    wantedVersion: 3,
    changedAt: NOW - HOUR,
    voicemail: null,
    state: published({}),
    schedule: { dueAt: NOW + HOUR, notBefore: NOW - HOUR },
    claim: null,
    ...changes,
  };
}

/** What is kept of a publication of version 3 that lives. */
export function published(changes: Partial<PublicationState>): PublicationState {
  return {
    ...NOTHING_PUBLISHED,
    entityTag: 'tag',
    expiresAt: NOW + 2 * HOUR,
    publishedVersion: 3,
    ...changes,
  };
}

/** Lamps in memory, looked at page by page. */
export class AuditedLamps implements LampAudit {
  readonly #lamps: Map<string, LampRecord>;
  /** How many lamps each look asked for. */
  readonly looks: number[] = [];

  constructor(...lamps: readonly LampRecord[]) {
    this.#lamps = new Map(lamps.map((lamp) => [lamp.target.toString(), lamp]));
  }

  put(lamp: LampRecord): void {
    this.#lamps.set(lamp.target.toString(), lamp);
  }

  lamps(
    range: { readonly after: string | null; readonly limit: number } | { readonly only: AddressOfRecord },
  ): Promise<LampRecord[]> {
    if ('only' in range) {
      const lamp = this.#lamps.get(range.only.toString());
      return Promise.resolve(lamp === undefined ? [] : [lamp]);
    }
    this.looks.push(range.limit);
    const after = range.after ?? '';
    const later = [...this.#lamps].filter(([aor]) => aor > after).sort(([a], [b]) => (a < b ? -1 : 1));
    return Promise.resolve(later.slice(0, range.limit).map(([, lamp]) => lamp));
  }

  totals(): Promise<LampTotals> {
    return Promise.reject(new Error('nobody asks for these'));
  }
}
