import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mariadb } from '../peers/mariadb.ts';
import { startMariadb } from '../peers/mariadb.ts';
import { releasedAfter } from '../peers/release.ts';
import { requirePeer } from '../peers/require-peer.ts';
import { noticeStoreContract } from './notice-store-contract.ts';
import { pushStoreContract } from './push-store-contract.ts';

describe('pushes and notices in SQLite', function () {
  this.timeout(30_000);

  let folder: string;
  let files = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-push-'));
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const newUrl = (): Promise<string> => Promise.resolve(`sqlite:${folder}/${++files}.db`);

  pushStoreContract(newUrl);
  noticeStoreContract(newUrl);
});

describe('pushes and notices in MariaDB', function () {
  this.timeout(60_000);
  requirePeer('mariadb');
  const release = releasedAfter();

  let mariadb: Mariadb;
  let databases = 0;

  before(async () => {
    mariadb = await startMariadb();
    release(() => mariadb.stop());
  });

  const newUrl = (): Promise<string> => mariadb.createDatabase(`push_${++databases}`);

  pushStoreContract(newUrl);
  noticeStoreContract(newUrl);
});
