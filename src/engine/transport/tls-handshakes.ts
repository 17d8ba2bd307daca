import type { Socket } from 'node:net';
import type { Timer } from '../../core/clock.ts';
import { unmapped } from './addresses.ts';
import { BySource } from './by-source.ts';
import type { TransportContext } from './transport.ts';

interface Handshake {
  readonly address: string;
  readonly socket: Socket;
  readonly deadline: Timer;
}

/**
 * Connections whose TLS handshake is not done. Threat: a flood of such ones. Each has a deadline, and when there are too
 * many the one that has waited longest goes, of the source that has most: who means it is done within two round trips.
 */
export class TlsHandshakes {
  readonly #context: Pick<TransportContext, 'clock' | 'limits'>;
  /** By both ends. */
  readonly #unfinished = new Map<string, Handshake>();
  readonly #bySource = new BySource<Handshake>();

  constructor(context: Pick<TransportContext, 'clock' | 'limits'>) {
    this.#context = context;
  }

  begin(socket: Socket): void {
    const { clock, limits } = this.#context;
    const key = endsOf(socket);
    const deadline = clock.after(limits.handshake, () => socket.destroy());
    const handshake = { address: unmapped(socket.remoteAddress ?? ''), socket, deadline };
    this.#unfinished.set(key, handshake);
    this.#bySource.add(handshake.address, handshake);
    socket.once('close', () => this.#forget(key, handshake));
    if (this.#bySource.size <= limits.handshakes) return;
    const oldest = this.#bySource.oldestOfMost();
    if (oldest === undefined) return;
    this.#bySource.delete(oldest.address, oldest);
    oldest.socket.destroy();
  }

  /** It is done, and the connection in other hands. @param socket the one for TLS over that which began */
  end(socket: Socket): void {
    const key = endsOf(socket);
    const handshake = this.#unfinished.get(key);
    if (handshake !== undefined) this.#forget(key, handshake);
  }

  /** Ends all of them at once. */
  close(): void {
    for (const { socket } of this.#unfinished.values()) socket.destroy();
  }

  #forget(key: string, handshake: Handshake): void {
    handshake.deadline.cancel();
    this.#bySource.delete(handshake.address, handshake);
    if (this.#unfinished.get(key) === handshake) this.#unfinished.delete(key);
  }
}

/** The same for a plain socket and for TLS over it. */
function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? 0} ${localAddress ?? ''}`;
}
