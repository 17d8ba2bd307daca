import type { Knex } from 'knex';
import { STORE_LIMITS } from './limits.ts';
import { perStatement } from './per-statement.ts';
import type { RegistrationRow } from './rows.ts';

/** Marks pushes in the transactions in which texts become new. */
export interface PushMarks {
  /**
   * Makes a push due to every user of these mailboxes who is online, or leaves it to wait for the end of its back-off. The caller
   * holds the mailboxes. Whether there were any: {@link committed} is to be told after the commit.
   */
  mark(trx: Knex.Transaction, mailboxIds: Iterable<number>, now: number): Promise<boolean>;
  committed(marked: boolean): void;
}

/** Where texts are brought to nobody: costs nothing. */
export const NO_PUSH_MARKS: PushMarks = {
  mark: () => Promise.resolve(false),
  committed: () => undefined,
};

/** @param onDue called after a commit that marked some */
export function pushMarks(onDue: () => void): PushMarks {
  return {
    mark: markPushes,
    committed: (marked) => {
      if (marked) onDue();
    },
  };
}

/** A look for who is online, which mostly finds nobody; else one statement more. */
async function markPushes(
  trx: Knex.Transaction,
  mailboxIds: Iterable<number>,
  now: number,
): Promise<boolean> {
  const ids = [...new Set(mailboxIds)];
  if (ids.length === 0) return false;
  const online: Pick<RegistrationRow, 'address_id'>[] = await trx('registration')
    .join('address', 'address.id', 'registration.address_id')
    .whereIn('address.mailbox_id', ids)
    .where('registration.until', '>', now)
    .orderBy('registration.address_id')
    .select('registration.address_id');
  for (const some of perStatement(online)) {
    const addressIds = some.map(({ address_id }) => address_id);
    await trx<RegistrationRow>('registration')
      .whereIn('address_id', addressIds)
      .where(
        (query) => void query.whereNotNull('push_due_at').orWhere('attempts', '<', STORE_LIMITS.pushAttempts),
      )
      .update({
        push_due_at: trx.raw('coalesce(push_due_at, ?)', [now]),
        wanted: trx.raw('wanted + 1'),
      });
  }
  return online.length > 0;
}
