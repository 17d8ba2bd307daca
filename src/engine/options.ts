import { systemClock } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { MailboxError } from '../core/errors.ts';
import { silentLogger } from '../core/logger.ts';
import type { Logger } from '../core/logger.ts';
import { noMetrics } from '../core/metrics.ts';
import type { Metrics } from '../core/metrics.ts';
import { systemRandom } from '../core/random.ts';
import type { Random } from '../core/random.ts';
import type { SourceRate } from './admission/source-limits.ts';
import type { ControlAddress } from './control/control-server.ts';
import { parseUri } from './message/uri.ts';
import { nameService } from './targets/host-resolver.ts';
import type { HostResolver } from './targets/host-resolver.ts';
import type { SipTimers } from './transaction/timers.ts';
import type { ListenAddress, ListenProtocol, TlsSettings } from './transport/transport.ts';
import type { ReturnedRequests } from './user-agent/surroundings.ts';
import type { BinaryBodies } from './user-agent/binary-bodies.ts';

/** What an engine is started with. `listen` and `secret` have no default. */
export interface EngineOptions {
  /**
   * Where SIP is spoken: `udp:127.0.0.1:5060`, `tls:[::1]:5061`, or the same taken apart. Port 0 takes any free one.
   */
  readonly listen: readonly (ListenAddress | string)[];
  /** Needed for a TLS listener. */
  readonly tls?: TlsSettings;
  /** Where applications connect; 127.0.0.1:9022 when not given. Keep it on loopback. */
  readonly control?: ControlAddress;
  /** What applications authenticate with. */
  readonly secret: string;
  readonly timers?: Partial<SipTimers>;
  /**
   * Option tags of the SIP extensions all applications understand: a request that requires another is refused 420
   * (RFC 3261 §8.2.2.3). Unset: applications judge for themselves. `100rel` is refused in any case.
   */
  readonly extensions?: readonly string[];
  /** What becomes of a request of an application's that a proxy sends back here; 'refuse' by default. */
  readonly returned?: ReturnedRequests;
  /**
   * SIP URI of the proxy that requests outside of dialogs go by, as the first of their route (RFC 3261 §8.1.2); with `;lr`
   * it gets them as they are, without it is taken for a strict router. A request for which an application names a `proxy`
   * goes there instead, and one with a route of its own takes that.
   */
  readonly outboundProxy?: string;
  /** DNS servers, `address` or `address:port`, for all questions; those of the machine, and its /etc/hosts, when not given. */
  readonly dnsServers?: readonly string[];
  /** Answers the questions of RFC 3263 in the place of DNS. */
  readonly resolver?: HostResolver;
  /**
   * How a received body that is not valid UTF-8 (or holds NUL) reaches the application, whose client decodes frames as
   * UTF-8: 'base64', the default, sends it in base64 under `Content-Transfer-Encoding: base64`; 'raw' sends the bytes
   * as they came.
   */
  readonly binaryBodies?: BinaryBodies;
  /** How long requests are held that come before the first application is at work, ms; by default they get 503 at once. */
  readonly holdUntilServed?: number;
  /** How many requests one source may begin; as many as it likes when this is not given. */
  readonly sourceRate?: SourceRate;
  /** The system's when not given; tests turn the hands themselves. */
  readonly clock?: Clock;
  /** Where tags and branches come from; the system's randomness when not given. */
  readonly random?: Random;
  /** pino, or whatever has its methods; nothing is logged when not given. */
  readonly logger?: Logger;
  /** What counts requests and what is alive; nothing is counted when not given. */
  readonly metrics?: Metrics;
}

/** An option that says nothing an engine could do. */
export class UnusableOption extends MailboxError {
  constructor(problem: string) {
    super('UNUSABLE_OPTION', problem);
  }
}

/** Options with nothing left to be guessed. */
export type Settings = Omit<EngineOptions, 'listen'> & {
  readonly listen: readonly ListenAddress[];
  readonly control: ControlAddress;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
};

/** @throws UnusableOption */
export function settingsOf(options: EngineOptions): Settings {
  const { outboundProxy, dnsServers } = options;
  if (outboundProxy !== undefined) {
    usable(() => parseUri(outboundProxy), `outboundProxy is a SIP URI, not ${outboundProxy}`);
  }
  if (dnsServers !== undefined) {
    usable(() => nameService(dnsServers).close(), `dnsServers are addresses, not ${dnsServers.join(', ')}`);
  }
  return {
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
    control: {},
    ...options,
    listen: options.listen.map((each) => (typeof each === 'string' ? listenAddress(each) : each)),
  };
}

/** @throws UnusableOption */
function usable(read: () => unknown, problem: string): void {
  try {
    read();
  } catch {
    throw new UnusableOption(problem);
  }
}

const PROTOCOLS: readonly ListenProtocol[] = ['udp', 'tcp', 'tls'];

/*
 * listen = ( "udp" / "tcp" / "tls" ) ":" ( host / "[" IPv6address "]" ) ":" port
 */

/** @throws UnusableOption */
function listenAddress(text: string): ListenAddress {
  const [, name, reference, bare, digits] =
    /^([a-z]+):(?:\[([\da-f:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/i.exec(text) ?? [];
  const protocol = PROTOCOLS.find((each) => each === name?.toLowerCase());
  const host = reference ?? bare;
  const port = Number(digits);
  if (protocol === undefined || host === undefined || port > 65_535) {
    throw new UnusableOption(`listen on udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT, not on ${text}`);
  }
  return { protocol, host, port };
}
