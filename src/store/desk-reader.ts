import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { DeskStore, ReadText } from '../mailbox/desk/ports.ts';
import type { StoredMessage } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import type { MessageRow, TextRow } from './rows.ts';
import { TEXT_COLUMNS, messageOf } from './rows.ts';

/** What an owner looks at. */
type Looks = Pick<
  DeskStore,
  'readTexts' | 'authorsOfRead' | 'readTextsFrom' | 'textsById' | 'scheduledBy' | 'listing'
>;

/** Shows an owner the texts of her own mailbox, and never another's. */
export class DeskReader implements Looks {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async readTexts(owner: AddressOfRecord, limit: number): Promise<ReadText[]> {
    return await this.#read(owner, limit, (texts) => texts);
  }

  async readTextsFrom(owner: AddressOfRecord, author: string, limit: number): Promise<ReadText[]> {
    return await this.#read(owner, limit, (texts) => texts.where({ 'message.author': author }));
  }

  async authorsOfRead(
    owner: AddressOfRecord,
    limit: number,
  ): Promise<{ readonly author: string; readonly authorName: string }[]> {
    return await this.#database.run('look for authors', async (knex) => {
      const authors: { latest: number }[] = await textsOf(knex, owner)
        .whereNotNull('message.read_at')
        .groupBy('message.author')
        .orderBy([
          { column: 'read', order: 'desc' },
          { column: 'latest', order: 'desc' },
        ])
        .limit(limit)
        .max({ read: 'message.read_at', latest: 'message.id' });
      const ids = authors.map(({ latest }) => latest);
      const rows = await knex<MessageRow>('message').whereIn('id', ids).select('id', 'author', 'author_name');
      return inOrderOf(ids, rows).map(({ author, author_name }) => ({ author, authorName: author_name }));
    });
  }

  async textsById(owner: AddressOfRecord, ids: readonly number[]): Promise<StoredMessage[]> {
    if (ids.length === 0) return [];
    return await this.#database.run('look for texts', async (knex) => {
      const query = withRequests(textsOf(knex, owner)).whereIn('message.id', [...new Set(ids)]);
      return inOrderOf(ids, (await query) as TextRow[]).map((row) => messageOf(row, owner));
    });
  }

  async scheduledBy(owner: AddressOfRecord, author: string, limit: number): Promise<StoredMessage[]> {
    const now = this.#database.clock.now();
    return await this.#database.run('look for scheduled texts', async (knex) => {
      const query = withRequests(textsOf(knex, owner))
        .where({ 'message.author': author })
        .whereNull('message.read_at')
        .where('message.deliver_at', '>', now)
        .orderBy(['message.deliver_at', 'message.id'])
        .limit(limit);
      return ((await query) as TextRow[]).map((row) => messageOf(row, owner));
    });
  }

  async listing(owner: AddressOfRecord): Promise<number[]> {
    const row: { listing: string | null } | undefined = await this.#database.run(
      'look up what was listed',
      (knex) =>
        knex('preference')
          .join('address', 'address.mailbox_id', 'preference.mailbox_id')
          .where({ 'address.aor': owner.toString() })
          .first('listing'),
    );
    const ids: unknown = JSON.parse(row?.listing ?? '[]');
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'number') : [];
  }

  /** What was read last, in the order in which it came. */
  async #read(
    owner: AddressOfRecord,
    limit: number,
    narrow: (texts: Knex.QueryBuilder) => Knex.QueryBuilder,
  ): Promise<ReadText[]> {
    return await this.#database.run('look for read texts', async (knex) => {
      // The order of the index, backwards.
      const latest = ['read_at', 'received_at', 'id'].map((name) => ({
        column: `message.${name}`,
        order: 'desc' as const,
      }));
      const texts = narrow(withRequests(textsOf(knex, owner)).whereNotNull('message.read_at'));
      const rows = (await texts.orderBy(latest).limit(limit)) as TextRow[];
      return rows
        .sort((a, b) => a.received_at - b.received_at || a.id - b.id)
        .map((row) => ({
          ...messageOf(row, owner),
          readAt: row.read_at ?? 0,
          saved: Boolean(row.saved),
        }));
    });
  }
}

/** The texts of the mailbox of `owner`, who may be an alias. */
function textsOf(knex: Knex, owner: AddressOfRecord): Knex.QueryBuilder {
  return knex('message')
    .join('address', 'address.mailbox_id', 'message.mailbox_id')
    .where({ 'address.aor': owner.toString() });
}

function withRequests(texts: Knex.QueryBuilder): Knex.QueryBuilder {
  return texts.leftJoin('receipt_request', 'receipt_request.text_id', 'message.id').select(TEXT_COLUMNS);
}

/** Those of `rows` that `ids` name, each once, in the order of `ids`. */
function inOrderOf<Row extends { readonly id: number }>(ids: readonly number[], rows: readonly Row[]): Row[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return [...new Set(ids)].map((id) => byId.get(id)).filter((row) => row !== undefined);
}
