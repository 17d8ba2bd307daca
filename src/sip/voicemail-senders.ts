import { lookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { IpRange } from './trust.ts';
import { TrustedProxies } from './trust.ts';

/** Finds the IP addresses of a host. */
export type HostLookup = (host: string) => Promise<readonly string[]>;

const systemLookup: HostLookup = async (host) => {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
};

/**
 * Who may tell us what a voicemail says: the trusted proxies, and the host of the voicemail itself, whose name is looked up
 * once.
 * @param voicemail SIP URI; none when undefined
 */
export async function voicemailSenders(
  trusted: readonly IpRange[],
  voicemail: string | undefined,
  logger: Logger,
  lookupHost: HostLookup = systemLookup,
): Promise<TrustedProxies> {
  if (voicemail === undefined) return new TrustedProxies(trusted);
  const host = hostOf(voicemail);
  try {
    const addresses = ipaddr.isValid(host) ? [host] : await lookupHost(host);
    return new TrustedProxies([...trusted, ...addresses.map(rangeOf)]);
  } catch (error) {
    logger.warn(
      { host, error: describeError(error) },
      'the voicemail has no address; only proxies may speak for it',
    );
    return new TrustedProxies(trusted);
  }
}

/** The host of a SIP URI, brackets of IPv6 left out. */
function hostOf(uri: string): string {
  const host = /^sips?:(?:[^@]*@)?(\[[^\]]*\]|[^:;?]+)/i.exec(uri)?.[1] ?? '';
  return host.replace(/^\[|\]$/g, '');
}

function rangeOf(address: string): IpRange {
  const parsed = ipaddr.process(address);
  return [parsed, parsed.kind() === 'ipv4' ? 32 : 128];
}
