import type { Knex } from 'knex';
import type { KeptPublication, KeptSubscription, PresenceStore } from '../presence/ports.ts';
import type { Database } from './database.ts';
import { GroupCommit } from './group-commit.ts';
import { STORE_LIMITS } from './limits.ts';
import { ownerOf } from './rows.ts';

interface KeptRow {
  node: string;
  id: string;
  aor: string;
  event: string;
  expires_at: number;
}

/** A row of `event_state`. */
interface EventStateRow extends KeptRow {
  entity_tag: string;
  body: string;
  body_order: number;
}

/** A row of `subscription`. */
interface SubscriptionRow extends KeptRow {
  dialog: string;
}

/** A row as it shall be; null: it shall not be there. */
type Write =
  | { readonly table: 'event_state'; readonly id: string; readonly row: EventStateRow | null }
  | { readonly table: 'subscription'; readonly id: string; readonly row: SubscriptionRow | null };

const TABLES = ['event_state', 'subscription'] as const;

/** Keeps what one node's built-in presence server serves. */
export class PresenceRecords implements PresenceStore {
  readonly #database: Database;
  readonly #node: string;
  readonly #writes: GroupCommit<Write, null>;

  /** @param node whose records these are, where nodes share a database server; an SQLite file is for one node anyway */
  constructor(database: Database, node: string) {
    this.#database = database;
    this.#node = database.isMysql ? node : '';
    this.#writes = new GroupCommit({
      database,
      operation: 'keep publications and subscriptions',
      write: async (trx, writes) => await this.#write(trx, writes),
      weight: ({ row }) => (row === null ? 0 : 'body' in row ? row.body.length : row.dialog.length),
    });
  }

  async savePublication(publication: KeptPublication): Promise<void> {
    const { id, presentity, event, entityTag, body, expiresAt, order } = publication;
    const kept = { node: this.#node, id, aor: presentity.toString(), event, expires_at: expiresAt };
    const row = { ...kept, entity_tag: entityTag, body, body_order: order };
    await this.#writes.submit({ table: 'event_state', id, row });
  }

  async removePublication(id: string): Promise<void> {
    await this.#writes.submit({ table: 'event_state', id, row: null });
  }

  async saveSubscription({ id, presentity, event, expiresAt, dialog }: KeptSubscription): Promise<void> {
    const kept = { node: this.#node, id, aor: presentity.toString(), event, expires_at: expiresAt };
    await this.#writes.submit({ table: 'subscription', id, row: { ...kept, dialog } });
  }

  async removeSubscription(id: string): Promise<void> {
    await this.#writes.submit({ table: 'subscription', id, row: null });
  }

  async *publications(limit: number): AsyncGenerator<readonly KeptPublication[]> {
    for await (const page of this.#pages<EventStateRow>('event_state', limit)) {
      yield page.map((row) => {
        const { id, event, expires_at: expiresAt, entity_tag: entityTag, body, body_order: order } = row;
        return { id, presentity: ownerOf(row.aor), event, expiresAt, entityTag, body, order };
      });
    }
  }

  async *subscriptions(limit: number): AsyncGenerator<readonly KeptSubscription[]> {
    for await (const page of this.#pages<SubscriptionRow>('subscription', limit)) {
      yield page.map((row) => {
        const { id, event, expires_at: expiresAt, dialog } = row;
        return { id, presentity: ownerOf(row.aor), event, expiresAt, dialog };
      });
    }
  }

  async removeExpired(now: number): Promise<void> {
    for (const table of TABLES) {
      let removed = 0;
      do {
        removed = await this.#database.transaction('forget what expired', async (trx) => {
          const expired: KeptRow[] = await trx(table)
            .where('expires_at', '<=', now)
            .limit(STORE_LIMITS.expiredBatch)
            .select('node', 'id');
          for (const node of new Set(expired.map((row) => row.node))) {
            const ids = expired.filter((row) => row.node === node).map(({ id }) => id);
            await trx(table).where({ node }).whereIn('id', ids).where('expires_at', '<=', now).delete();
          }
          return expired.length;
        });
      } while (removed === STORE_LIMITS.expiredBatch);
    }
  }

  async *#pages<Row extends KeptRow>(table: (typeof TABLES)[number], limit: number): AsyncGenerator<Row[]> {
    let after = '';
    for (let left = limit; left > 0;) {
      const most = Math.min(left, STORE_LIMITS.keptPage);
      const page = await this.#database.run('read what was kept', async (knex) => {
        const query = knex(table).where({ node: this.#node }).where('id', '>', after);
        return (await query.orderBy('id').limit(most).select('*')) as Row[];
      });
      if (page.length > 0) yield page;
      if (page.length < most) return;
      left -= page.length;
      after = page.at(-1)?.id ?? '';
    }
  }

  /** Of several writes of one row the last one counts. */
  async #write(trx: Knex.Transaction, writes: readonly Write[]): Promise<null[]> {
    for (const table of TABLES) {
      const last = new Map<string, Write>();
      for (const write of writes) if (write.table === table) last.set(write.id, write);
      const ending = [...last.values()].filter(({ row }) => row === null).map(({ id }) => id);
      if (ending.length > 0) await trx(table).where({ node: this.#node }).whereIn('id', ending).delete();
      const standing = [...last.values()].flatMap(({ row }) => row ?? []);
      if (standing.length > 0) await trx(table).insert(standing).onConflict(['node', 'id']).merge();
    }
    return writes.map(() => null);
  }
}
