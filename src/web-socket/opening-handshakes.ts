import type { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Connections whose opening handshake is not done, that of TLS or of HTTP. Threat: one source that opens all there may be and
 * says nothing; when their time is up it has opened others. Of each source so many are let be, and for one more its oldest
 * goes.
 */
export class OpeningHandshakes {
  readonly #most: number;
  /** By source, then by port, the oldest first. */
  readonly #bySource = new Map<string, Map<number, Socket>>();

  /** @param most of one source: an IPv4 address, or the first 64 bits of an IPv6 address */
  constructor(most: number) {
    this.#most = most;
  }

  /** @param socket as accepted */
  begin(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) return;
    const source = sourceOf(remoteAddress);
    const unfinished = this.#bySource.get(source) ?? new Map<number, Socket>();
    this.#bySource.set(source, unfinished.set(remotePort, socket));
    socket.once('close', () => {
      if (unfinished.get(remotePort) === socket) this.#forget(source, remotePort);
    });
    if (unfinished.size <= this.#most) return;
    const [oldest] = unfinished;
    if (oldest === undefined) return;
    this.#forget(source, oldest[0]);
    oldest[1].destroy();
  }

  /** @param ends of the connection, by which it is found where TLS is over it */
  end({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    if (remoteAddress !== undefined && remotePort !== undefined)
      this.#forget(sourceOf(remoteAddress), remotePort);
  }

  #forget(source: string, port: number): void {
    const unfinished = this.#bySource.get(source);
    unfinished?.delete(port);
    if (unfinished?.size === 0) this.#bySource.delete(source);
  }
}

function sourceOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return 'parts' in parsed ? parsed.parts.slice(0, 4).join(':') : parsed.toString();
}
