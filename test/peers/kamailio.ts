import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { createMysqlTables, createSqliteTables } from './kamailio-tables.ts';
import { launchKamailio } from './kamailio-program.ts';
import { freePort } from './ports.ts';
import { temporaryFolder } from './process.ts';
import type { Program } from './process.ts';

/** How the tests' Kamailio is set up. */
export interface KamailioOptions {
  /** Where it sends texts for absent users, `sip:127.0.0.1:5070`; `;transport=tcp` may follow. */
  mailbox: string;
  /** Where publications and subscriptions live. Default: memory. */
  variant?: 'memory' | 'sqlite' | 'mysql';
  /** `mysql://user:password@127.0.0.1:port/name` of an existing database, for `mysql`. */
  dbUrl?: string;
  /** Refuse whatever breaks a rule of RFC 3261, and say so in the log on a line with `SANITY`. */
  sanity?: boolean;
  /** Seconds a publication or a subscription lives at most. Default: an hour. */
  maxExpires?: number;
  /** Tell who is registered to whoever subscribes to it (RFC 3680); with `sqlite` or `mysql`. */
  regEvents?: boolean;
  /** Tell the mailbox of every registration. */
  forwardRegister?: boolean;
  /** Whose publications it takes, by digest; `algorithm` is MD5 unless told otherwise. Default: anybody's. */
  auth?: { user: string; password: string; algorithm?: 'MD5' | 'SHA-256' };
}

/** A running Kamailio: registrar, proxy and presence server of example.test. */
export interface Kamailio {
  /** UDP and TCP on 127.0.0.1. */
  readonly port: number;
  /** The file of the presence tables with the variant sqlite. */
  readonly database: string;
  /** What it logged since the start, restarts included. */
  log(): string;
  /** Ends it and keeps its port and its database: a server that is down for a while. */
  halt(): Promise<void>;
  /** Starts it again after {@link halt}. */
  resume(): Promise<void>;
  /** halt and resume. */
  restart(): Promise<void>;
  /** Stops it for a while without a word: nothing answers, and what comes waits in its sockets. */
  freeze(): void;
  thaw(): void;
  /** Ends it for good. */
  stop(): Promise<void>;
}

const CONFIGURATION = fileURLToPath(new URL('../../fixtures/peers/kamailio.cfg', import.meta.url));

/** Starts Kamailio and resolves when it answers OPTIONS. */
export async function startKamailio(options: KamailioOptions): Promise<Kamailio> {
  const port = await freePort();
  const folder = await temporaryFolder('kamailio');
  const start = async (): Promise<Program> =>
    await launchKamailio({ configuration: CONFIGURATION, folder, port, definitions });
  let definitions: readonly string[] = [];
  let program: Program;
  try {
    definitions = await prepare(options, folder, port);
    program = await start();
  } catch (reason) {
    await rm(folder, { recursive: true, force: true });
    throw reason;
  }
  let earlier = '';

  const halt = async (): Promise<void> => {
    await program.stop();
  };
  const resume = async (): Promise<void> => {
    earlier += program.stderr.text();
    program = await start();
  };
  return {
    port,
    database: databaseIn(folder),
    log: () => earlier + program.stderr.text(),
    halt,
    resume,
    restart: async () => {
      await halt();
      await resume();
    },
    freeze: () => void program.signal('SIGSTOP'),
    thaw: () => void program.signal('SIGCONT'),
    stop: async () => {
      program.signal('SIGCONT');
      await halt();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function databaseIn(folder: string): string {
  return path.join(folder, 'presence.db');
}

/** The definitions the configuration asks for; makes the presence tables on the way. */
async function prepare(options: KamailioOptions, folder: string, port: number): Promise<string[]> {
  const definitions = [
    `PORT=${port}`,
    `MAILBOX="${options.mailbox}"`,
    `OWN_URI="sip:127.0.0.1:${port}"`,
    ...(options.sanity === true ? ['WITH_SANITY'] : []),
    ...(options.regEvents === true ? ['WITH_REGINFO'] : []),
    ...(options.forwardRegister === true ? ['WITH_FORWARD_REGISTER'] : []),
    ...(options.maxExpires === undefined ? [] : [`MAX_EXPIRES=${options.maxExpires}`]),
    ...authDefinitions(options.auth),
  ];
  switch (options.variant ?? 'memory') {
    case 'memory':
      return definitions;
    case 'sqlite': {
      const file = databaseIn(folder);
      await createSqliteTables(file);
      return [...definitions, 'WITH_SQLITE', `PRESENCE_DB="sqlite:///${file}"`];
    }
    case 'mysql': {
      if (options.dbUrl === undefined) throw new Error('the mysql variant needs dbUrl');
      await createMysqlTables(options.dbUrl);
      return [...definitions, 'WITH_MYSQL', `PRESENCE_DB="${options.dbUrl}"`];
    }
  }
}

function authDefinitions(auth: KamailioOptions['auth']): string[] {
  if (auth === undefined) return [];
  const { user, password, algorithm = 'MD5' } = auth;
  return ['WITH_AUTH', `AUTH_USER="${user}"`, `AUTH_PASSWORD="${password}"`, `AUTH_ALGORITHM="${algorithm}"`];
}
