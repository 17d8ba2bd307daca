import type { Knex } from 'knex';
import { perStatement } from './per-statement.ts';

/**
 * Gives `into` what the owner of the mailbox `from` set and what is known of its texts and senders, by their ids; the caller
 * holds both. What both have stays as `into` has it, and is known for as long as either knew it.
 */
export async function moveSettings(trx: Knex.Transaction, from: number, into: number): Promise<void> {
  await joinPreferences(trx, from, into);
  await moveRows(trx, { table: 'blocked_author', key: 'author', from, into });
  await moveRows(trx, { table: 'sender_notice', key: 'author', later: 'told_at', from, into });
  await moveRows(trx, { table: 'gone_text', key: 'unique_hash', later: 'forget_at', from, into });
}

/** `mailbox_id`, and each setting by its column. */
type PreferenceRow = Record<string, string | number | null>;

/** Each setting by itself; ids of texts mean the same in both. */
async function joinPreferences(trx: Knex.Transaction, from: number, into: number): Promise<void> {
  const rows = await trx<PreferenceRow>('preference').whereIn('mailbox_id', [from, into]).select('*');
  const given = rows.find(({ mailbox_id }) => mailbox_id === from);
  const own = rows.find(({ mailbox_id }) => mailbox_id === into);
  if (given === undefined) return;
  if (own === undefined) {
    await trx('preference').where({ mailbox_id: from }).update({ mailbox_id: into });
    return;
  }
  const unset = Object.entries(given).filter(([column, value]) => value !== null && own[column] === null);
  if (unset.length > 0) {
    await trx('preference').where({ mailbox_id: into }).update(Object.fromEntries(unset));
  }
  await trx('preference').where({ mailbox_id: from }).delete();
}

interface Move {
  readonly table: string;
  /** What is unique in a mailbox. */
  readonly key: string;
  /** An instant of which the later one holds. */
  readonly later?: string;
  readonly from: number;
  readonly into: number;
}

async function moveRows(trx: Knex.Transaction, { table, key, later, from, into }: Move): Promise<void> {
  const twice = (): Knex.QueryBuilder =>
    trx(`${table} as moved`)
      .join(`${table} as there`, `there.${key}`, `moved.${key}`)
      .where({ 'moved.mailbox_id': from, 'there.mailbox_id': into });
  const drop = async (mailbox_id: number, query: Knex.QueryBuilder): Promise<void> => {
    const rows: { key: string | Buffer }[] = await query.select(`moved.${key} as key`);
    for (const some of perStatement(rows)) {
      const keys = some.map((row) => row.key);
      await trx(table).where({ mailbox_id }).whereIn(key, keys).delete();
    }
  };
  if (later !== undefined) await drop(into, twice().whereRaw(`moved.${later} > there.${later}`));
  await drop(from, twice());
  await trx(table).where({ mailbox_id: from }).update({ mailbox_id: into });
}
