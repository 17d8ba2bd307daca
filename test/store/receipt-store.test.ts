import { expect } from 'chai';
import knexModule from 'knex';
import { onBothDatabases } from './both-databases.ts';
import { expiryStoreContract } from './expiry-store-contract.ts';
import { asked, receiptStoreContract } from './receipt-store-contract.ts';
import { openForTest, text } from './store-contract.ts';

onBothDatabases('receipts and expiry', (newUrl, database) => {
  receiptStoreContract(newUrl);
  expiryStoreContract(newUrl);
  if (database !== 'SQLite') return;

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
      const timeOf = async (look: () => Promise<unknown>): Promise<number> => {
        const started = performance.now();
        for (let i = 0; i < 20; i++) await look();
        return performance.now() - started;
      };
      const each = await timeOf(() => knex('receipt').sum('attempts'));
      expect(await timeOf(() => store.nextReceiptAt())).to.be.below(each / 2);
    } finally {
      await knex.destroy();
      await store.close();
    }
  });
});
