#!/usr/bin/env node
import { pino } from 'pino';
import { startApp } from './app.ts';
import { InvalidConfig, loadConfig } from './config.ts';
import { systemClock } from './core/clock.ts';
import { describeError } from './core/errors.ts';
import { systemRandom } from './core/random.ts';
import { startHttpServer } from './ops/http-server.ts';
import { PrometheusMetrics } from './ops/prometheus.ts';

/** Longest time a clean stop may take, ms; after it the process goes anyway. */
const STOP_DEADLINE = 10_000;

async function main(): Promise<void> {
  const config = loadConfig();
  const logger = pino({ level: config.LOG_LEVEL, base: { node: config.NODE_NAME } });
  const metrics = new PrometheusMetrics(true);
  const app = await startApp(config, {
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
  });
  const http =
    config.HTTP_LISTEN === undefined ? undefined : await startHttpServer(config.HTTP_LISTEN, app, metrics);
  logger.info(
    { sip: app.sip, msrp: app.msrp, domains: config.DOMAINS, account: config.MESSAGE_ACCOUNT.toString() },
    'text-mailbox is ready',
  );
  const stopAll = async (): Promise<void> => {
    await http?.close();
    await app.stop();
  };
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_DEADLINE).unref();
    stopAll().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ error: describeError(error) }, 'stopped with a fault');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error: unknown) => {
  const message = error instanceof InvalidConfig ? error.message : `text-mailbox: ${describeError(error)}`;
  process.stderr.write(`${message}\n`);
  process.exit(1);
});
