import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mariadb } from '../peers/mariadb.ts';
import { startMariadb } from '../peers/mariadb.ts';
import { releasedAfter } from '../peers/release.ts';
import { requirePeer } from '../peers/require-peer.ts';
import { voicemailStoreContract } from './voicemail-store-contract.ts';

describe('voicemails kept in SQLite', function () {
  this.timeout(30_000);

  let folder: string;
  let files = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-voicemail-'));
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  voicemailStoreContract(() => Promise.resolve(`sqlite:${folder}/${++files}.db`));
});

describe('voicemails kept in MariaDB', function () {
  this.timeout(60_000);
  requirePeer('mariadb');
  const release = releasedAfter();

  let mariadb: Mariadb;
  let databases = 0;

  before(async () => {
    mariadb = await startMariadb();
    release(() => mariadb.stop());
  });

  voicemailStoreContract(() => mariadb.createDatabase(`voicemail_${++databases}`));
});
