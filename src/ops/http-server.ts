import { fastify } from 'fastify';
import { describeError } from '../core/errors.ts';
import type { LampStatus } from './lamp-status.ts';
import type { OnlineApiOptions } from './online-api.ts';
import { onlineApi } from './online-api.ts';
import type { PrometheusMetrics } from './prometheus.ts';
import type { VoicemailApiOptions } from './voicemail-api.ts';
import { voicemailApi } from './voicemail-api.ts';

/** What the HTTP server asks the program. */
export interface Health {
  /** Resolves when the program can take texts; rejects with what is missing. */
  ready(): Promise<void>;
  /** Totals of the lamps; without them `/status` is not served. */
  readonly lamps?: Pick<LampStatus, 'report' | 'measure'>;
}

export interface HttpServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves `/live`, `/ready`, `/status` and `/metrics` to load balancers and monitors. */
export async function startHttpServer(
  listen: { readonly host: string; readonly port: number },
  health: Health,
  metrics: PrometheusMetrics,
  voicemail?: VoicemailApiOptions,
  online?: OnlineApiOptions,
): Promise<HttpServer> {
  const server = fastify({ logger: false, bodyLimit: 1024, requestTimeout: 10_000 });
  server.get('/live', () => ({ live: true }));
  server.get('/ready', async (_request, reply) => {
    try {
      await health.ready();
      return { ready: true };
    } catch (error) {
      return await reply.code(503).send({ ready: false, why: error instanceof Error ? error.message : '' });
    }
  });
  const { lamps } = health;
  if (lamps !== undefined) {
    server.get('/status', async (_request, reply) => {
      try {
        return await lamps.report();
      } catch (error) {
        return await reply.code(503).send({ why: describeError(error) });
      }
    });
  }
  server.get('/metrics', async (_request, reply) => {
    await lamps?.measure();
    return await reply.type(metrics.contentType).send(await metrics.exposition());
  });
  if (voicemail !== undefined) await server.register(voicemailApi(voicemail));
  if (online !== undefined) await server.register(onlineApi(online));
  await server.listen({ host: listen.host, port: listen.port });
  const [address] = server.addresses();
  const port = typeof address === 'object' ? address.port : listen.port;
  return { port, close: () => server.close() };
}
