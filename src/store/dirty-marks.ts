import type { Knex } from 'knex';
import type { Database } from './database.ts';
import type { MailboxRow, PublicationRow } from './rows.ts';

/** A mailbox as a transaction changes it, with its publication when there is one. */
export type LockedMailbox = MailboxRow & { readonly publication: PublicationRow | undefined };

/** Reads mailboxes for a change, always in the order of their ids, so that two transactions cannot wait for each other. */
export async function lockMailboxes(
  database: Database,
  trx: Knex.Transaction,
  column: 'aor' | 'id',
  values: readonly (string | number)[],
): Promise<LockedMailbox[]> {
  const rows = await database.locking(
    trx<MailboxRow>('mailbox')
      .whereIn(column, [...values])
      .orderBy('id')
      .select('*'),
  );
  const ids = rows.map(({ id }) => id);
  const publications = await database.locking(
    trx<PublicationRow>('publication').whereIn('mailbox_id', ids).orderBy('mailbox_id').select('*'),
  );
  const byMailbox = new Map(publications.map((row) => [row.mailbox_id, row]));
  return rows.map((row) => ({ ...row, publication: byMailbox.get(row.id) }));
}

/**
 * Writes the changed counts and marks the summaries dirty: the wanted version grows and the publication is due, at once or
 * when its back-off ends.
 */
export async function saveChanged(
  trx: Knex.Transaction,
  mailboxes: readonly LockedMailbox[],
  now: number,
): Promise<void> {
  if (mailboxes.length === 0) return;
  await trx('mailbox')
    .insert(
      mailboxes.map(({ publication, ...row }) => ({
        ...row,
        wanted_version: row.wanted_version + 1,
      })),
    )
    .onConflict('id')
    .merge(['new_count', 'old_count', 'new_urgent', 'old_urgent', 'wanted_version']);
  await trx('publication')
    .insert(
      mailboxes.map(({ id, publication }) => ({
        mailbox_id: id,
        due_at: Math.max(now, publication?.not_before ?? 0),
      })),
    )
    .onConflict('mailbox_id')
    .merge(['due_at']);
}
