import { createSocket } from 'node:dgram';
import type { Clock } from '../../core/clock.ts';
import type { Endpoint } from '../transport/transport.ts';
import { TARGET_LIMITS } from './limits.ts';

/** RFC 5626 §4.4.1: what every SIP server drops, or answers with line ends. */
const PING = Buffer.from('\r\n\r\n');

/**
 * Asks whether anybody listens at a UDP address. Node shows the port unreachable of ICMP (RFC 3261 §18.4) on connected
 * sockets alone, and the listening one is none; a second one on its port would have to share it (SO_REUSEADDR), and then
 * any program could. So it is asked from another port, and the answer is a hint: a firewall that knows us by our SIP port
 * may refuse this one. It is good for not waiting any longer, not for saying that a request has failed.
 */
export class UdpProbes {
  readonly #clock: Clock;
  readonly #open = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when the peer's host says that nobody listens there; false when nothing is known. Never rejects. */
  async isRefused({ address, port }: Endpoint): Promise<boolean> {
    if (this.#open.size >= TARGET_LIMITS.probes) return false;
    return await new Promise((resolve) => {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
      const end = (refused: boolean): void => {
        if (!this.#open.delete(giveUp)) return;
        timer.cancel();
        socket.close();
        resolve(refused);
      };
      const giveUp = (): void => end(false);
      this.#open.add(giveUp);
      const timer = this.#clock.after(TARGET_LIMITS.probe, giveUp);
      socket.on('error', (error) => end('code' in error && error.code === 'ECONNREFUSED'));
      socket.on('message', giveUp);
      socket.on('connect', () => socket.send(PING));
      socket.connect(port, address);
    });
  }

  close(): void {
    for (const giveUp of [...this.#open]) giveUp();
  }
}
