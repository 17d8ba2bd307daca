import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Logger } from '../../core/logger.ts';
import { deliver } from './deliver.ts';
import { TRANSPORT_LIMITS } from './limits.ts';
import type { Endpoint, Flow, ListenAddress, TransportEvents } from './transport.ts';
import { TransportError } from './transport.ts';

/** SIP over one UDP socket (RFC 3261 §18). */
export class UdpTransport {
  readonly local: Endpoint;
  readonly #socket: Socket;
  readonly #events: TransportEvents;
  #closed = false;

  private constructor(socket: Socket, events: TransportEvents, logger: Logger) {
    const { address, port } = socket.address();
    this.local = { protocol: 'udp', address, port };
    this.#socket = socket;
    this.#events = events;
    socket.on('message', (bytes, remote) => this.#receive(bytes, remote));
    socket.on('error', (error) => logger.warn({ local: this.local, error: error.message }, 'UDP socket'));
    const got = socket.getRecvBufferSize();
    if (got < TRANSPORT_LIMITS.udpBuffer) logger.debug({ got }, 'the kernel gave a smaller UDP buffer');
  }

  /** @throws TransportError when the address cannot be had */
  static async open(
    { host, port }: ListenAddress,
    events: TransportEvents,
    logger: Logger,
  ): Promise<UdpTransport> {
    const socket = createSocket({
      type: host.includes(':') ? 'udp6' : 'udp4',
      recvBufferSize: TRANSPORT_LIMITS.udpBuffer,
      sendBufferSize: TRANSPORT_LIMITS.udpBuffer,
    });
    try {
      socket.bind(port, host);
      await once(socket, 'listening');
    } catch (cause) {
      socket.close();
      throw new TransportError(`cannot listen on udp:${host}:${port}`, { cause });
    }
    return new UdpTransport(socket, events, logger);
  }

  flowTo(remote: Endpoint): Flow {
    const flow: Flow = {
      local: this.local,
      remote,
      send: (bytes) =>
        new Promise((resolve, reject) => {
          if (this.#closed) {
            reject(new TransportError('the UDP socket is closed'));
            return;
          }
          this.#socket.send(bytes, remote.port, remote.address, (error) => {
            if (error === null) {
              resolve();
              return;
            }
            reject(new TransportError(`cannot send to ${remote.address}:${remote.port}`, { cause: error }));
          });
        }),
    };
    return flow;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #receive(bytes: Buffer, { address, port }: { address: string; port: number }): void {
    // RFC 5626 §4.4: keep-alives of line ends alone, and the NULs some phones send, are no messages.
    if (bytes.length <= 4 && bytes.every((byte) => byte === 0x0d || byte === 0x0a || byte === 0)) return;
    deliver(bytes, this.flowTo({ protocol: 'udp', address, port }), this.#events);
  }
}
