import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import { parseMessage } from '../../src/engine/message/parse-message.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import { MsrpParser } from '../../src/msrp/parser.ts';
import { serializeRequest } from '../../src/msrp/serializer.ts';
import { openStore } from '../../src/store/store.ts';
import { packageRoot } from '../doubles/package-root.ts';

/*
 * Measures the parts and prints one JSON object. Machines differ and are shared: read each figure beside `memoryCopyMBps` of
 * the same run.
 */

/** Runs `work` for about a second and returns how often it ran in a second. */
function rate(work: () => void): number {
  const started = performance.now();
  let runs = 0;
  while (performance.now() - started < 1_000) {
    for (let i = 0; i < 100; i++) work();
    runs += 100;
  }
  return Math.round((runs * 1_000) / (performance.now() - started));
}

function memoryCopy(): number {
  const [from, to] = [Buffer.alloc(1_000_000, 1), Buffer.alloc(1_000_000)];
  return rate(() => void from.copy(to));
}

function sipParse(): number {
  const message = readFileSync(join(packageRoot, 'fixtures/sip/valid/message.sip'));
  return rate(() => void parseMessage(message));
}

function msrpParse(): number {
  const body = Buffer.alloc(100_000, 'a line of text\r\n');
  const headers = [['Content-Type', 'text/plain']] as const;
  const bytes = serializeRequest({ transactId: 'bench123', method: 'SEND', headers, body });
  const parser = new MsrpParser(MSRP_LIMITS);
  return Math.round((rate(() => void parser.push(bytes)) * bytes.length) / 1_000_000);
}

/** Deposits a second into SQLite, 200 under way at a time, each on disk before the next of its sender. */
async function deposits(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'text-mailbox-bench-'));
  const store = await openStore({
    url: `sqlite:${folder}/bench.db`,
    limits: { maxNewMessages: 1_000_000, maxMessageBytes: 65_536 },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
    onSummaryDirty: () => undefined,
  });
  const texts = 20_000;
  let next = 0;
  const send = async (): Promise<void> => {
    for (let i = next++; i < texts; i = next++) {
      await store.deposit({
        owner: AddressOfRecord.parse(`sip:user${i % 400}@example.test`),
        author: 'sip:bob@example.test',
        authorName: 'Bob',
        uniqueKey: `bench ${i}`,
        messageId: `bench ${i}`,
        contentType: 'text/plain; charset=utf-8',
        content: Buffer.from(`text ${i} of the bench`),
        subject: '',
        urgent: false,
        sentAt: null,
        receivedAt: systemClock.now(),
      });
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: 200 }, send));
  const perSecond = Math.round((texts * 1_000) / (performance.now() - started));
  await store.close();
  await rm(folder, { recursive: true, force: true });
  return perSecond;
}

const figures = {
  memoryCopyMBps: memoryCopy(),
  sipParsePerSecond: sipParse(),
  msrpParseMBps: msrpParse(),
  sqliteDepositsPerSecond: await deposits(),
};
process.stdout.write(`${JSON.stringify(figures)}\n`);
