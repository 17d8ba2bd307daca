import { expect } from 'chai';
import { prepareDesk } from '../src/app-desk.ts';
import { readConfig } from '../src/config.ts';
import type { LogFields } from '../src/core/logger.ts';
import { silentLogger } from '../src/core/logger.ts';
import { noMetrics } from '../src/core/metrics.ts';
import { DeskFixture } from './mailbox/desk/fixture.ts';
import { seededRandom } from './doubles/seeded-random.ts';

describe('the desk of the program', () => {
  let fixture: DeskFixture;

  beforeEach(async () => {
    fixture = await DeskFixture.open();
  });

  afterEach(async () => {
    await fixture.close();
  });

  /** What is warned of when it is prepared. */
  function warnings(environment: Readonly<Record<string, string>>): LogFields[] {
    const warned: LogFields[] = [];
    const logger = { ...silentLogger, warn: (fields: LogFields) => void warned.push(fields) };
    const requests = { request: () => Promise.reject(new Error('nothing is sent')) };
    const { clock, store, retrievals, profiles, deposits } = fixture;
    const surroundings = { clock, logger, metrics: noMetrics, random: seededRandom() };
    const config = readConfig({ DOMAINS: 'example.test', ...environment });
    prepareDesk(config, surroundings, { store, retrievals, profiles, deposits, requests });
    return warned;
  }

  it('warns where read texts are gone at once, so that no number means any', () => {
    const numberless = { RETRIEVAL_MODE: 'menu', READ_RETENTION: '0' };
    expect(warnings(numberless)).to.deep.equal([{ variable: 'READ_RETENTION' }]);
    expect(warnings({ ...numberless, READ_RETENTION: '1' })).to.deep.equal([]);
    expect(warnings({ ...numberless, RETRIEVAL_MODE: 'hangup' })).to.deep.equal([]);
  });
});
