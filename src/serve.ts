import { pino } from 'pino';
import type { App } from './app.ts';
import { startApp } from './app.ts';
import { loadConfig } from './config.ts';
import { systemClock } from './core/clock.ts';
import { describeError } from './core/errors.ts';
import { systemRandom } from './core/random.ts';
import type { Health } from './ops/http-server.ts';
import { startHttpServer } from './ops/http-server.ts';
import { LampStatus } from './ops/lamp-status.ts';
import { PrometheusMetrics } from './ops/prometheus.ts';

/** Longest time a clean stop may take, ms; after it the process goes anyway. */
const STOP_DEADLINE = 10_000;

/** Starts the server, which runs until SIGTERM or SIGINT. @throws InvalidConfig, or what a part throws that cannot start */
export async function serve(): Promise<void> {
  const config = loadConfig();
  const logger = pino({ level: config.LOG_LEVEL, base: { node: config.NODE_NAME } });
  const metrics = new PrometheusMetrics(true);
  const app = await startApp(config, {
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
  });
  const api = {
    token: config.HTTP_TOKEN === '' ? undefined : config.HTTP_TOKEN,
    domains: config.DOMAINS,
    clock: systemClock,
    logger,
  };
  const http =
    config.HTTP_LISTEN === undefined
      ? undefined
      : await startHttpServer(
          config.HTTP_LISTEN,
          healthOf(app, metrics),
          metrics,
          { ...api, sink: app.voicemail, keepSeconds: config.VOICEMAIL_KEEP_SECONDS },
          { ...api, users: app.online },
        );
  logger.info(
    {
      sip: app.sip,
      msrp: app.msrp,
      webSockets: app.webSockets,
      domains: config.DOMAINS,
      account: config.MESSAGE_ACCOUNT.toString(),
    },
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
  process.on('SIGHUP', () => {
    logger.info({}, 'reading certificates again');
    void app.renewCertificates();
  });
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function healthOf(app: App, metrics: PrometheusMetrics): Health {
  const lamps = new LampStatus({ totals: () => app.totals(), clock: systemClock, metrics });
  return { ready: () => app.ready(), lamps };
}
