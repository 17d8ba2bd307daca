import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from '../../src/app.ts';
import type { App } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { Metrics } from '../../src/core/metrics.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';

/** The whole program inside the test's process, on free ports, with a folder of its own. */
export interface RunningApp {
  /** UDP port of SIP on 127.0.0.1. */
  readonly udp: number;
  readonly tcp: number;
  readonly app: App;
  readonly folder: string;
  stop(): Promise<void>;
}

export async function runApp(
  environment: Readonly<Record<string, string>> = {},
  clock: Clock = systemClock,
  metrics: Metrics = noMetrics,
  log: Partial<Logger> = {},
): Promise<RunningApp> {
  const folder = await mkdtemp(join(tmpdir(), 'text-mailbox-app-'));
  const config = readConfig({
    SIP_LISTEN: 'udp:127.0.0.1:0,tcp:127.0.0.1:0',
    MSRP_LISTEN: 'tcp:127.0.0.1:0,tls:127.0.0.1:0',
    DOMAINS: 'example.test',
    DATABASE_URL: `sqlite:${folder}/mailbox.db`,
    DATA_DIR: folder,
    ...environment,
  });
  const app = await startApp(config, {
    clock,
    random: systemRandom,
    logger: { ...silentLogger, ...log },
    metrics,
  });
  const port = (protocol: string): number =>
    Number(new RegExp(`${protocol}/[^,]*:(\\d+)`).exec(app.sip)?.[1] ?? 0);
  return {
    udp: port('udp'),
    tcp: port('tcp'),
    app,
    folder,
    stop: async () => {
      await app.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
