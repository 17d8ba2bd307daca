import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type {
  Claim,
  DueSummary,
  PublicationState,
  Schedule,
  SummaryStore,
  TextHeaders,
} from '../mwi/ports.ts';
import type { Database } from './database.ts';
import { idsOf, lockMailboxes, saveChanged } from './dirty-marks.ts';
import { GroupCommit } from './group-commit.ts';
import { STORE_LIMITS } from './limits.ts';
import type { AddressRow, LampRow, MessageRow } from './rows.ts';
import { LAMP_COLUMNS, ownerOf, stateOf, truthOf } from './rows.ts';

/** What became of one claimed lamp. */
interface Settlement {
  readonly claim: Claim;
  readonly target: AddressOfRecord;
  readonly state: PublicationState;
  readonly schedule: Schedule;
}

/** Keeps which lamps are due and what the presence server last said; nodes claim them by compare-and-set. */
export class SummaryLedger implements SummaryStore {
  readonly #database: Database;
  readonly #settlements: GroupCommit<Settlement, boolean>;
  /** Who gets the odd place in a claim: what became due last, or what is due longest. */
  #newestFirst = false;

  constructor(database: Database) {
    this.#database = database;
    this.#settlements = new GroupCommit({
      database,
      operation: 'settle a summary',
      write: (trx, settlements) => writeSettlements(database, trx, settlements),
    });
  }

  async claimDue(claim: Claim, now: number, limit: number): Promise<DueSummary[]> {
    return await this.#database.transaction('claim summaries', async (trx) => {
      this.#newestFirst = !this.#newestFirst;
      const due = await dueRows(trx, now, limit, this.#newestFirst);
      if (due.length === 0) return [];
      const ids = due.map(({ id }) => id);
      const unsettled = new Set(due.filter(({ claim_node }) => claim_node !== null).map(({ id }) => id));
      await unclaimed(trx, now)
        .whereIn('id', ids)
        .where('due_at', '<=', now)
        .update({ claim_node: claim.node, claim_until: claim.until });
      const rows: LampRow[] = await trx('address')
        .join('mailbox', 'mailbox.id', 'address.mailbox_id')
        .leftJoin('voicemail', 'voicemail.mailbox_id', 'address.mailbox_id')
        .whereIn('address.id', ids)
        .where({ 'address.claim_node': claim.node, 'address.claim_until': claim.until })
        .orderBy('due_at')
        .select(LAMP_COLUMNS);
      return rows.map((row) => {
        const failures = Math.max(row.failures, unsettled.has(row.id) ? 1 : 0);
        return {
          ...truthOf(row),
          target: ownerOf(row.aor),
          claim,
          state: { ...stateOf(row), failures },
        };
      });
    });
  }

  settle(
    claim: Claim,
    target: AddressOfRecord,
    state: PublicationState,
    schedule: Schedule,
  ): Promise<boolean> {
    return this.#settlements.submit({ claim, target, state, schedule });
  }

  async nextDueAt(): Promise<number | null> {
    return await this.#database.run('look for the next summary', async (knex) => {
      const free = await knex<AddressRow>('address')
        .whereNotNull('due_at')
        .whereNull('claim_until')
        .orderBy('due_at')
        .first('due_at');
      const claimed = await knex<AddressRow>('address')
        .whereNotNull('claim_until')
        .orderBy('claim_until')
        .first('claim_until');
      const instants = [free?.due_at ?? null, claimed?.claim_until ?? null].filter((at) => at !== null);
      return instants.length === 0 ? null : Math.min(...instants);
    });
  }

  async releaseClaims(node: string): Promise<void> {
    await this.#database.transaction('release claims', (trx) =>
      // The index leads to the few rows that are claimed at all.
      trx('address').whereNotNull('claim_until').where({ claim_node: node }).update({ claim_until: 0 }),
    );
  }

  async hasten(which: 'live' | 'failed', now: number): Promise<void> {
    if (which === 'failed') await this.#hastenFailed(now);
    else await this.#hastenLive(now);
  }

  async keepBeacon(target: AddressOfRecord, now: number): Promise<void> {
    await this.#database.transaction('keep the beacon', async (trx) => {
      const ids = await idsOf(trx, [target.toString()], true);
      const [mailbox] = await lockMailboxes(this.#database, trx, ids.values());
      if (mailbox?.wanted_version === 0) await saveChanged(trx, [mailbox], now);
      await trx('address').where({ aor: target.toString() }).whereNull('due_at').update({ due_at: now });
    });
  }

  async newestTexts(target: AddressOfRecord, limit: number): Promise<TextHeaders[]> {
    return await this.#database.run('look for the newest texts', async (knex) => {
      const rows: MessageRow[] = await knex('message')
        .join('address', 'address.mailbox_id', 'message.mailbox_id')
        .where({ 'address.aor': target.toString() })
        .whereNull('message.read_at')
        .whereNull('message.deliver_at')
        .orderBy([
          { column: 'message.received_at', order: 'desc' },
          { column: 'message.id', order: 'desc' },
        ])
        .limit(limit)
        .select('message.*');
      return rows.map((row) => ({
        author: row.author,
        authorName: row.author_name,
        subject: row.subject,
        receivedAt: row.received_at,
        urgent: Boolean(row.urgent),
        messageId: row.message_id,
      }));
    });
  }

  /** No index leads to the living publications, so all addresses are gone through, a bounded number to a transaction. */
  async #hastenLive(now: number): Promise<void> {
    const last = await this.#database.run('look for the last address', (knex) =>
      knex<AddressRow>('address').orderBy('id', 'desc').first('id'),
    );
    for (let from = 0; from < (last?.id ?? 0); from += STORE_LIMITS.hastenBatch) {
      await this.#database.transaction('hasten publications', (trx) =>
        trx('address')
          .where('id', '>', from)
          .where('id', '<=', from + STORE_LIMITS.hastenBatch)
          .where('expires_at', '>', now)
          .where('due_at', '>', now)
          .whereNull('claim_until')
          .update({ due_at: now }),
      );
    }
  }

  async #hastenFailed(now: number): Promise<void> {
    for (;;) {
      const hastened = await this.#database.transaction('hasten further tries', async (trx) => {
        const rows = await trx<AddressRow>('address')
          .where('failures', '>', 0)
          .where('due_at', '>', now)
          .whereNull('refused_with')
          .whereNull('claim_until')
          .limit(STORE_LIMITS.hastenBatch)
          .select('id');
        const ids = rows.map(({ id }) => id);
        if (ids.length > 0) await trx('address').whereIn('id', ids).update({ due_at: now, not_before: now });
        return ids.length;
      });
      if (hastened < STORE_LIMITS.hastenBatch) return;
    }
  }
}

