import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { ExpiryStore } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import type { ReceiptWriter } from './receipt-writer.ts';
import { freeTexts } from './retrieval-reader.ts';
import type { MessageRow } from './rows.ts';
import { removeTexts, takeOut } from './text-removal.ts';
import { sweepTexts } from './text-sweep.ts';

/** Takes away new texts that are too old. One that is not due yet is not new. */
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
    const receipts = this.#receipts;
    return await sweepTexts(
      this.#database,
      {
        operation: 'take away texts that expired',
        find: (trx) => freeTexts(trx, now).where('expires_at', '<=', now).orderBy(['expires_at', 'id']),
        isMeant: ({ expires_at, read_at, lease_until, deliver_at }) =>
          read_at === null &&
          deliver_at === null &&
          expires_at !== null &&
          expires_at <= now &&
          (lease_until ?? 0) <= now,
        count: takeOut,
        write: async (trx, texts) => {
          const told = await receipts.tell(trx, texts, 'negative-delivery', now);
          await removeTexts(trx, texts, now);
          return told;
        },
        committed: (told) => receipts.committed(told),
        onDirty: this.#onDirty,
      },
      limit,
    );
  }

  async nextExpiryAt(): Promise<number | null> {
    return await this.#database.run('look for the next text to expire', async (knex) => {
      const expiring = (): Knex.QueryBuilder =>
        knex('message').whereNotNull('expires_at').whereNull('read_at').whereNull('deliver_at');
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
}
