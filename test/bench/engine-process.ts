import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import { startEngine } from '../../src/engine/engine.ts';
import type { EngineUnderLoad } from './engine-server.ts';

/*
 * The built-in engine and nothing else, in a process of its own. Its parent orders the start and is told the ports; it ends
 * with its parent.
 */

process.on('disconnect', () => process.exit(0)).on('SIGTERM', () => process.exit(0));
process.on('message', (secret: string) => {
  void start(secret);
});

async function start(secret: string): Promise<void> {
  const engine = await startEngine({
    listen: [
      { protocol: 'udp', host: '127.0.0.1', port: 0 },
      { protocol: 'tcp', host: '127.0.0.1', port: 0 },
    ],
    control: { host: '127.0.0.1', port: 0 },
    secret,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
  });
  const port = (protocol: string): number =>
    engine.sip.find((endpoint) => endpoint.protocol === protocol)?.port ?? 0;
  const told: EngineUnderLoad = { udp: port('udp'), tcp: port('tcp'), control: engine.control.port };
  process.send?.(told);
}
