import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { RetentionStore } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { NO_RECEIPTS } from './receipt-writer.ts';
import type { MessageRow } from './rows.ts';
import { removeTexts, takeOut } from './text-removal.ts';
import { sweepTexts } from './text-sweep.ts';

/** Takes away texts that were read long enough ago, and forgets those that are gone for long enough. */
export class RetentionSweep implements RetentionStore {
  readonly #database: Database;
  readonly #onDirty: (owner: AddressOfRecord) => void;

  constructor(database: Database, onDirty: (owner: AddressOfRecord) => void) {
    this.#database = database;
    this.#onDirty = onDirty;
  }

  async dropRead(before: number, limit: number): Promise<number> {
    return await sweepTexts(
      this.#database,
      {
        operation: 'take away texts that were read long ago',
        find: (trx) => notSaved(trx).where('read_at', '<=', before).orderBy(['read_at', 'id']),
        isMeant: ({ read_at, saved }) => read_at !== null && read_at <= before && !Boolean(saved),
        count: takeOut,
        write: async (trx, texts) => {
          await removeTexts(trx, texts, this.#database.clock.now());
          return NO_RECEIPTS;
        },
        committed: () => undefined,
        onDirty: this.#onDirty,
      },
      limit,
    );
  }

  async oldestReadAt(): Promise<number | null> {
    return await this.#database.run('look for the text read longest ago', async (knex) => {
      const oldest: Pick<MessageRow, 'read_at'> | undefined = await notSaved(knex)
        .whereNotNull('read_at')
        .orderBy('read_at')
        .first('read_at');
      return oldest?.read_at ?? null;
    });
  }

  async forgetGone(now: number, limit: number): Promise<number> {
    const texts = await this.#database.transaction('forget texts that are gone', async (trx) => {
      const over: { mailbox_id: number; unique_hash: Buffer }[] = await trx('gone_text')
        .where('forget_at', '<=', now)
        .orderBy('forget_at')
        .limit(limit)
        .select('mailbox_id', 'unique_hash');
      const keys = over.map(({ mailbox_id, unique_hash }): [number, Buffer] => [mailbox_id, unique_hash]);
      // By their keys, and only what is over still: the same text may be gone anew.
      const gone = trx('gone_text').whereIn(['mailbox_id', 'unique_hash'], keys);
      if (keys.length > 0) await gone.where('forget_at', '<=', now).delete();
      return over.length;
    });
    const requests = await this.#database.transaction(
      'forget what authors of gone texts asked',
      async (trx) => {
        const over: { text_id: number }[] = await trx('display_request')
          .where('forget_at', '<=', now)
          .orderBy('forget_at')
          .limit(limit)
          .select('text_id');
        const ids = over.map(({ text_id }) => text_id);
        if (ids.length > 0) await trx('display_request').whereIn('text_id', ids).delete();
        return ids.length;
      },
    );
    return Math.max(texts, requests);
  }
}

function notSaved(knex: Knex): Knex.QueryBuilder {
  return knex('message').where({ saved: false });
}
