import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Receipt, ReceiptStore } from '../../src/mailbox/ports.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';

interface Kept {
  receipt: Receipt;
  dueAt: number;
  claim: { readonly node: string; readonly until: number } | undefined;
}

/** Receipts in memory, as the store contract has them. */
export class MemoryReceiptStore implements ReceiptStore {
  readonly #clock: Clock;
  readonly #kept = new Map<number, Kept>();
  #ids = 0;
  /** While set, every method fails. */
  down = false;
  /** Arguments of each {@link markDisplayed}. */
  readonly displayed: string[] = [];
  /** Its answer. */
  knows: (messageId: string) => boolean = () => true;
  /** Times it was looked into for receipts. */
  looks = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds a receipt that is due at once. */
  add(over: Partial<Omit<Receipt, 'id'>> = {}): Receipt {
    const receipt: Receipt = {
      id: ++this.#ids,
      to: 'sip:bob@example.test',
      owner: AddressOfRecord.parse('sip:alice@example.test'),
      status: 'stored',
      messageId: `text-${this.#ids}`,
      dateTime: '2026-01-01T00:00:00+01:00',
      returnHop: null,
      attempts: 0,
      createdAt: this.#clock.now(),
      ...over,
    };
    this.#kept.set(receipt.id, { receipt, dueAt: this.#clock.now(), claim: undefined });
    return receipt;
  }

  /** What is left, in the order it was added. */
  get left(): readonly Receipt[] {
    return [...this.#kept.values()].map(({ receipt }) => receipt);
  }

  /** When one is due, epoch ms. */
  dueAt(id: number): number | undefined {
    return this.#kept.get(id)?.dueAt;
  }

  /** Which nodes hold claims now. */
  get claimants(): readonly string[] {
    const now = this.#clock.now();
    return [...this.#kept.values()].flatMap(({ claim }) =>
      claim !== undefined && claim.until > now ? [claim.node] : [],
    );
  }

  async claimReceipts(
    claim: { readonly node: string; readonly until: number },
    now: number,
    limit: number,
  ): Promise<Receipt[]> {
    await this.#answers();
    this.looks++;
    const due = [...this.#kept.values()]
      .filter((kept) => kept.dueAt <= now && (kept.claim === undefined || kept.claim.until <= now))
      .slice(0, limit);
    for (const kept of due) kept.claim = claim;
    return due.map(({ receipt }) => receipt);
  }

  async closeReceipt(id: number): Promise<void> {
    await this.#answers();
    this.#kept.delete(id);
  }

  async postponeReceipt(id: number, dueAt: number): Promise<void> {
    await this.#answers();
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    kept.dueAt = dueAt;
    kept.claim = undefined;
    kept.receipt = { ...kept.receipt, attempts: kept.receipt.attempts + 1 };
  }

  async nextReceiptAt(): Promise<number | null> {
    await this.#answers();
    const times = [...this.#kept.values()].map(({ dueAt, claim }) => Math.max(dueAt, claim?.until ?? 0));
    return times.length === 0 ? null : Math.min(...times);
  }

  async releaseReceipts(node: string): Promise<void> {
    await this.#answers();
    for (const kept of this.#kept.values()) if (kept.claim?.node === node) kept.claim = undefined;
  }

  async markDisplayed(owner: AddressOfRecord, messageId: string, author: string | null): Promise<boolean> {
    await this.#answers();
    this.displayed.push(`${owner.toString()} ${messageId} ${author ?? '-'}`);
    return this.knows(messageId);
  }

  #answers(): Promise<void> {
    return this.down ? Promise.reject(new StoreUnavailable('keep receipts')) : Promise.resolve();
  }
}
