import { migrationSource } from '../../schema/migrations.ts';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { pause } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import type { DepositStore, RetrievalStore } from '../mailbox/ports.ts';
import { StoreUnavailable } from '../mailbox/ports.ts';
import type { SummaryStore } from '../mwi/ports.ts';
import { Database } from './database.ts';
import { DepositWriter } from './deposit-writer.ts';
import { STORE_LIMITS } from './limits.ts';
import { RetrievalReader } from './retrieval-reader.ts';
import { SummaryLedger } from './summary-ledger.ts';

export interface StoreOptions {
  /** `sqlite:FILE` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE` */
  readonly url: string;
  readonly limits: { readonly maxNewMessages: number; /** Bytes. */ readonly maxMessageBytes: number };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Called after a commit that changed what this owner's lamp should say. */
  onSummaryDirty(owner: AddressOfRecord): void;
}

/** Everything the program keeps. Any number of nodes may share a database server; an SQLite file is for one node. */
export interface Store extends DepositStore, RetrievalStore, SummaryStore {
  /** Resolves when the database answers. @throws StoreUnavailable */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the database and brings its schema up to date. @throws StoreUnavailable */
export async function openStore(options: StoreOptions): Promise<Store> {
  const database = new Database(options);
  try {
    await migrate(database, options);
    if (database.isMysql) await checkServer(database, options.limits.maxMessageBytes);
  } catch (error) {
    await database.close();
    throw error;
  }
  const onDirty = (owner: AddressOfRecord): void => options.onSummaryDirty(owner);
  const deposits = new DepositWriter(database, options.limits.maxNewMessages, options.metrics, onDirty);
  const retrievals = new RetrievalReader(database, onDirty);
  const summaries = new SummaryLedger(database);
  return {
    deposit: (message) => deposits.deposit(message),
    counts: (owner) => retrievals.counts(owner),
    lease: (owner, token, until, limit) => retrievals.lease(owner, token, until, limit),
    renewLease: (token, until) => retrievals.renewLease(token, until),
    markRead: (token, id) => retrievals.markRead(token, id),
    releaseLease: (token) => retrievals.releaseLease(token),
    claimDue: (node, now, until, limit) => summaries.claimDue(node, now, until, limit),
    settle: (node, owner, state, schedule) => summaries.settle(node, owner, state, schedule),
    nextDueAt: () => summaries.nextDueAt(),
    releaseClaims: (node) => summaries.releaseClaims(node),
    ready: async () => {
      await database.run('answer', (knex) => knex.raw('select 1'));
    },
    close: () => database.close(),
  };
}

const MIGRATION_LOCK = 'text_mailbox_schema';

/** Nodes that start together take turns: one migrates, the others find its lock and look again. */
async function migrate(database: Database, { clock, logger }: StoreOptions): Promise<void> {
  const giveUpAt = clock.now() + STORE_LIMITS.migration;
  for (;;) {
    try {
      await migrateAlone(database);
      return;
    } catch (cause) {
      if (!isRace(cause) || clock.now() >= giveUpAt)
        throw new StoreUnavailable('bring the schema up to date', { cause });
      logger.warn(
        { error: describeError(cause) },
        'another node migrates the schema; if none does, clear is_locked in knex_migrations_lock',
      );
      await pause(clock, STORE_LIMITS.migrationPause);
    }
  }
}

/** A database server lets one node in at a time; knex's own lock is left behind when two make its table together. */
async function migrateAlone({ knex, isMysql }: Database): Promise<void> {
  if (!isMysql) {
    await knex.migrate.latest({ migrationSource });
    return;
  }
  const seconds = STORE_LIMITS.migration / 1000;
  await knex.transaction(async (trx) => {
    await trx.raw('select get_lock(?, ?)', [MIGRATION_LOCK, seconds]);
    try {
      await knex.migrate.latest({ migrationSource });
    } finally {
      await trx.raw('select release_lock(?)', [MIGRATION_LOCK]);
    }
  });
}

/** Two that create the same tables, or one that finds the other's lock. */
function isRace(error: unknown): boolean {
  return error instanceof Error && /lock|already exists|duplicate/i.test(`${error.name} ${error.message}`);
}

/** What only the database server's operator can put right, told at start. */
async function checkServer(database: Database, maxMessageBytes: number): Promise<void> {
  const [rows] = await database.run('tell its settings', async (knex) => {
    const answer: unknown = await knex.raw(
      'select @@innodb_flush_log_at_trx_commit as flush, @@max_allowed_packet as packet',
    );
    return answer as [{ flush: number; packet: number }[]];
  });
  const [settings] = rows;
  if (settings !== undefined && settings.flush !== 1) {
    database.logger.warn(
      { innodb_flush_log_at_trx_commit: settings.flush },
      'the database may lose acknowledged texts in a crash: set innodb_flush_log_at_trx_commit=1',
    );
  }
  // A text is written in hexadecimal, two digits a byte, beside others of the same commit.
  const needed = 2 * (maxMessageBytes + STORE_LIMITS.batchBytes);
  if (settings !== undefined && settings.packet < needed) {
    database.logger.warn(
      { max_allowed_packet: settings.packet, needed },
      'the database refuses the longest texts: raise max_allowed_packet or lower MESSAGE_MAX_BYTES',
    );
  }
}
