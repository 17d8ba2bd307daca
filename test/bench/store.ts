import { join } from 'node:path';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import { openStore } from '../../src/store/store.ts';
import type { Bench, Part } from './bench.ts';
import { openFolder } from './folder.ts';

/** Deposits a second into SQLite. */
export const store: Part = {
  deadline: 120_000,
  measure: async (bench) => ({ sqliteDepositsPerSecond: await deposits(bench) }),
};

/** 200 under way at a time, each on disk before the next of its sender. */
async function deposits(bench: Bench): Promise<number> {
  const folder = await bench.keep(openFolder('bench-store'));
  const opened = await openStore({
    url: `sqlite:${join(folder.path, 'bench.db')}`,
    limits: { maxTexts: 1_000_000, maxBytes: 100_000_000_000, maxMessageBytes: 65_536, dropRead: false },
    keepsRead: true,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
    onSummaryDirty: () => undefined,
  });
  await bench.keep(Promise.resolve({ stop: () => opened.close() }));
  const texts = bench.count(20_000, 1_000);
  let next = 0;
  const send = async (): Promise<void> => {
    for (let i = next++; i < texts; i = next++) {
      await opened.deposit({
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
        expiresAt: null,
        deliverAt: null,
        wrapper: null,
        receipts: null,
      });
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: 200 }, send));
  return Math.round((texts * 1_000) / (performance.now() - started));
}
