import { migrationSource } from '../../schema/migrations.ts';
import { pause } from '../core/clock.ts';
import { MailboxError, describeError } from '../core/errors.ts';
import { StoreUnavailable } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { STORE_LIMITS } from './limits.ts';

/** The database's schema is not the one this program knows. */
export class SchemaOutdated extends MailboxError {
  constructor(pending: readonly string[]) {
    super(
      'SCHEMA_OUTDATED',
      `the database lacks ${pending.join(', ')}: start the server once to bring it up to date`,
    );
  }
}

const MIGRATION_LOCK = 'text_mailbox_schema';

/** Nodes that start together take turns: one migrates, the others find its lock and look again. */
export async function migrate(database: Database): Promise<void> {
  const { clock, logger } = database;
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

/** For those who only look. @throws SchemaOutdated, StoreUnavailable */
export async function checkSchema(database: Database): Promise<void> {
  const [, pending] = await database.run('tell its schema', async (knex) => {
    const answer: unknown = await knex.migrate.list({ migrationSource });
    return answer as [unknown, readonly { readonly name: string }[]];
  });
  if (pending.length > 0) throw new SchemaOutdated(pending.map(({ name }) => name));
}

/** What only the database server's operator can put right, told at start. */
export async function checkServer(database: Database, maxMessageBytes: number): Promise<void> {
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
