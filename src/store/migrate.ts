import type { Knex } from 'knex';
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

/** For the operator, where we cannot tell whether a migration lives. */
const FREE_THE_LOCK = 'UPDATE knex_migrations_lock SET is_locked = 0';

/** Nodes that start together take turns: one migrates, the others find its lock and look again. */
export async function migrate(database: Database): Promise<void> {
  const { clock, logger } = database;
  const giveUpAt = clock.now() + STORE_LIMITS.migration;
  for (;;) {
    try {
      await migrateAlone(database);
      return;
    } catch (cause) {
      if (!(isRace(cause) || isSlow(cause)) || clock.now() >= giveUpAt)
        throw new StoreUnavailable('bring the schema up to date', { cause });
      logger.warn(
        { error: describeError(cause) },
        isSlow(cause)
          ? 'the database gives no connection yet'
          : `another node migrates the schema; if none does: ${FREE_THE_LOCK}`,
      );
      await pause(clock, STORE_LIMITS.migrationPause);
    }
  }
}

/**
 * SQLite migrates in one transaction, knex's lock with it: a crash leaves nothing. A database server lets one node in at a
 * time, by a lock that ends with its connection; knex's own is a row, which stays behind when a node dies in a migration.
 */
async function migrateAlone(database: Database): Promise<void> {
  if (!database.isMysql) {
    await database.knex.migrate.latest({ migrationSource });
    return;
  }
  await database.holdingLock(MIGRATION_LOCK, async (knex) => {
    if (await isLeftBehind(knex)) {
      database.logger.warn({}, 'a node died while it migrated the schema; its lock is freed');
      await knex.migrate.forceFreeMigrationsLock({ migrationSource });
    }
    await knex.migrate.latest({ migrationSource });
  });
}

/** Whether knex's lock is nobody's: who migrates holds the server's lock meanwhile, which is ours now. */
async function isLeftBehind(knex: Knex): Promise<boolean> {
  if (!(await knex.schema.hasTable('knex_migrations_lock'))) return false;
  const row: { is_locked: number } | undefined = await knex('knex_migrations_lock').first('is_locked');
  if (row === undefined || row.is_locked === 0) return false;
  const answer: unknown = await knex.raw(
    "show variables where Variable_name in ('wsrep_on', 'group_replication_group_name')",
  );
  const [variables] = answer as [readonly ServerVariable[]];
  return !isOneOfSeveral(variables);
}

/** A row of `show variables`. */
export interface ServerVariable {
  readonly Variable_name: string;
  readonly Value: string;
}

/** Whether a server is a node of a cluster (Galera, group replication): its locks are its own, and others do not see them. */
export function isOneOfSeveral(variables: readonly ServerVariable[]): boolean {
  return variables.some(({ Variable_name: name, Value: value }) =>
    name === 'wsrep_on' ? /^(on|1)$/i.test(value) : value !== '',
  );
}

/** Two that create the same tables, or one that finds the other's lock. */
function isRace(error: unknown): boolean {
  return error instanceof Error && /lock|already exists|duplicate/i.test(`${error.name} ${error.message}`);
}

/** A server that is there and has not let us in so far: a node that starts has time. */
function isSlow(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'KnexTimeoutError' || ('code' in error && error.code === 'ETIMEDOUT'))
  );
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
