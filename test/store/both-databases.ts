import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mariadb } from '../peers/mariadb.ts';
import { startMariadb } from '../peers/mariadb.ts';
import { releasedAfter } from '../peers/release.ts';
import { requirePeer } from '../peers/require-peer.ts';

/** Runs the same tests on SQLite and on a real MariaDB. `newUrl` names a database that nobody used. */
export function onBothDatabases(
  what: string,
  define: (newUrl: () => Promise<string>, database: 'SQLite' | 'MariaDB') => void,
): void {
  describe(`${what} in SQLite`, function () {
    this.timeout(30_000);

    let folder: string;
    let files = 0;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'text-mailbox-store-'));
    });

    after(async () => {
      await rm(folder, { recursive: true, force: true });
    });

    define(() => Promise.resolve(`sqlite:${folder}/${++files}.db`), 'SQLite');
  });

  describe(`${what} in MariaDB`, function () {
    this.timeout(60_000);
    requirePeer('mariadb');
    const release = releasedAfter();

    let mariadb: Mariadb;
    let databases = 0;

    before(async () => {
      mariadb = await startMariadb();
      release(() => mariadb.stop());
    });

    define(() => mariadb.createDatabase(`store_${++databases}`), 'MariaDB');
  });
}
