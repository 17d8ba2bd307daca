import { expect } from 'chai';
import { silentLogger, sparingLogger } from '../../src/core/logger.ts';
import type { Logger } from '../../src/core/logger.ts';
import { FakeClock } from '../doubles/fake-clock.ts';

describe('a sparing log', () => {
  let clock: FakeClock;
  let lines: string[];
  let logger: Logger;

  beforeEach(() => {
    clock = new FakeClock();
    lines = [];
    const write =
      (level: string) =>
      (fields: object, message: string): void =>
        void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    const plain: Logger = {
      ...silentLogger,
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
    };
    logger = sparingLogger(plain, clock);
  });

  it('flood: writes so many lines of one message in a time, and then says how many it left out', async () => {
    for (let i = 0; i < 1_000; i++) logger.info({ i }, 'malformed');
    expect(lines).to.have.length(20);
    await clock.advance(10_000);
    logger.info({}, 'malformed');
    logger.info({}, 'malformed');
    expect(lines.slice(20)).to.deep.equal(['info malformed {"leftOut":980}', 'info malformed {}']);
  });

  it('counts each message for itself, and debug not at all', () => {
    for (let i = 0; i < 100; i++) {
      logger.info({}, 'a');
      logger.debug({}, 'a');
    }
    logger.warn({ b: 1 }, 'b');
    expect(lines).to.have.length(20 + 100 + 1);
    expect(lines.at(-1)).to.equal('warn b {"b":1}');
  });
});
