import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { boundAt, mapped, nameOf, unmapped } from './addresses.ts';
import { deliverDatagram } from './deliver.ts';
import type { Endpoint, Flow, ListenAddress, LocalEndpoint, TransportContext } from './transport.ts';
import { TransportError } from './transport.ts';

/** One UDP socket and the address of a peer. */
class UdpFlow implements Flow {
  readonly local: LocalEndpoint;
  readonly remote: Endpoint;
  readonly #transport: UdpTransport;

  constructor(transport: UdpTransport, remote: Endpoint) {
    this.local = transport.local;
    this.remote = remote;
    this.#transport = transport;
  }

  send(bytes: Buffer): Promise<void> {
    return this.#transport.send(bytes, this.remote);
  }
}

/** SIP over one UDP socket (RFC 3261 §18). */
export class UdpTransport {
  readonly local: LocalEndpoint;
  readonly #socket: Socket;
  readonly #context: TransportContext;
  #closed = false;

  private constructor(socket: Socket, { advertised }: ListenAddress, context: TransportContext) {
    const { logger, limits } = context;
    this.local = boundAt('udp', socket.address(), advertised);
    this.#socket = socket;
    this.#context = context;
    socket.on('message', (bytes, remote) => this.#receive(bytes, remote));
    socket.on('error', (error) => logger.warn({ local: this.local, error: error.message }, 'UDP socket'));
    const buffers = { receive: socket.getRecvBufferSize(), send: socket.getSendBufferSize() };
    if (Math.min(buffers.receive, buffers.send) < limits.udpBuffer) {
      logger.debug({ ...buffers, asked: limits.udpBuffer }, 'the kernel gave smaller UDP buffers');
    }
  }

  /** @throws TransportError when the address cannot be had */
  static async open(
    listen: ListenAddress,
    ipv6Only: boolean,
    context: TransportContext,
  ): Promise<UdpTransport> {
    const { host, port } = listen;
    const { udpBuffer } = context.limits;
    const socket = createSocket({
      type: host.includes(':') ? 'udp6' : 'udp4',
      ipv6Only,
      recvBufferSize: udpBuffer,
      sendBufferSize: udpBuffer,
      // Addresses are numeric here. The system's look-up would put each datagram off to see that.
      lookup: (address, _options, found) => found(null, address, isIP(address)),
    });
    try {
      // With such a look-up it listens at once.
      const listening = once(socket, 'listening');
      socket.bind(port, host);
      await listening;
    } catch (cause) {
      socket.close();
      throw new TransportError(`cannot listen on ${nameOf('udp', host, port)}`, { cause });
    }
    return new UdpTransport(socket, listen, context);
  }

  flowTo(remote: Endpoint): Flow {
    return new UdpFlow(this, remote);
  }

  /** Resolves when the kernel took the datagram. @throws TransportError */
  send(bytes: Buffer, { address, port }: Endpoint): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => {
        reject(new TransportError(`cannot send to ${nameOf('udp', address, port)}`, { cause }));
      };
      if (this.#closed) {
        fail('the socket is closed');
      } else if (isIP(address) === 0) {
        fail('the address is not numeric');
      } else if (this.#socket.getSendQueueSize() + bytes.length > this.#context.limits.udpQueued) {
        fail('too many datagrams wait');
      } else {
        const target = this.local.address.includes(':') ? mapped(address) : address;
        try {
          this.#socket.send(bytes, port, target, (error) => {
            if (error === null) resolve();
            else fail(error);
          });
        } catch (error) {
          // A port that is none is thrown at once.
          fail(error);
        }
      }
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #receive(bytes: Buffer, { address, port }: { address: string; port: number }): void {
    if (this.#closed || isKeepAlive(bytes)) return;
    const remote: Endpoint = { protocol: 'udp', address: unmapped(address), port };
    deliverDatagram(bytes, this.flowTo(remote), this.#context.events);
  }
}

/** RFC 5626 §4.4: line ends alone, and the NULs some phones send, keep a way through a NAT open and say nothing. */
function isKeepAlive(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x0d || byte === 0x0a || byte === 0);
}
