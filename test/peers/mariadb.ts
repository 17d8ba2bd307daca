import { spawnSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { createConnection } from 'mysql2/promise';

import { freePort } from './ports.ts';
import { startProgram, temporaryFolder } from './process.ts';
import type { Program } from './process.ts';
import { findProgram, peerProgram } from './require-peer.ts';

/** A MariaDB of Debian's on 127.0.0.1, durable as in production, with a data folder of its own. */
export interface Mariadb {
  readonly port: number;
  /** Makes an empty database and resolves with its URL. */
  createDatabase(name: string): Promise<string>;
  /** kill -9: the server is gone, its files stay. */
  kill(): Promise<void>;
  /** Starts it again after {@link kill}, on the same port and files. */
  resume(): Promise<void>;
  /** Stops it for a while without a word to its clients: nothing answers. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

const USER = 'mailbox';
const PASSWORD = 'secret';

/** Starts MariaDB and resolves when it takes connections. */
export async function startMariadb(): Promise<Mariadb> {
  const folder = await temporaryFolder('mariadb');
  const port = await freePort();
  try {
    await install(folder);
    let program = await launch(folder, port);
    return {
      port,
      createDatabase: async (name) => {
        const connection = await connect(port);
        try {
          await connection.query(`CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`);
        } finally {
          await connection.end();
        }
        return `mysql://${USER}:${PASSWORD}@127.0.0.1:${port}/${name}`;
      },
      kill: async () => {
        program.signal('SIGKILL');
        await program.ended;
      },
      resume: async () => {
        program = await launch(folder, port);
      },
      freeze: () => void program.signal('SIGSTOP'),
      thaw: () => void program.signal('SIGCONT'),
      stop: async () => {
        program.signal('SIGCONT');
        await program.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (reason) {
    await rm(folder, { recursive: true, force: true });
    throw reason;
  }
}

async function install(folder: string): Promise<void> {
  const installer = findProgram('mariadb-install-db');
  if (installer === undefined) throw new Error('mariadb-install-db is not installed');
  const done = spawnSync(
    installer,
    [
      '--no-defaults',
      `--datadir=${path.join(folder, 'data')}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      ...asUser(),
    ],
    { encoding: 'utf8' },
  );
  if (done.status !== 0) throw new Error(`mariadb-install-db: ${done.stdout}${done.stderr}`);
  await writeFile(
    path.join(folder, 'users.sql'),
    [
      `CREATE USER IF NOT EXISTS '${USER}'@'127.0.0.1' IDENTIFIED BY '${PASSWORD}';`,
      `GRANT ALL ON *.* TO '${USER}'@'127.0.0.1';`,
      '',
    ].join('\n'),
  );
}

/** The server refuses to run as root unless it is told so. */
function asUser(): string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}

function launch(folder: string, port: number): Promise<Program> {
  return startProgram({
    command: peerProgram('mariadb'),
    args: [
      '--no-defaults',
      ...asUser(),
      `--datadir=${path.join(folder, 'data')}`,
      `--socket=${path.join(folder, 'socket')}`,
      `--pid-file=${path.join(folder, 'pid')}`,
      `--init-file=${path.join(folder, 'users.sql')}`,
      '--bind-address=127.0.0.1',
      `--port=${port}`,
      '--skip-name-resolve',
      '--innodb-flush-log-at-trx-commit=1',
      '--innodb-buffer-pool-size=64M',
      '--innodb-log-file-size=32M',
    ],
    folder,
    readyWithin: 30_000,
    ready: async () => {
      try {
        await (await connect(port)).end();
        return true;
      } catch {
        return false;
      }
    },
  });
}

function connect(port: number): ReturnType<typeof createConnection> {
  return createConnection({ host: '127.0.0.1', port, user: USER, password: PASSWORD, connectTimeout: 1_000 });
}
