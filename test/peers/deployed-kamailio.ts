import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import Database from 'better-sqlite3';

import { createSqliteTables } from './kamailio-tables.ts';
import { freePort } from './ports.ts';
import { startProgram, temporaryFolder } from './process.ts';
import { RawSip } from './raw-sip.ts';
import { peerProgram } from './require-peer.ts';

export interface DeployedKamailioOptions {
  /** Where the mailbox is. It is known by its address, so phones must have another one. */
  readonly mailbox: { readonly address: string; readonly port: number };
  /** Users of example.test and their passwords. */
  readonly users: Readonly<Record<string, string>>;
}

/** A running Kamailio with the configuration that operators start from, for example.test on 127.0.0.1. */
export interface DeployedKamailio {
  /** UDP and TCP. */
  readonly port: number;
  log(): string;
  stop(): Promise<void>;
}

const CONFIGURATION = fileURLToPath(new URL('../../deploy/kamailio.cfg', import.meta.url));
const DOMAIN = 'example.test';

/** Starts it as its head says: values changed, tables made, users added. SQLite stands in for its database. */
export async function startDeployedKamailio(options: DeployedKamailioOptions): Promise<DeployedKamailio> {
  const folder = await temporaryFolder('deployed-kamailio');
  const probe = await RawSip.open();
  try {
    const port = await freePort();
    const database = path.join(folder, 'kamailio.db');
    await createSqliteTables(database, ['usrloc', 'auth_db', 'uri_db']);
    addUsers(database, options.users);
    const file = path.join(folder, 'kamailio.cfg');
    await writeFile(file, changed(await readFile(CONFIGURATION, 'utf8'), { ...options, port, database }));
    const program = await startProgram({
      command: peerProgram('kamailio'),
      args: [
        ...['-DD', '-E', '-m', '64', '-M', '8', '-w', folder, '-Y', folder],
        ...['-P', path.join(folder, 'kamailio.pid'), '-f', file],
      ],
      folder,
      ready: () => answers(probe, port),
    });
    return {
      port,
      log: () => program.stderr.text(),
      stop: async () => {
        await program.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (reason) {
    await rm(folder, { recursive: true, force: true });
    throw reason;
  } finally {
    await probe.close();
  }
}

/** What an operator changes, and what lets it run beside other tests. */
function changed(
  configuration: string,
  { mailbox, port, database }: DeployedKamailioOptions & { readonly port: number; readonly database: string },
): string {
  const changes: readonly (readonly [string, string])[] = [
    ['!MY_DOMAIN!example.com!', `!MY_DOMAIN!${DOMAIN}!`],
    ['!MY_ADDRESS!192.0.2.10!', '!MY_ADDRESS!127.0.0.1!'],
    ['!MAILBOX_ADDRESS!192.0.2.20!', `!MAILBOX_ADDRESS!${mailbox.address}!`],
    ['#!define MAILBOX_PORT 5060', `#!define MAILBOX_PORT ${mailbox.port}`],
    ['"mysql://kamailio:change-me@127.0.0.1/kamailio"', `"sqlite:///${database}"`],
    ['db_mysql.so', 'db_sqlite.so'],
    ['MY_ADDRESS:5060', `MY_ADDRESS:${port}`],
    ['children=8', 'children=2'],
  ];
  return changes.reduce((text, [before, after]) => {
    if (!text.includes(before)) throw new Error(`the configuration has no ${before}`);
    return text.replaceAll(before, after);
  }, configuration);
}

/** As kamctl does: of a password its digest (RFC 2617 §3.2.2.2) is kept. */
function addUsers(file: string, users: DeployedKamailioOptions['users']): void {
  const database = new Database(file);
  try {
    const add = database.prepare(
      'insert into subscriber (username, domain, password, ha1) values (?, ?, ?, ?)',
    );
    for (const [user, password] of Object.entries(users)) {
      const digest = createHash('md5').update(`${user}:${DOMAIN}:${password}`).digest('hex');
      add.run(user, DOMAIN, '', digest);
    }
  } finally {
    database.close();
  }
}

/** Whatever it says: to a stranger it is no 200. */
async function answers(probe: RawSip, port: number): Promise<boolean> {
  const request = { method: 'OPTIONS', uri: `sip:127.0.0.1:${port}`, from: 'sip:probe@elsewhere.test' };
  return await probe.request(request, port, 200).then(
    () => true,
    () => false,
  );
}
