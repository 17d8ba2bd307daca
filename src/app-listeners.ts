import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import { hexToken } from './core/random.ts';
import type { Engine } from './engine/engine.ts';
import { startEngine } from './engine/engine.ts';
import type { MsrpEndpoint } from './msrp/endpoint.ts';
import { startMsrpEndpoint } from './msrp/endpoint.ts';
import type { KeyAndCertificate } from './msrp/self-signed-certificate.ts';
import { selfSignedCertificate } from './msrp/self-signed-certificate.ts';

/** How long requests wait for the routes of a program that just started, ms. */
const OPENING_LIMIT = 5_000;

/** Whether anything listens for TLS. */
export function wantsTls(config: Config): boolean {
  return [...config.MSRP_LISTEN, ...config.WS_LISTEN].some(
    ({ protocol }) => protocol === 'tls' || protocol === 'wss',
  );
}

/** The MSRP endpoint. @throws what the system or TLS says when a listener cannot be had */
export async function startMsrp(
  config: Config,
  surroundings: Surroundings,
  tls: KeyAndCertificate | undefined,
): Promise<MsrpEndpoint> {
  return await startMsrpEndpoint({
    ...surroundings,
    listen: config.MSRP_LISTEN.map(({ protocol, host, port }) => ({ transport: protocol, host, port })),
    limits: { maxMessageBytes: config.MESSAGE_MAX_BYTES, chunkOver: config.MSRP_CHUNK_OVER },
    ...(config.MSRP_ADVERTISED_HOST === undefined ? {} : { advertisedHost: config.MSRP_ADVERTISED_HOST }),
    ...(tls === undefined ? {} : { tls }),
  });
}

/** The operator's key and certificate, else one of our own making. @throws what the system says of the files */
export async function certificate(config: Config, surroundings: Surroundings): Promise<KeyAndCertificate> {
  if (config.MSRP_TLS_CERTIFICATE !== '') {
    const [cert, key] = await Promise.all([
      readFile(config.MSRP_TLS_CERTIFICATE, 'utf8'),
      readFile(config.MSRP_TLS_KEY, 'utf8'),
    ]);
    return { cert, key };
  }
  return await selfSignedCertificate(join(config.DATA_DIR, 'tls'), surroundings);
}

export type BuiltInEngine = Pick<Engine, 'control' | 'attach' | 'close'> & { readonly secret: string };

/** The engine of our own, unless drachtio-servers take its place. */
export async function startBuiltInEngine(
  config: Config,
  surroundings: Surroundings,
): Promise<BuiltInEngine | undefined> {
  if (config.DRACHTIO_SERVERS.length > 0) return undefined;
  const secret = hexToken(surroundings.random, 128);
  const engine = await startEngine({
    ...surroundings,
    listen: config.SIP_LISTEN,
    control: { host: '127.0.0.1', port: 0 },
    secret,
    timers: { t1: config.SIP_T1_MS, t2: config.SIP_T2_MS, t4: config.SIP_T4_MS },
    // A text of ours that comes back is refused by the mailbox, which knows best how (480).
    returned: 'hand-up',
    holdUntilServed: OPENING_LIMIT,
  });
  const { control, attach, close } = engine;
  return { control, attach, close, secret };
}
