import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { PreferenceStore, Preferences } from '../mailbox/desk/ports.ts';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import type { LockedMailbox } from './dirty-marks.ts';
import { idsOf, lockMailboxes } from './dirty-marks.ts';
import { STORE_LIMITS } from './limits.ts';

type PreferenceColumns = Readonly<Record<'language' | 'time_zone' | 'greeting', string | null>>;

const NOTHING_SET: Preferences = { language: null, timeZone: null, greeting: null };

/** Keeps what owners set for their mailboxes, and whose texts they don't want. */
export class PreferenceBook implements PreferenceStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async preferences(owner: AddressOfRecord): Promise<Preferences> {
    const row: PreferenceColumns | undefined = await this.#database.run('look up preferences', (knex) =>
      ofOwner(knex, 'preference', owner).first('language', 'time_zone', 'greeting'),
    );
    if (row === undefined) return NOTHING_SET;
    return { language: row.language, timeZone: row.time_zone, greeting: row.greeting };
  }

  async setPreferences(owner: AddressOfRecord, changes: Partial<Preferences>): Promise<void> {
    const columns = columnsOf(changes);
    const names = Object.keys(columns);
    if (names.length === 0) return;
    await this.#database.transaction('keep preferences', async (trx) => {
      const { id } = await madeMailbox(this.#database, trx, owner);
      await trx('preference')
        .insert({ mailbox_id: id, ...columns })
        .onConflict('mailbox_id')
        .merge(names);
    });
  }

  async block(owner: AddressOfRecord, author: string): Promise<boolean> {
    return await this.#database.transaction('block an author', async (trx) => {
      const { id } = await madeMailbox(this.#database, trx, owner);
      const others = (): Knex.QueryBuilder => trx('blocked_author').where({ mailbox_id: id });
      const there: unknown = await others().where({ author }).first('author');
      if (there !== undefined) return true;
      const [row]: { authors?: number }[] = await others().count({ authors: '*' });
      if ((row?.authors ?? 0) >= STORE_LIMITS.blockedAuthors) return false;
      await trx('blocked_author').insert({ mailbox_id: id, author });
      return true;
    });
  }

  async unblock(owner: AddressOfRecord, author: string): Promise<boolean> {
    return await this.#database.transaction('unblock an author', async (trx) => {
      const [id] = (await idsOf(trx, [owner.toString()], false)).values();
      if (id === undefined) return false;
      const unblocked = await trx('blocked_author').where({ mailbox_id: id, author }).delete();
      return unblocked > 0;
    });
  }

  async blocked(owner: AddressOfRecord): Promise<string[]> {
    const rows: { author: string }[] = await this.#database.run('list blocked authors', (knex) =>
      ofOwner(knex, 'blocked_author', owner).orderBy('author').select('author'),
    );
    return rows.map(({ author }) => author);
  }

  async isBlocked(owner: AddressOfRecord, author: string): Promise<boolean> {
    const row: unknown = await this.#database.run('look up a blocked author', (knex) =>
      ofOwner(knex, 'blocked_author', owner).where({ author }).first('author'),
    );
    return row !== undefined;
  }
}

/** @throws RangeError when a value is longer than its column: what owners may say is bounded before it comes here */
function columnsOf(changes: Partial<Preferences>): Partial<PreferenceColumns> {
  const { language, timeZone, greeting } = changes;
  for (const [name, most] of Object.entries(STORE_LIMITS.preference)) {
    const value = changes[name as keyof Preferences];
    if ((value?.length ?? 0) > most) throw new RangeError(`${name} is longer than ${most} characters`);
  }
  return {
    ...(language === undefined ? {} : { language }),
    ...(timeZone === undefined ? {} : { time_zone: timeZone }),
    ...(greeting === undefined ? {} : { greeting }),
  };
}

/** Rows of `table` that belong to the mailbox of `owner`, who may be an alias. */
function ofOwner(
  knex: Knex,
  table: 'preference' | 'blocked_author',
  owner: AddressOfRecord,
): Knex.QueryBuilder {
  return knex(table)
    .join('address', 'address.mailbox_id', `${table}.mailbox_id`)
    .where({ 'address.aor': owner.toString() });
}

/** Held until the transaction is over: two that block at the same time count each other. */
async function madeMailbox(
  database: Database,
  trx: Knex.Transaction,
  owner: AddressOfRecord,
): Promise<LockedMailbox> {
  const ids = await idsOf(trx, [owner.toString()], true);
  const [mailbox] = await lockMailboxes(database, trx, ids.values());
  if (mailbox === undefined) throw new RowsMoved();
  return mailbox;
}
