import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { startServer } from '../doubles/server-process.ts';
import type { ServerProcess } from '../doubles/server-process.ts';
import { requirePeer } from '../peers/require-peer.ts';
import { runSipp } from '../peers/sipp.ts';

const RATE = 2_000;
const SECONDS = 20;
const USERS = 400;

describe('2,000 MESSAGEs a second for 20 s over UDP', function () {
  this.timeout(90_000);
  requirePeer('sipp');

  let server: ServerProcess;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-load-'));
    server = await startServer({ DATABASE_URL: `sqlite:${folder}/mailbox.db` });
  });

  after(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('are all answered 200 and in the database once each, however often they were sent', async () => {
    const users = Array.from({ length: USERS }, (_, i) => `user${i};example.test`);
    const injection = join(folder, 'users.csv');
    await writeFile(injection, ['SEQUENTIAL', ...users, ''].join('\n'));
    const calls = RATE * SECONDS;
    const result = await runSipp({
      scenario: 'message-load.xml',
      port: server.udp,
      calls,
      ratePerSecond: RATE,
      args: ['-inf', injection],
      deadline: 75_000,
    });
    process.stdout.write(
      `      ${result.successful} of ${calls} answered 200 at ${result.ratePerSecond.toFixed(0)}/s, ` +
        `${result.retransmissions} retransmissions\n`,
    );
    expect(result.failed, result.errors).to.equal(0);
    expect(result.successful).to.equal(calls);
    // How many there are is the machine's affair, and shown above; none of them may become a text, as the count below tells.
    const database = new Database(join(folder, 'mailbox.db'), { readonly: true });
    try {
      const kept = database.prepare('select count(*) as kept from message').get() as { kept: number };
      expect(kept.kept).to.equal(calls);
    } finally {
      database.close();
    }
  });
});
