/**
 * What counts as one source: an IPv4 address, or the first 64 bits of an IPv6 address, below which whoever has one has them
 * all (RFC 4291 §2.5.4). Takes addresses as sockets write them.
 */
export function sourceKey(address: string): string {
  if (!address.includes(':')) return address;
  const [plain = ''] = address.split('%', 1);
  const [head = '', tail] = plain.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined && groups.length < 4) {
    const last = tail === '' ? [] : tail.split(':');
    const zeros = Math.max(0, 8 - groups.length - last.length);
    groups.push(...Array.from({ length: zeros }, () => '0'), ...last);
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}
