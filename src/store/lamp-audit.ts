import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { MailboxCounts } from '../mailbox/ports.ts';
import type { LampAudit, LampRecord, LampTotals } from '../mwi/ports.ts';
import type { Database } from './database.ts';
import type { LampRow, MessageRow } from './rows.ts';
import { LAMP_COLUMNS, NO_MESSAGES, ownerOf, stateOf, truthOf } from './rows.ts';

/** Shows every lamp beside the texts it speaks of. */
export class LampReader implements LampAudit {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async lamps(
    range: { readonly after: string | null; readonly limit: number } | { readonly only: AddressOfRecord },
  ): Promise<LampRecord[]> {
    // One transaction: counts and texts are those of one moment.
    return await this.#database.snapshot('look at lamps', async (trx) => {
      const query = trx('address')
        .join('mailbox', 'mailbox.id', 'address.mailbox_id')
        .leftJoin('voicemail', 'voicemail.mailbox_id', 'address.mailbox_id');
      if ('only' in range) void query.where('address.aor', range.only.toString());
      else void query.where('address.aor', '>', range.after ?? '').limit(range.limit);
      const rows: LampRow[] = await query.orderBy('address.aor').select(LAMP_COLUMNS);
      const counted = await countTexts(
        trx,
        rows.map((row) => row.mailbox_id),
      );
      return rows.map((row) => recordOf(row, counted.get(row.mailbox_id) ?? NO_MESSAGES));
    });
  }

  async totals(now: number): Promise<LampTotals> {
    return await this.#database.snapshot('count lamps', async (trx) => {
      const count = async (query: Knex.QueryBuilder): Promise<number> => {
        const [row]: { rows?: number }[] = await query.count({ rows: '*' });
        return row?.rows ?? 0;
      };
      const failing = (): Knex.QueryBuilder => trx('address').where('failures', '>', 0);
      // Whatever is behind is due, or waits for a further try: so the indexes lead to it.
      const behind = trx('address')
        .join('mailbox', 'mailbox.id', 'address.mailbox_id')
        .where((query) => void query.where('due_at', '<=', now).orWhere('failures', '>', 0))
        .whereRaw('address.published_version < mailbox.wanted_version');
      const refused: { status: number; rows: number }[] = await failing()
        .whereNotNull('refused_with')
        .groupBy('refused_with')
        .select('refused_with as status')
        .count({ rows: '*' });
      return {
        lamps: await count(trx('address')),
        behind: await count(behind),
        due: await count(trx('address').where('due_at', '<=', now)),
        failing: await count(failing()),
        refused: new Map(refused.map(({ status, rows }) => [status, rows])),
      };
    });
  }
}

function recordOf(row: LampRow, counted: MailboxCounts): LampRecord {
  const { claim_node: node, claim_until: until } = row;
  return {
    ...truthOf(row),
    target: ownerOf(row.aor),
    owner: ownerOf(row.owner),
    counted,
    state: stateOf(row),
    schedule: { dueAt: row.due_at, notBefore: row.not_before },
    claim: node === null || until === null ? null : { node, until },
  };
}

async function countTexts(
  trx: Knex.Transaction,
  mailboxIds: readonly number[],
): Promise<Map<number, MailboxCounts>> {
  type Group = Pick<MessageRow, 'mailbox_id' | 'urgent'> & { is_new: number; texts: number };
  const groups: Group[] = await trx('message')
    .whereIn('mailbox_id', [...new Set(mailboxIds)])
    .whereNull('deliver_at')
    .groupBy('mailbox_id', 'urgent', trx.raw('read_at is null'))
    .select('mailbox_id', 'urgent', trx.raw('read_at is null as is_new'))
    .count({ texts: '*' });
  const counted = new Map<number, MailboxCounts>();
  for (const group of groups) {
    const before = counted.get(group.mailbox_id) ?? NO_MESSAGES;
    const { texts } = group;
    const urgent = Boolean(group.urgent) ? texts : 0;
    counted.set(
      group.mailbox_id,
      Boolean(group.is_new)
        ? { ...before, new: before.new + texts, newUrgent: before.newUrgent + urgent }
        : { ...before, old: before.old + texts, oldUrgent: before.oldUrgent + urgent },
    );
  }
  return counted;
}
