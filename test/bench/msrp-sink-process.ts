import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import { startMsrpEndpoint } from '../../src/msrp/endpoint.ts';
import { selfSignedCertificate } from '../../src/msrp/self-signed-certificate.ts';
import type { MsrpSession } from '../../src/msrp/session.ts';
import { parseMsrpPath } from '../../src/msrp/uri.ts';
import type { SinkRequest } from './msrp-sink.ts';

/*
 * The MSRP endpoint by itself, in a process of its own: what comes is taken at once and not kept. Its parent asks for sessions,
 * for messages to be sent over the latest of them, and for the CPU taken so far.
 *
 *   msrp-sink-process FOLDER CHUNK_OVER    FOLDER: for the certificate
 */

const [folder = '.', chunkOver = '0'] = process.argv.slice(2);
const surroundings = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: noMetrics };
const endpoint = await startMsrpEndpoint({
  ...surroundings,
  listen: (['tcp', 'tls'] as const).map((transport) => ({ transport, host: '127.0.0.1', port: 0 })),
  tls: await selfSignedCertificate(folder, surroundings),
  limits: { maxMessageBytes: 10_000_000, chunkOver: Number(chunkOver) },
});
let latest: MsrpSession | undefined;

function open(transport: 'tcp' | 'tls'): string {
  const prepared = endpoint.prepare(transport);
  const path = parseMsrpPath('msrp://127.0.0.1:9/bench;tcp');
  latest = prepared.open(
    { path, setup: 'passive', fingerprints: [] },
    { onBound: () => undefined, onMessage: () => Promise.resolve(), onEnded: () => undefined },
  );
  return prepared.localPath.map(({ text }) => text).join(' ');
}

/** Resolves with the ms it took until all were delivered. */
async function send(count: number, bytes: number): Promise<number> {
  const session = latest;
  if (session === undefined) throw new Error('no session was opened');
  const content = Buffer.alloc(bytes, 'a line of text\r\n');
  const started = performance.now();
  const sent = Array.from({ length: count }, () => session.send({ contentType: 'text/plain', content }));
  await Promise.all(sent);
  return performance.now() - started;
}

async function answer(request: SinkRequest): Promise<unknown> {
  switch (request.ask) {
    case 'open':
      return open(request.transport);
    case 'send':
      return await send(request.count, request.bytes);
    case 'cpu': {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1_000;
    }
  }
}

process.on('message', (request: SinkRequest) => {
  answer(request).then(
    (answered) => process.send?.({ answered }),
    (error: unknown) => process.send?.({ failed: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ answered: 'ready' });
