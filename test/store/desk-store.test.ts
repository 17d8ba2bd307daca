import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mariadb } from '../peers/mariadb.ts';
import { startMariadb } from '../peers/mariadb.ts';
import { releasedAfter } from '../peers/release.ts';
import { requirePeer } from '../peers/require-peer.ts';
import { deskStoreContract } from './desk-store-contract.ts';
import { preferenceStoreContract } from './preference-store-contract.ts';

describe('what owners do with their mailboxes in SQLite', function () {
  this.timeout(30_000);

  let folder: string;
  let files = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-desk-'));
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const newUrl = (): Promise<string> => Promise.resolve(`sqlite:${folder}/${++files}.db`);

  deskStoreContract(newUrl);
  preferenceStoreContract(newUrl);
});

describe('what owners do with their mailboxes in MariaDB', function () {
  this.timeout(60_000);
  requirePeer('mariadb');
  const release = releasedAfter();

  let mariadb: Mariadb;
  let databases = 0;

  before(async () => {
    mariadb = await startMariadb();
    release(() => mariadb.stop());
  });

  const newUrl = (): Promise<string> => mariadb.createDatabase(`desk_${++databases}`);

  deskStoreContract(newUrl);
  preferenceStoreContract(newUrl);
});
