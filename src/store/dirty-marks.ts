import type { Knex } from 'knex';
import type { Database } from './database.ts';
import { perStatement } from './per-statement.ts';
import type { AddressRow, MailboxRow } from './rows.ts';

const COUNTS = ['new_count', 'old_count', 'new_urgent', 'old_urgent', 'scheduled_count', 'bytes'] as const;

/** A mailbox as a transaction changes it, with its addresses and what was published for each. */
export type LockedMailbox = MailboxRow & { readonly addresses: readonly AddressRow[] };

/**
 * The mailboxes that addresses belong to: address to mailbox id. With `make`, an address that belongs to none gets one of its
 * own; without, it is left out.
 */
export async function idsOf(
  trx: Knex.Transaction,
  aors: readonly string[],
  make: boolean,
): Promise<ReadonlyMap<string, number>> {
  const found = await findAddresses(trx, aors);
  const missing = aors.filter((aor) => !found.has(aor));
  if (!make || missing.length === 0) return found;
  const rows = missing.map((aor) => ({ aor }));
  // Another node may make the same ones at the same time.
  await trx('mailbox').insert(rows).onConflict('aor').ignore();
  const made = await trx<MailboxRow>('mailbox').whereIn('aor', missing).select('id', 'aor');
  const addresses = made.map(({ id, aor }) => ({ mailbox_id: id, aor }));
  await trx('address').insert(addresses).onConflict('aor').ignore();
  return await findAddresses(trx, aors);
}

async function findAddresses(trx: Knex.Transaction, aors: readonly string[]): Promise<Map<string, number>> {
  const rows = await trx<AddressRow>('address')
    .whereIn('aor', [...aors])
    .select('aor', 'mailbox_id');
  return new Map(rows.map(({ aor, mailbox_id }) => [aor, mailbox_id]));
}

/** Reads mailboxes for a change, always in the order of their ids, so that two transactions cannot wait for each other. */
export async function lockMailboxes(
  database: Database,
  trx: Knex.Transaction,
  ids: Iterable<number>,
): Promise<LockedMailbox[]> {
  const wanted = [...new Set(ids)];
  const rows = await database.locking(
    trx<MailboxRow>('mailbox').whereIn('id', wanted).orderBy('id').select('*'),
  );
  const addresses = await database.locking(
    trx<AddressRow>('address').whereIn('mailbox_id', wanted).orderBy('id').select('*'),
  );
  const byMailbox = new Map<number, AddressRow[]>();
  for (const address of addresses) {
    const own = byMailbox.get(address.mailbox_id) ?? [];
    byMailbox.set(address.mailbox_id, own);
    own.push(address);
  }
  return rows.map((row) => ({ ...row, addresses: byMailbox.get(row.id) ?? [] }));
}

/**
 * Due at once, or when its back-off ends. A lamp that is due already moves as well: a change goes before old refreshes, and
 * under Galera the row must be written, for a node that settles it meanwhile to lose the race.
 */
function dueAt({ not_before }: AddressRow, now: number): number {
  return Math.max(now, not_before);
}

/** Writes changed counts of which no lamp speaks: of texts that are not due yet, and of their bytes. */
export async function saveCounts(trx: Knex.Transaction, mailboxes: readonly LockedMailbox[]): Promise<void> {
  if (mailboxes.length === 0) return;
  await trx('mailbox')
    .insert(mailboxes.map(({ addresses: _, ...row }) => row))
    .onConflict('id')
    .merge([...COUNTS]);
}

/**
 * Writes the changed counts and marks the lamps dirty: the wanted version grows and every address of the mailbox is due, at
 * once or when its back-off ends.
 */
export async function saveChanged(
  trx: Knex.Transaction,
  mailboxes: readonly LockedMailbox[],
  now: number,
): Promise<void> {
  if (mailboxes.length === 0) return;
  await trx('mailbox')
    .insert(
      mailboxes.map(({ addresses: _, ...row }) => ({
        ...row,
        wanted_version: row.wanted_version + 1,
        changed_at: now,
      })),
    )
    .onConflict('id')
    .merge([...COUNTS, 'wanted_version', 'changed_at']);
  const due = mailboxes.flatMap(({ addresses }) =>
    addresses.map((address) => ({
      id: address.id,
      mailbox_id: address.mailbox_id,
      aor: address.aor,
      due_at: dueAt(address, now),
    })),
  );
  // A mailbox may have any number of addresses, a statement not any number of rows.
  for (const some of perStatement(due)) {
    await trx('address')
      .insert([...some])
      .onConflict('id')
      .merge(['due_at']);
  }
}
