import { expect } from 'chai';
import { migrationSource } from '../../schema/migrations.ts';
import { beside, trueMailbox } from './beside.ts';
import { onBothDatabases } from './both-databases.ts';
import { quotaStoreContract } from './quota-store-contract.ts';
import { retentionStoreContract } from './retention-store-contract.ts';
import { scheduleStoreContract } from './schedule-store-contract.ts';
import { ALICE, CAROL, openForTest, text } from './store-contract.ts';

/** What was kept before mailboxes knew their bytes. */
function upgradeContract(newUrl: () => Promise<string>): void {
  it('know how much they hold when they were there before', async () => {
    const url = await newUrl();
    const knex = beside(url);
    const all = await migrationSource.getMigrations([]);
    const getMigrations = (): ReturnType<typeof migrationSource.getMigrations> =>
      Promise.resolve(all.slice(0, 4));
    await knex.migrate.latest({ migrationSource: { ...migrationSource, getMigrations } });
    await knex('mailbox').insert([
      { id: 1, aor: ALICE.toString(), new_count: 1, old_count: 1 },
      { id: 2, aor: CAROL.toString(), new_count: 0, old_count: 0 },
    ]);
    await knex('address').insert([
      { mailbox_id: 1, aor: ALICE.toString() },
      { mailbox_id: 2, aor: CAROL.toString() },
    ]);
    const row = (index: number, parts: object): object => ({
      mailbox_id: 1,
      unique_hash: Buffer.alloc(32, index),
      author: 'sip:bob@example.test',
      author_name: '',
      message_id: `m${index}`,
      content_type: 'text/plain',
      content: Buffer.from('grüße'),
      subject: 'Ü 🌍',
      urgent: false,
      received_at: index,
      wrapper: null,
      read_at: null,
      ...parts,
    });
    await knex('message').insert([row(1, {}), row(2, { wrapper: Buffer.alloc(100), read_at: 7 })]);
    await knex.destroy();
    const store = await openForTest(url, { maxBytes: 137, dropRead: false });
    try {
      const bytes = 2 * (7 + 7) + 100;
      expect(await trueMailbox(url, ALICE)).to.deep.equal({ new: 1, old: 1, scheduled: 0, bytes });
      expect(await trueMailbox(url, CAROL)).to.deep.equal({ new: 0, old: 0, scheduled: 0, bytes: 0 });
      expect(await store.deposit(text({ content: Buffer.alloc(10) }))).to.equal('full');
      expect(await store.deposit(text({ content: Buffer.alloc(9) }))).to.equal('stored');
    } finally {
      await store.close();
    }
  });
}

onBothDatabases('mailboxes', (newUrl) => {
  quotaStoreContract(newUrl);
  scheduleStoreContract(newUrl);
  retentionStoreContract(newUrl);
  upgradeContract(newUrl);
});
