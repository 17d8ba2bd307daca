import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
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

  it('refuses a file it may not make', async () => {
    const refused = await openForTest(`sqlite:${folder}/no/such/folder/x.db`).catch(
      (error: unknown) => error,
    );
    expect(refused).to.be.instanceOf(StoreUnavailable);
  });
});
