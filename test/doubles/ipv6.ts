import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/**
 * Whether this machine has ::1. Without IPv6 in its kernel it has none, and a test then shows what the program says there;
 * any other lack is a fault of the machine, and told as one: no test is left out.
 */
export function hasIPv6Loopback(): boolean {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  if (addresses.some(({ address }) => address === '::1')) return true;
  if (
    existsSync('/proc/net/if_inet6') &&
    readFileSync('/proc/sys/net/ipv6/conf/lo/disable_ipv6', 'utf8').trim() === '0'
  ) {
    throw new Error(
      'the kernel has IPv6 and it is switched on, but lo lacks ::1: `ip -6 address add ::1/128 dev lo`',
    );
  }
  return false;
}
