import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { ExpiryStore } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import type { LockedMailbox } from './dirty-marks.ts';
import { lockMailboxes, saveChanged } from './dirty-marks.ts';
import { STORE_LIMITS } from './limits.ts';
import type { ReceiptWriter, WrittenReceipts } from './receipt-writer.ts';
import { NO_RECEIPTS } from './receipt-writer.ts';
import { freeTexts } from './retrieval-reader.ts';
import type { MessageRow } from './rows.ts';
import { ownerOf } from './rows.ts';

/** What one transaction took away. */
interface Swept {
  /** Texts that were looked at; others may have taken some of them since. */
  readonly found: number;
  readonly removed: number;
  readonly changed: readonly LockedMailbox[];
  readonly told: WrittenReceipts;
}

/** Takes away new texts that are too old, a bounded number to a transaction. */
export class ExpirySweep implements ExpiryStore {
  readonly #database: Database;
  readonly #receipts: ReceiptWriter;
  readonly #onDirty: (owner: AddressOfRecord) => void;

  constructor(database: Database, receipts: ReceiptWriter, onDirty: (owner: AddressOfRecord) => void) {
    this.#database = database;
    this.#receipts = receipts;
    this.#onDirty = onDirty;
  }

  async expireTexts(now: number, limit: number): Promise<number> {
    let removed = 0;
    for (let left = limit; left > 0;) {
      const most = Math.min(left, STORE_LIMITS.sweepBatch);
      const swept = await this.#database.transaction('take away texts that expired', (trx) =>
        this.#sweep(trx, now, most),
      );
      this.#receipts.committed(swept.told);
      for (const { aor } of swept.changed) this.#onDirty(ownerOf(aor));
      removed += swept.removed;
      if (swept.found < most) break;
      left -= swept.found;
    }
    return removed;
  }

  async nextExpiryAt(): Promise<number | null> {
    return await this.#database.run('look for the next text to expire', async (knex) => {
      const expiring = (): Knex.QueryBuilder =>
        knex('message').whereNotNull('expires_at').whereNull('read_at');
      const free: Pick<MessageRow, 'expires_at'> | undefined = await expiring()
        .where((query) => void query.whereNull('lease_until').orWhereRaw('lease_until <= expires_at'))
        .orderBy('expires_at')
        .first('expires_at');
      // A text that is held longer goes when its lease ends, which may be sooner than the first free one does.
      const held = expiring().whereRaw('lease_until > expires_at');
      const at = free?.expires_at ?? null;
      if (at !== null) void held.where('expires_at', '<', at);
      const [first]: { at: number | null }[] = await held.min({ at: 'lease_until' });
      const instants = [at, first?.at ?? null].filter((instant) => instant !== null);
      return instants.length === 0 ? null : Math.min(...instants);
    });
  }

  /** Locks in the order of all writers, mailboxes before texts, and looks again at what it then holds. */
  async #sweep(trx: Knex.Transaction, now: number, limit: number): Promise<Swept> {
    const found: Pick<MessageRow, 'id' | 'mailbox_id'>[] = await freeTexts(trx, now)
      .where('expires_at', '<=', now)
      .orderBy(['expires_at', 'id'])
      .limit(limit)
      .select('id', 'mailbox_id');
    if (found.length === 0) return { found: 0, removed: 0, changed: [], told: NO_RECEIPTS };
    const mailboxes = await lockMailboxes(
      this.#database,
      trx,
      found.map(({ mailbox_id }) => mailbox_id),
    );
    const byId = new Map(mailboxes.map((mailbox) => [mailbox.id, mailbox]));
    const ids = found.map(({ id }) => id);
    // By their keys alone: another index would lead to rows that others hold.
    const locked = await this.#database.locking(
      trx<MessageRow>('message')
        .whereIn('id', ids)
        .orderBy('id')
        .select('id', 'mailbox_id', 'author', 'urgent', 'expires_at', 'read_at', 'lease_until'),
    );
    const texts = locked.filter(
      ({ expires_at, read_at, lease_until }) =>
        read_at === null && expires_at !== null && expires_at <= now && (lease_until ?? 0) <= now,
    );
    const changed = new Set<LockedMailbox>();
    for (const { mailbox_id, urgent } of texts) {
      const mailbox = byId.get(mailbox_id);
      if (mailbox === undefined) throw new RowsMoved();
      mailbox.new_count -= 1;
      if (Boolean(urgent)) mailbox.new_urgent -= 1;
      changed.add(mailbox);
    }
    if (texts.length === 0) return { found: found.length, removed: 0, changed: [], told: NO_RECEIPTS };
    const told = await this.#receipts.tell(trx, texts, 'negative-delivery', now);
    const removed = texts.map(({ id }) => id);
    // By name, not by the foreign key's cascade: a node that writes such a row meanwhile loses the race under Galera.
    await trx('receipt_request').whereIn('text_id', removed).delete();
    await trx('message').whereIn('id', removed).delete();
    await saveChanged(trx, [...changed], now);
    return { found: found.length, removed: texts.length, changed: [...changed], told };
  }
}
