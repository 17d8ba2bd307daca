import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import { hexToken } from './core/random.ts';
import type { Engine, EngineOptions, TlsSettings } from './engine/engine.ts';
import { startEngine } from './engine/engine.ts';
import type { MsrpEndpoint } from './msrp/endpoint.ts';
import { startMsrpEndpoint } from './msrp/endpoint.ts';
import type { KeyAndCertificate } from './msrp/self-signed-certificate.ts';
import { TrustedProxies } from './sip/trust.ts';

/** How long requests wait for the routes of a program that just started, ms. */
const OPENING_LIMIT = 5_000;

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

/** Seconds of SIP_SOURCE_RATE that may come at once. */
const BURST = 4;

function sourceRate(config: Config): Pick<EngineOptions, 'sourceRate'> {
  const perSecond = config.SIP_SOURCE_RATE;
  if (perSecond === 0) return {};
  const proxies = new TrustedProxies(config.TRUSTED_PROXIES);
  const exempt = (address: string): boolean => proxies.trusts(address);
  return { sourceRate: { perSecond, burst: BURST * perSecond, exempt } };
}

export type BuiltInEngine = Pick<Engine, 'control' | 'attach' | 'renewCertificate' | 'close'> & {
  readonly secret: string;
};

/** The engine of our own, unless drachtio-servers take its place. */
export async function startBuiltInEngine(
  config: Config,
  surroundings: Surroundings,
  tls: TlsSettings | undefined,
): Promise<BuiltInEngine | undefined> {
  if (config.DRACHTIO_SERVERS.length > 0) return undefined;
  const secret = hexToken(surroundings.random, 128);
  const engine = await startEngine({
    ...surroundings,
    listen: config.SIP_LISTEN,
    ...(tls === undefined ? {} : { tls }),
    control: { host: '127.0.0.1', port: 0 },
    secret,
    ...(config.SIP_OUTBOUND_PROXY === undefined ? {} : { outboundProxy: config.SIP_OUTBOUND_PROXY }),
    timers: { t1: config.SIP_T1_MS, t2: config.SIP_T2_MS, t4: config.SIP_T4_MS },
    ...sourceRate(config),
    // A text of ours that comes back is refused by the mailbox, which knows best how (480).
    returned: 'hand-up',
    holdUntilServed: OPENING_LIMIT,
  });
  const { control, attach, renewCertificate, close } = engine;
  return { control, attach, renewCertificate, close, secret };
}
