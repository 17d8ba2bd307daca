import type { Config } from './config.ts';
import { systemClock } from './core/clock.ts';
import { MailboxError } from './core/errors.ts';
import { silentLogger } from './core/logger.ts';
import { noMetrics } from './core/metrics.ts';
import { hexToken, systemRandom } from './core/random.ts';
import { startEngine } from './engine/engine.ts';
import type { LampFetcher } from './mwi/convergence.ts';
import type { Route } from './sip/agent.ts';
import { sipCredentials } from './sip-credentials.ts';
import { SipAgent } from './sip/agent.ts';
import { AuthenticatedRequests } from './sip/authenticated-requests.ts';
import { SipRefusal } from './sip/refusal.ts';
import { SipSummarySubscriber } from './sip/summary-subscriber.ts';

/** How long a phone's question may take, ms. */
const DEADLINE = 5_000;

/** The environment does not say where phones subscribe. */
export class NoPresenceServer extends MailboxError {
  constructor(why: string) {
    super('NO_PRESENCE_SERVER', `where phones subscribe is not known: ${why}`);
  }
}

/** Asks what phones are told, by a SIP engine of its own. */
export interface LampFetching extends LampFetcher {
  close(): Promise<void>;
}

/** The SIP URI phones' subscriptions go to. @throws NoPresenceServer */
export function subscriptionHop(
  config: Pick<Config, 'PRESENCE_SERVER' | 'DRACHTIO_SERVERS' | 'SIP_LISTEN' | 'MWI_UNSOLICITED'>,
): string {
  if (config.MWI_UNSOLICITED === 'on') throw new NoPresenceServer('with MWI_UNSOLICITED they do not');
  if (config.PRESENCE_SERVER !== undefined) return config.PRESENCE_SERVER;
  if (config.DRACHTIO_SERVERS.length > 0) {
    throw new NoPresenceServer('set PRESENCE_SERVER to where the drachtio-server listens for SIP');
  }
  const [listener] = ['tcp', 'udp'].flatMap((wanted) =>
    config.SIP_LISTEN.filter(({ protocol }) => protocol === wanted),
  );
  if (listener === undefined || listener.port === 0) {
    throw new NoPresenceServer('SIP_LISTEN names no port of TCP or UDP');
  }
  const { protocol, port } = listener;
  const local = listener.host === '0.0.0.0' ? '127.0.0.1' : listener.host === '::' ? '::1' : listener.host;
  const host = local.includes(':') ? `[${local}]` : local;
  return `sip:${host}:${port};transport=${protocol}`;
}

/** Starts what it takes to subscribe as phones do. @throws NoPresenceServer, or what binding a port throws */
export async function startLampFetching(config: Config): Promise<LampFetching> {
  const hop = subscriptionHop(config);
  const surroundings = {
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
  };
  const secret = hexToken(systemRandom, 128);
  const host = hostToListenOn(hop);
  const engine = await startEngine({
    ...surroundings,
    listen: [
      { protocol: 'udp', host, port: 0 },
      { protocol: 'tcp', host, port: 0 },
    ],
    control: { host: '127.0.0.1', port: 0 },
    secret,
  });
  const agent = new SipAgent({ ...surroundings, servers: [engine.control], secret });
  const close = async (): Promise<void> => {
    agent.stop();
    await engine.close();
  };
  const credentials = sipCredentials(config);
  const requests = new AuthenticatedRequests({ ...surroundings, sender: agent, credentials });
  const subscriber = new SipSummarySubscriber({ ...surroundings, requests, agent, nextHop: hop });
  await agent.start({ NOTIFY: notifyRoute(subscriber) });
  return { fetch: (target) => subscriber.fetch(target, hop, DEADLINE), close };
}

function notifyRoute(subscriber: SipSummarySubscriber): Route {
  return (incoming) => {
    if (subscriber.take(incoming)) return Promise.resolve();
    return Promise.reject(new SipRefusal(481, 'Subscription Does Not Exist'));
  };
}

/** A presence server on this machine is asked from this machine's own address, any other from whichever leads there. */
function hostToListenOn(hop: string): string {
  const host = /^sips?:(?:[^@]*@)?(\[[^\]]*\]|[^:;?]+)/i.exec(hop)?.[1] ?? '';
  if (host === '[::1]') return '::1';
  if (host.startsWith('[')) return '::';
  return host === 'localhost' || host.startsWith('127.') ? '127.0.0.1' : '0.0.0.0';
}
