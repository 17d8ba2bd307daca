import type { Socket } from 'node:net';
import type { Timer } from '../../core/clock.ts';
import type { TransportContext } from './transport.ts';

interface Handshake {
  readonly socket: Socket;
  readonly deadline: Timer;
}

/**
 * Connections whose TLS handshake is not done. Threat: a flood of such ones. Each has a deadline, and when there are too
 * many the one that has waited longest goes: who means it is done within two round trips.
 */
export class TlsHandshakes {
  readonly #context: Pick<TransportContext, 'clock' | 'limits'>;
  /** By both ends, the longest there first. */
  readonly #unfinished = new Map<string, Handshake>();

  constructor(context: Pick<TransportContext, 'clock' | 'limits'>) {
    this.#context = context;
  }

  begin(socket: Socket): void {
    const { clock, limits } = this.#context;
    const key = endsOf(socket);
    const deadline = clock.after(limits.handshake, () => socket.destroy());
    const handshake = { socket, deadline };
    this.#unfinished.set(key, handshake);
    socket.once('close', () => {
      deadline.cancel();
      if (this.#unfinished.get(key) === handshake) this.#unfinished.delete(key);
    });
    if (this.#unfinished.size <= limits.handshakes) return;
    const [oldest] = this.#unfinished.values();
    oldest?.socket.destroy();
  }

  /** It is done, and the connection in other hands. @param socket the one for TLS over that which began */
  end(socket: Socket): void {
    const key = endsOf(socket);
    this.#unfinished.get(key)?.deadline.cancel();
    this.#unfinished.delete(key);
  }

  /** Ends all of them at once. */
  close(): void {
    for (const { socket } of this.#unfinished.values()) socket.destroy();
  }
}

/** The same for a plain socket and for TLS over it. */
function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? 0} ${localAddress ?? ''}`;
}
