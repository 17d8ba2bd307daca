import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Mariadb } from '../peers/mariadb.ts';
import { startMariadb } from '../peers/mariadb.ts';
import { releasedAfter } from '../peers/release.ts';
import { requirePeer } from '../peers/require-peer.ts';
import { ids, presenceStoreContract, publication } from './presence-store-contract.ts';
import { openForTest } from './store-contract.ts';

describe('publications and subscriptions kept in SQLite', function () {
  this.timeout(30_000);

  let folder: string;
  let files = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-presence-'));
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const newUrl = (): Promise<string> => Promise.resolve(`sqlite:${folder}/${++files}.db`);

  presenceStoreContract(newUrl);

  it('are those of whatever the node is called: a file is for one', async () => {
    const store = await openForTest(await newUrl());
    await store.presence('before').savePublication(publication());
    expect(await ids(store.presence('after').publications(1))).to.deep.equal(['publication-1']);
    await store.close();
  });
});

describe('publications and subscriptions kept in MariaDB', function () {
  this.timeout(60_000);
  requirePeer('mariadb');
  const release = releasedAfter();

  let mariadb: Mariadb;
  let databases = 0;

  before(async () => {
    mariadb = await startMariadb();
    release(() => mariadb.stop());
  });

  const newUrl = (): Promise<string> => mariadb.createDatabase(`presence_${++databases}`);

  presenceStoreContract(newUrl);

  it('are those of the node that kept them', async () => {
    const store = await openForTest(await newUrl());
    await store.presence('one').savePublication(publication());
    expect(await ids(store.presence('two').publications(10))).to.deep.equal([]);
    await store.presence('two').removePublication('publication-1');
    expect(await ids(store.presence('one').publications(10))).to.deep.equal(['publication-1']);
    await store.close();
  });
});
