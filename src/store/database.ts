import knexModule from 'knex';
import type { Knex } from 'knex';
import type { Database as SqliteDatabase } from 'better-sqlite3';
import type { Clock } from '../core/clock.ts';
import { pause } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import type { Logger } from '../core/logger.ts';
import type { Random } from '../core/random.ts';
import { StoreUnavailable } from '../mailbox/ports.ts';
import { isConflict } from './database-errors.ts';
import { STORE_LIMITS } from './limits.ts';

export interface DatabaseOptions {
  /** `sqlite:FILE` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE` */
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** knex with what every operation of the store needs: deadlines, retries of lost races, one kind of error. */
export class Database {
  readonly knex: Knex;
  readonly isMysql: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly #random: Random;
  readonly #url: string;

  constructor({ url, clock, random, logger }: DatabaseOptions) {
    this.isMysql = url.startsWith('mysql:');
    this.knex = knexModule.default({
      ...(this.isMysql ? mysqlConfig(url) : sqliteConfig(url)),
      log: quietLog(logger),
    });
    this.clock = clock;
    this.logger = logger;
    this.#random = random;
    this.#url = url;
  }

  /**
   * Runs `work` over one connection to a MySQL server that holds the server's lock `name`: who loses the lock has lost the
   * connection, and cannot go on. Rejects when somebody else holds it.
   */
  async holdingLock<T>(name: string, work: (knex: Knex) => Promise<T>): Promise<T> {
    const alone = knexModule.default({
      ...mysqlConfig(this.#url, {
        connections: 1,
        prepare: (connection, done) => {
          connection.query(`select get_lock('${name}', ${STORE_LIMITS.lockWait}) as got`, (error, rows) => {
            const [row] = (rows ?? []) as { got: number }[];
            done(error ?? (row?.got === 1 ? null : new Error(`the lock ${name} is held by another node`)));
          });
        },
      }),
      log: quietLog(this.logger),
    });
    try {
      return await work(alone);
    } finally {
      await alone.destroy();
    }
  }

  /** Runs `work` outside of a transaction. @throws StoreUnavailable */
  async run<T>(operation: string, work: (knex: Knex) => Promise<T>): Promise<T> {
    try {
      return await withDeadline(this.clock, STORE_LIMITS.operation, operation, work(this.knex));
    } catch (cause) {
      throw new StoreUnavailable(operation, { cause });
    }
  }

  /**
   * Runs `work` in one transaction and resolves after its commit. One that lost against another (deadlock, Galera's
   * certification, a busy file) is tried again a bounded number of times.
   * @throws StoreUnavailable when nothing was, or may have been, committed
   */
  async transaction<T>(operation: string, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const committed = this.knex.transaction(work);
        return await withDeadline(this.clock, STORE_LIMITS.operation, operation, committed);
      } catch (cause) {
        if (!isConflict(cause) || attempt >= STORE_LIMITS.attempts) {
          throw new StoreUnavailable(operation, { cause });
        }
        await pause(this.clock, 1 + this.#random.fraction() * STORE_LIMITS.retryPause * attempt);
      }
    }
  }

  /** Runs `work`, which only reads, on the database as it is at one moment. @throws StoreUnavailable */
  async snapshot<T>(operation: string, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
    const config: Knex.TransactionConfig = this.isMysql ? { isolationLevel: 'repeatable read' } : {};
    return await this.run(operation, (knex) => knex.transaction(work, config));
  }

  /** A query that keeps others from changing the rows it reads; SQLite's transactions do so by themselves. */
  locking<Q extends Knex.QueryBuilder>(query: Q): Q {
    if (this.isMysql) query.forUpdate();
    return query;
  }

  async close(): Promise<void> {
    await this.knex.destroy();
  }
}

/** knex prints to the console unless it is told where else; what failed is told by whoever asked for it. */
function quietLog(logger: Logger): NonNullable<Knex.Config['log']> {
  const tell = (message: unknown): void => logger.debug({ knex: String(message) }, 'database');
  return { debug: tell, warn: tell, error: tell, deprecate: tell };
}

function sqliteConfig(url: string): Knex.Config {
  return {
    client: 'better-sqlite3',
    connection: { filename: url.slice('sqlite:'.length) },
    useNullAsDefault: true,
    // One connection: SQLite has one writer, and a statement on it never waits for another of ours.
    pool: {
      min: 1,
      max: 1,
      afterCreate: (connection: SqliteDatabase, done: (error: Error | null) => void) => {
        // A commit is on the disk when it returns (synchronous=FULL); other processes may read beside us (WAL).
        for (const setting of [
          'journal_mode = WAL',
          'synchronous = FULL',
          'foreign_keys = ON',
          `busy_timeout = ${STORE_LIMITS.busy}`,
        ]) {
          connection.pragma(setting);
        }
        done(null);
      },
    },
    acquireConnectionTimeout: STORE_LIMITS.acquire,
  };
}

/** What we need of a connection as mysql2 gives it. */
interface MysqlConnection {
  query(sql: string, done: (error: Error | null, rows?: unknown) => void): void;
}

interface MysqlOptions {
  readonly connections: number;
  /** What is done to each connection before its first use. */
  readonly prepare: (connection: MysqlConnection, done: (error: Error | null) => void) => void;
}

const USUAL: MysqlOptions = { connections: STORE_LIMITS.connections, prepare: (_, done) => done(null) };

function mysqlConfig(url: string, { connections, prepare } = USUAL): Knex.Config {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    client: 'mysql2',
    connection: {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? 3306 : Number(port),
      user: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: decodeURIComponent(pathname.slice(1)),
      charset: 'utf8mb4',
      connectTimeout: STORE_LIMITS.acquire,
    },
    pool: {
      min: 0,
      max: connections,
      // A transaction reads what is committed now, not what was when it began: claims and leases compare and set.
      afterCreate: (
        connection: MysqlConnection,
        done: (error: Error | null, connection: unknown) => void,
      ) => {
        connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', (error) => {
          if (error === null) prepare(connection, (failure) => done(failure, connection));
          else done(error, connection);
        });
      },
    },
    acquireConnectionTimeout: STORE_LIMITS.acquire,
  };
}
