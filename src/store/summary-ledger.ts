import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { DueSummary, PublicationState, SummaryStore } from '../mwi/ports.ts';
import type { Database } from './database.ts';
import { idsOf, lockMailboxes } from './dirty-marks.ts';
import { GroupCommit } from './group-commit.ts';
import type { MailboxRow, PublicationRow } from './rows.ts';
import { countsOf, ownerOf } from './rows.ts';

/** What became of one claimed summary. */
interface Settlement {
  readonly node: string;
  readonly owner: AddressOfRecord;
  readonly state: PublicationState;
  readonly dueAt: number | null;
  readonly notBefore: number;
}

/** Keeps which lamps are due and what the presence server last said; nodes claim them by compare-and-set. */
export class SummaryLedger implements SummaryStore {
  readonly #database: Database;
  readonly #settlements: GroupCommit<Settlement, boolean>;

  constructor(database: Database) {
    this.#database = database;
    this.#settlements = new GroupCommit({
      database,
      operation: 'settle a summary',
      write: (trx, settlements) => writeSettlements(database, trx, settlements),
    });
  }

  async claimDue(node: string, now: number, claimUntil: number, limit: number): Promise<DueSummary[]> {
    return await this.#database.transaction('claim summaries', async (trx) => {
      const due: { mailbox_id: number }[] = await unclaimed(trx, now)
        .where('due_at', '<=', now)
        .orderBy('due_at')
        .limit(limit)
        .select('mailbox_id');
      const ids = due.map(({ mailbox_id }) => mailbox_id);
      if (ids.length === 0) return [];
      await unclaimed(trx, now)
        .whereIn('mailbox_id', ids)
        .where('due_at', '<=', now)
        .update({ claim_node: node, claim_until: claimUntil });
      const rows: (MailboxRow & PublicationRow)[] = await trx('publication')
        .join('mailbox', 'mailbox.id', 'publication.mailbox_id')
        .whereIn('mailbox_id', ids)
        .where({ claim_node: node, claim_until: claimUntil })
        .orderBy('due_at')
        .select('mailbox.*', 'publication.*');
      return rows.map((row) => ({
        owner: ownerOf(row.aor),
        counts: countsOf(row),
        wantedVersion: row.wanted_version,
        state: {
          entityTag: row.entity_tag,
          expiresAt: row.expires_at,
          publishedVersion: row.published_version,
          failures: row.failures,
        },
      }));
    });
  }

  settle(
    node: string,
    owner: AddressOfRecord,
    state: PublicationState,
    schedule: { readonly dueAt: number | null; readonly notBefore: number },
  ): Promise<boolean> {
    return this.#settlements.submit({ node, owner, state, ...schedule });
  }

  async nextDueAt(): Promise<number | null> {
    return await this.#database.run('look for the next summary', async (knex) => {
      const free = await knex<PublicationRow>('publication')
        .whereNotNull('due_at')
        .whereNull('claim_until')
        .orderBy('due_at')
        .first('due_at');
      const claimed = await knex<PublicationRow>('publication')
        .whereNotNull('claim_until')
        .orderBy('claim_until')
        .first('claim_until');
      const instants = [free?.due_at ?? null, claimed?.claim_until ?? null].filter((at) => at !== null);
      return instants.length === 0 ? null : Math.min(...instants);
    });
  }

  async releaseClaims(node: string): Promise<void> {
    await this.#database.transaction('release claims', (trx) =>
      trx('publication').where({ claim_node: node }).update({ claim_node: null, claim_until: null }),
    );
  }
}

/** Writes what is still claimed by whom it settles; the rest has found another node. */
async function writeSettlements(
  database: Database,
  trx: Knex.Transaction,
  settlements: readonly Settlement[],
): Promise<boolean[]> {
  const aors = [...new Set(settlements.map(({ owner }) => owner.toString()))];
  const mailboxes = await lockMailboxes(database, trx, await idsOf(trx, aors, false));
  const byAor = new Map(mailboxes.map((mailbox) => [mailbox.aor, mailbox]));
  const rows = new Map<number, PublicationRow>();
  const outcomes = settlements.map(({ node, owner, state, dueAt, notBefore }) => {
    const mailbox = byAor.get(owner.toString());
    const claimedBy = mailbox?.publication?.claim_node;
    if (mailbox === undefined || claimedBy !== node || rows.has(mailbox.id)) return false;
    const changedMeanwhile = mailbox.wanted_version > state.publishedVersion;
    rows.set(mailbox.id, {
      mailbox_id: mailbox.id,
      published_version: state.publishedVersion,
      entity_tag: state.entityTag,
      expires_at: state.expiresAt,
      failures: state.failures,
      due_at: changedMeanwhile ? notBefore : dueAt,
      not_before: notBefore,
      claim_node: null,
      claim_until: null,
    });
    return true;
  });
  if (rows.size > 0) {
    await trx('publication')
      .insert([...rows.values()])
      .onConflict('mailbox_id')
      .merge();
  }
  return outcomes;
}

function unclaimed(trx: Knex.Transaction, now: number): Knex.QueryBuilder {
  return trx('publication').where(
    (query) => void query.whereNull('claim_until').orWhere('claim_until', '<=', now),
  );
}
