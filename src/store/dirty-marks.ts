import type { Knex } from 'knex';
import type { Database } from './database.ts';
import type { MailboxRow, PublicationRow } from './rows.ts';

/** A mailbox as a transaction changes it, with its publication when there is one. */
export type LockedMailbox = MailboxRow & { readonly publication: PublicationRow | undefined };

/** The ids of mailboxes by their addresses; with `make`, those that are not there yet are made. */
export async function idsOf(
  trx: Knex.Transaction,
  aors: readonly string[],
  make: boolean,
): Promise<number[]> {
  const find = (): Promise<Pick<MailboxRow, 'id' | 'aor'>[]> =>
    trx<MailboxRow>('mailbox')
      .whereIn('aor', [...aors])
      .select('id', 'aor');
  let found = await find();
  if (make && found.length < aors.length) {
    const known = new Set(found.map(({ aor }) => aor));
    const missing = aors.filter((aor) => !known.has(aor)).map((aor) => ({ aor }));
    // Another node may make the same one at the same time.
    await trx('mailbox').insert(missing).onConflict('aor').ignore();
    found = await find();
  }
  return found.map(({ id }) => id);
}

/** Reads mailboxes for a change, always in the order of their ids, so that two transactions cannot wait for each other. */
export async function lockMailboxes(
  database: Database,
  trx: Knex.Transaction,
  ids: readonly number[],
): Promise<LockedMailbox[]> {
  const rows = await database.locking(
    trx<MailboxRow>('mailbox')
      .whereIn('id', [...ids])
      .orderBy('id')
      .select('*'),
  );
  const publications = await database.locking(
    trx<PublicationRow>('publication')
      .whereIn('mailbox_id', [...ids])
      .orderBy('mailbox_id')
      .select('*'),
  );
  const byMailbox = new Map(publications.map((row) => [row.mailbox_id, row]));
  return rows.map((row) => ({ ...row, publication: byMailbox.get(row.id) }));
}

/** A mailbox that waits already keeps its place; else it is due at once, or when its back-off ends. */
function dueAt(publication: PublicationRow | undefined, now: number): number {
  const waiting = publication?.due_at ?? null;
  return waiting !== null && waiting <= now ? waiting : Math.max(now, publication?.not_before ?? 0);
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
        due_at: dueAt(publication, now),
      })),
    )
    .onConflict('mailbox_id')
    .merge(['due_at']);
}
