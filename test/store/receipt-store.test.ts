import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import knexModule from 'knex';
import type { Mariadb } from '../peers/mariadb.ts';
import { startMariadb } from '../peers/mariadb.ts';
import { releasedAfter } from '../peers/release.ts';
import { requirePeer } from '../peers/require-peer.ts';
import { expiryStoreContract } from './expiry-store-contract.ts';
import { asked, receiptStoreContract } from './receipt-store-contract.ts';
import { openForTest, text } from './store-contract.ts';

describe('receipts and expiry in SQLite', function () {
  this.timeout(30_000);

  let folder: string;
  let files = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-receipts-'));
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const newUrl = (): Promise<string> => Promise.resolve(`sqlite:${folder}/${++files}.db`);

  receiptStoreContract(newUrl);
  expiryStoreContract(newUrl);

  it('tell when the next is due without a look at each that waits', async () => {
    const url = await newUrl();
    const store = await openForTest(url);
    const knex = knexModule.default({
      client: 'better-sqlite3',
      connection: { filename: url.slice('sqlite:'.length) },
      useNullAsDefault: true,
    });
    try {
      await store.deposit(text({ receipts: asked(['processing']) }));
      const first: unknown = await knex('receipt').first('*');
      const columns = Object.keys(first as object).filter((column) => column !== 'id');
      await knex.raw(
        `insert into receipt (${columns.join()}) with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
         select ${columns.join()} from receipt, n`,
      );
      const started = performance.now();
      for (let i = 0; i < 20; i++) await store.nextReceiptAt();
      expect(performance.now() - started).to.be.below(80);
    } finally {
      await knex.destroy();
      await store.close();
    }
  });
});

describe('receipts and expiry in MariaDB', function () {
  this.timeout(60_000);
  requirePeer('mariadb');
  const release = releasedAfter();

  let mariadb: Mariadb;
  let databases = 0;

  before(async () => {
    mariadb = await startMariadb();
    release(() => mariadb.stop());
  });

  const newUrl = (): Promise<string> => mariadb.createDatabase(`receipts_${++databases}`);

  receiptStoreContract(newUrl);
  expiryStoreContract(newUrl);
});
