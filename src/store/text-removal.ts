import type { Knex } from 'knex';
import type { LockedMailbox } from './dirty-marks.ts';
import { STORE_LIMITS } from './limits.ts';
import { perStatement } from './per-statement.ts';
import type { DisplayRequestRow, GoneTextRow, MessageRow, ReceiptRequestRow } from './rows.ts';

/** What is known of a text that goes. `read_at` is when it was read, now perhaps; null when nobody ever read it. */
export type LeavingText = Pick<MessageRow, 'id' | 'mailbox_id' | 'unique_hash' | 'author' | 'read_at'>;

/** The columns of a {@link LeavingText}, and those {@link takeOut} looks at. */
export const LEAVING_COLUMNS = [
  'id',
  'mailbox_id',
  'unique_hash',
  'author',
  'read_at',
  'urgent',
  'deliver_at',
  'saved',
  'bytes',
] as const;

/** A text as {@link LEAVING_COLUMNS} have it. */
export type RemovableText = Pick<MessageRow, (typeof LEAVING_COLUMNS)[number]>;

/**
 * Takes texts away for good. Each is known again for as long as its sender may send it once more, so that it is not kept twice;
 * and where the author of one that was read wants to be told that it was on a screen, that can be told for as long. The caller
 * holds their mailboxes and has told what is to be told of them; their counts are {@link takeOut}'s.
 */
export async function removeTexts(
  trx: Knex.Transaction,
  texts: readonly LeavingText[],
  now: number,
): Promise<void> {
  for (const some of perStatement(texts)) await removeSome(trx, some, now);
}

async function removeSome(trx: Knex.Transaction, texts: readonly LeavingText[], now: number): Promise<void> {
  const forget_at = now + STORE_LIMITS.resendWindow;
  await keepDisplayRequests(trx, texts, forget_at);
  const ids = texts.map(({ id }) => id);
  // By name, not by the foreign key's cascade: a node that writes such a row meanwhile loses the race under Galera.
  await trx('receipt_request').whereIn('text_id', ids).delete();
  await trx('message').whereIn('id', ids).delete();
  const rows = texts.map(({ mailbox_id, unique_hash }): GoneTextRow => ({
    mailbox_id,
    unique_hash,
    forget_at,
  }));
  // What is there already is of an earlier time: the text was gone before, and came anew after that was forgotten.
  await trx<GoneTextRow>('gone_text')
    .insert(rows)
    .onConflict(['mailbox_id', 'unique_hash'])
    .merge(['forget_at']);
}

async function keepDisplayRequests(
  trx: Knex.Transaction,
  texts: readonly LeavingText[],
  forget_at: number,
): Promise<void> {
  const authors = new Map(
    texts.flatMap(({ id, author, read_at }) => (read_at === null ? [] : [[id, author] as const])),
  );
  if (authors.size === 0) return;
  const requests = await trx<ReceiptRequestRow>('receipt_request')
    .whereIn('text_id', [...authors.keys()])
    .where('dispositions', 'like', '%display%')
    .select('*');
  const rows = requests.map(({ text_id, ...request }): DisplayRequestRow => ({
    ...request,
    text_id,
    author: authors.get(text_id) ?? '',
    forget_at,
  }));
  // Old servers give the ids of rows that are gone once more after a restart.
  if (rows.length > 0) await trx('display_request').insert(rows).onConflict('text_id').merge();
}

/** Takes a text's part out of its mailbox's counts and bytes, in memory: `saveChanged` writes them. */
export function takeOut(
  mailbox: LockedMailbox,
  { read_at, deliver_at, urgent, bytes }: Pick<MessageRow, 'read_at' | 'deliver_at' | 'urgent' | 'bytes'>,
): void {
  mailbox.bytes -= bytes;
  if (deliver_at !== null) {
    mailbox.scheduled_count -= 1;
    return;
  }
  const urgentTexts = Boolean(urgent) ? 1 : 0;
  if (read_at === null) {
    mailbox.new_count -= 1;
    mailbox.new_urgent -= urgentTexts;
  } else {
    mailbox.old_count -= 1;
    mailbox.old_urgent -= urgentTexts;
  }
}
