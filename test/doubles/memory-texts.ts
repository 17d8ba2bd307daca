import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { MailboxCounts, RetrievalStore, StoredMessage } from '../../src/mailbox/ports.ts';

interface Kept {
  readonly message: StoredMessage;
  token: string | undefined;
  until: number;
  isRead: boolean;
}

/** Texts of one owner in memory, leased as the store contract has it. */
export class MemoryTexts implements RetrievalStore {
  readonly #clock: Clock;
  readonly #kept: Kept[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(words: string, over: Partial<StoredMessage> = {}): StoredMessage {
    const id = this.#kept.length + 1;
    const message: StoredMessage = {
      id,
      owner: AddressOfRecord.parse('sip:alice@example.test'),
      author: 'sip:bob@example.test',
      authorName: 'Bob',
      uniqueKey: `text ${id}`,
      messageId: `text-${id}`,
      contentType: 'text/plain',
      content: Buffer.from(words),
      subject: '',
      urgent: false,
      sentAt: null,
      receivedAt: Date.UTC(2026, 10, 21, 14, 3),
      expiresAt: null,
      deliverAt: null,
      wrapper: null,
      receipts: null,
      ...over,
    };
    this.#kept.push({ message, token: undefined, until: 0, isRead: false });
    return message;
  }

  /** Words of the texts that are new, in order. */
  get fresh(): readonly string[] {
    return this.#kept.filter(({ isRead }) => !isRead).map(({ message }) => message.content.toString());
  }

  counts(): Promise<MailboxCounts> {
    const fresh = this.fresh.length;
    return Promise.resolve({ new: fresh, old: this.#kept.length - fresh, newUrgent: 0, oldUrgent: 0 });
  }

  lease(_owner: AddressOfRecord, token: string, until: number, limit: number): Promise<StoredMessage[]> {
    const now = this.#clock.now();
    const free = this.#kept.filter((kept) => !kept.isRead && kept.until <= now).slice(0, limit);
    for (const kept of free) Object.assign(kept, { token, until });
    return Promise.resolve(free.map(({ message }) => message));
  }

  renewLease(token: string, until: number): Promise<void> {
    for (const kept of this.#kept) if (kept.token === token && !kept.isRead) kept.until = until;
    return Promise.resolve();
  }

  markRead(token: string, id: number): Promise<boolean> {
    const kept = this.#kept.find(({ message }) => message.id === id);
    if (kept?.token !== token) return Promise.resolve(false);
    kept.isRead = true;
    return Promise.resolve(true);
  }

  releaseLease(token: string): Promise<void> {
    for (const kept of this.#kept) if (kept.token === token) kept.until = 0;
    return Promise.resolve();
  }

  releaseLeases(): Promise<void> {
    for (const kept of this.#kept) kept.until = 0;
    return Promise.resolve();
  }
}