/** What is due longest; and where that is more than can be claimed, as much again of what became due last. */
async function dueRows(
  trx: Knex.Transaction,
  now: number,
  limit: number,
  newestFirst: boolean,
): Promise<DueRow[]> {
  const due = (order: 'asc' | 'desc', count: number): Promise<DueRow[]> =>
    unclaimed(trx, now)
      .where('due_at', '<=', now)
      .orderBy('due_at', order)
      .limit(count)
      .select('id', 'claim_node');
  const oldest = await due('asc', limit);
  if (oldest.length < limit) return oldest;
  const newest = await due('desc', newestFirst ? Math.ceil(limit / 2) : Math.floor(limit / 2));
  const rows = new Map([...newest, ...oldest].map((row) => [row.id, row]));
  return [...rows.values()].slice(0, limit);
}

type DueRow = Pick<AddressRow, 'id' | 'claim_node'>;

/** Writes what is still claimed as it was when its PUBLISH left; the rest has found another node. */
async function writeSettlements(
  database: Database,
  trx: Knex.Transaction,
  settlements: readonly Settlement[],
): Promise<boolean[]> {
  const aors = [...new Set(settlements.map(({ target }) => target.toString()))];
  const ids = await idsOf(trx, aors, false);
  const mailboxes = await lockMailboxes(database, trx, ids.values());
  const byAor = new Map(
    mailboxes.flatMap((mailbox) =>
      mailbox.addresses.map((address) => [address.aor, { mailbox, address }] as const),
    ),
  );
  const rows = new Map<number, AddressRow>();
  const outcomes = settlements.map(({ claim, target, state, schedule }) => {
    const found = byAor.get(target.toString());
    if (found === undefined) return false;
    const { mailbox, address } = found;
    const isHeld = address.claim_node === claim.node && address.claim_until === claim.until;
    if (!isHeld || rows.has(address.id)) return false;
    const changedMeanwhile = mailbox.wanted_version > state.publishedVersion;
    rows.set(address.id, {
      id: address.id,
      mailbox_id: address.mailbox_id,
      aor: address.aor,
      published_version: state.publishedVersion,
      entity_tag: state.entityTag,
      expires_at: state.expiresAt,
      failures: state.failures,
      restore_at: state.restoreAt,
      reassure_at: state.reassureAt,
      refused_with: state.refusedWith,
      due_at: changedMeanwhile ? schedule.notBefore : schedule.dueAt,
      not_before: schedule.notBefore,
      claim_node: null,
      claim_until: null,
    });
    return true;
  });
  if (rows.size > 0) {
    await trx('address')
      .insert([...rows.values()])
      .onConflict('id')
      .merge();
  }
  return outcomes;
}

function unclaimed(trx: Knex.Transaction, now: number): Knex.QueryBuilder {
  return trx('address').where(
    (query) => void query.whereNull('claim_until').orWhere('claim_until', '<=', now),
  );
}
