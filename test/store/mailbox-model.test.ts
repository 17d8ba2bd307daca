import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Knex } from 'knex';
import knexModule from 'knex';
import type { Clock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import { STORE_LIMITS } from '../../src/store/limits.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';
import type { Mariadb } from '../peers/mariadb.ts';
import { startMariadb } from '../peers/mariadb.ts';
import { requirePeer } from '../peers/require-peer.ts';
import type { ModelLimits } from './model/mailbox-model.ts';
import type { Operation } from './model/model-operations.ts';
import { anyOperation } from './model/model-operations.ts';
import { ModelRun } from './model/model-run.ts';

/** Narrow, so that mailboxes are full now and then. */
const ROOM = { maxTexts: 5, maxBytes: 160, resendWindow: STORE_LIMITS.resendWindow };

const VARIANTS: readonly ModelLimits[] = [
  { ...ROOM, dropRead: true, keepsRead: true },
  { ...ROOM, dropRead: false, keepsRead: true },
  { ...ROOM, dropRead: true, keepsRead: false },
];

async function open(url: string, limits: ModelLimits, clock: Clock): Promise<Store> {
  const { maxTexts, maxBytes, dropRead, keepsRead } = limits;
  return await openStore({
    ...{ url, clock, keepsRead, random: systemRandom, logger: silentLogger, metrics: noMetrics },
    limits: { maxTexts, maxBytes, dropRead, maxMessageBytes: 65_536 },
    onSummaryDirty: () => undefined,
  });
}

/** Runs `operations` on a new database. */
async function play(
  url: string,
  { mailboxes, limits }: { mailboxes: number; limits: ModelLimits },
  operations: readonly Operation[],
): Promise<void> {
  let looking: Knex | undefined;
  const run = new ModelRun({
    mailboxes,
    limits,
    open: (clock) => open(url, limits, clock),
    look: () => Promise.resolve((looking ??= connection(url))),
  });
  try {
    for (const operation of operations) await run.apply(operation);
  } finally {
    await run.close();
    await looking?.destroy();
  }
}

function connection(url: string): Knex {
  const file = /^sqlite:(.+)$/.exec(url)?.[1];
  return file === undefined
    ? knexModule.default({ client: 'mysql2', connection: url })
    : knexModule.default({
        client: 'better-sqlite3',
        connection: { filename: file },
        useNullAsDefault: true,
      });
}

/** Of ten thousand mailboxes; all get a text first, so that there are all. */
const MANY = 10_000;
const EVERYBODY: Operation = {
  ...{ kind: 'deposit', boxes: { first: 0, count: MANY }, key: 0, author: 0 },
  ...{ bytes: 10, urgent: false, life: null, delay: null },
};
const manyOperations = fc.array(
  anyOperation({ mailboxes: MANY, most: 1_000, mostShared: MANY, sweep: 20_000, time: 3_000 }),
  { minLength: 40, maxLength: 40, size: 'max' },
);

describe('mailboxes beside a model of them', function () {
  this.timeout(240_000);

  let folder: string;
  let files = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-model-'));
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const newFile = (): string => `sqlite:${folder}/${++files}.db`;

  it('agree at every step: counts, quotas, leases, expiry and schedule, whatever is done to a few', async () => {
    const operation = anyOperation({ mailboxes: 4, most: 4, mostShared: 4, sweep: 6, time: 3_000 });
    const operations = fc.array(operation, { minLength: 20, maxLength: 80, size: 'max' });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...VARIANTS), operations, async (limits, steps) => {
        await play(newFile(), { mailboxes: 4, limits }, steps);
      }),
      { numRuns: 60 },
    );
  });

  it('agree at every step when there are ten thousand, on SQLite', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...VARIANTS), manyOperations, async (limits, steps) => {
        await play(newFile(), { mailboxes: MANY, limits }, [EVERYBODY, ...steps]);
      }),
      { numRuns: 1, endOnFailure: true },
    );
  });

  describe('on MariaDB', () => {
    requirePeer('mariadb');
    let mariadb: Mariadb;

    before(async () => {
      mariadb = await startMariadb();
    });

    after(async () => {
      await mariadb.stop();
    });

    it('agree at every step when there are ten thousand, on MariaDB', async () => {
      const url = await mariadb.createDatabase('model');
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...VARIANTS), manyOperations, async (limits, steps) => {
          await play(url, { mailboxes: MANY, limits }, [EVERYBODY, ...steps]);
        }),
        { numRuns: 1, endOnFailure: true },
      );
    });
  });
});
