import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import knexModule from 'knex';
import { migrationSource } from '../../schema/migrations.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import { NOTHING_PUBLISHED } from '../../src/mwi/ports.ts';
import { SchemaOutdated } from '../../src/store/migrate.ts';
import { ALICE, openForTest, storeContract, text } from './store-contract.ts';

describe('the store on SQLite', function () {
  this.timeout(30_000);

  let folder: string;
  let files = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-store-'));
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const newUrl = (): Promise<string> => Promise.resolve(`sqlite:${folder}/${++files}.db`);

  storeContract(newUrl);

  it('writes ahead and syncs every commit', async () => {
    const url = await newUrl();
    const store = await openForTest(url);
    await store.deposit(text());
    const beside = new Database(url.slice('sqlite:'.length), { readonly: true });
    expect(beside.pragma('journal_mode', { simple: true })).to.equal('wal');
    beside.close();
    await store.close();
  });

  it('says StoreUnavailable while another process holds the file, keeps nothing, and goes on after', async function () {
    this.timeout(60_000);
    const url = await newUrl();
    const store = await openForTest(url);
    const kept = text();
    const blocker = new Database(url.slice('sqlite:'.length));
    blocker.exec('BEGIN IMMEDIATE');
    const refused = await store.deposit(kept).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(StoreUnavailable);
    blocker.exec('COMMIT');
    blocker.close();
    expect(await store.deposit(kept)).to.equal('stored');
    expect((await store.counts(ALICE)).new).to.equal(1);
    await store.close();
  });

  it('carries on what an earlier version kept', async () => {
    const url = await newUrl();
    const earlier = knexModule.default({
      client: 'better-sqlite3',
      connection: { filename: url.slice('sqlite:'.length) },
      useNullAsDefault: true,
    });
    const all = await migrationSource.getMigrations([]);
    const first: typeof migrationSource = {
      ...migrationSource,
      getMigrations: () => Promise.resolve(all.slice(0, 1)),
    };
    await earlier.migrate.latest({ migrationSource: first });
    await earlier('mailbox').insert([
      { id: 7, aor: 'sip:alice@example.test', new_count: 2, old_count: 0, wanted_version: 5 },
      { id: 8, aor: 'sip:carol@example.test', new_count: 0, old_count: 1, wanted_version: 1 },
    ]);
    await earlier('message').insert({
      mailbox_id: 7,
      unique_hash: Buffer.alloc(32, 1),
      author: 'sip:bob@example.test',
      author_name: '',
      message_id: 'before',
      content_type: 'text/plain',
      content: Buffer.from('kept before'),
      subject: '',
      urgent: false,
      received_at: 1,
    });
    await earlier('publication').insert({
      mailbox_id: 7,
      published_version: 4,
      entity_tag: 'a.1',
      expires_at: 1_900_000_000_000,
      due_at: 5,
    });
    await earlier.destroy();
    expect(
      await openForTest(url, { onlyLook: true }).catch((error: unknown) => error),
      'who only looks leaves the schema alone',
    ).to.be.instanceOf(SchemaOutdated);
    const store = await openForTest(url);
    const [due, ...more] = await store.claimDue({ node: 'one', until: 60_000 }, 10, 10);
    expect(more).to.deep.equal([]);
    expect(due).to.deep.include({ wantedVersion: 5, voicemail: null });
    expect(due?.counts.new).to.equal(2);
    expect(due?.state).to.deep.equal({
      ...NOTHING_PUBLISHED,
      publishedVersion: 4,
      entityTag: 'a.1',
      expiresAt: 1_900_000_000_000,
    });
    await store.deposit(text());
    expect((await store.counts(ALICE)).new).to.equal(3);
    const [kept] = await store.lease(ALICE, 't', Date.now() + 60_000, 1);
    expect(kept?.content.toString()).to.equal('kept before');
    expect(kept).to.include({ expiresAt: null, wrapper: null, receipts: null });
    await store.close();
  });

  it('refuses a file it may not make', async () => {
    const refused = await openForTest(`sqlite:${folder}/no/such/folder/x.db`).catch(
      (error: unknown) => error,
    );
    expect(refused).to.be.instanceOf(StoreUnavailable);
  });
});
