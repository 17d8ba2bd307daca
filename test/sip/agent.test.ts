import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { packageRoot } from '../doubles/package-root.ts';

/** A port on 127.0.0.1 where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A program of its own: whether something holds it open, only its end tells. */
const PROGRAM = (port: number): string => `
  import { systemClock } from './src/core/clock.ts';
  import { silentLogger } from './src/core/logger.ts';
  import { noMetrics } from './src/core/metrics.ts';
  import { SipAgent } from './src/sip/agent.ts';
  const lost = [];
  const logger = { ...silentLogger, warn: () => { lost.push(1); if (lost.length === 2) agent.stop(); } };
  const servers = [{ host: '127.0.0.1', port: ${port} }];
  const agent = new SipAgent({ servers, secret: 's', clock: systemClock, logger, metrics: noMetrics });
  void agent.start({});
`;

describe('the SIP agent', () => {
  it('that is stopped reaches no more for a server that is down', async () => {
    const args = ['--import=tsx', '--input-type=module', '--eval', PROGRAM(await closedPort())];
    const run = promisify(execFile)(process.execPath, args, { cwd: packageRoot, timeout: 15_000 });
    const { stderr } = await run;
    expect(stderr).to.equal('');
  });
});
