import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { SipStream } from './sip-stream.ts';

export type Transport = 'udp' | 'tcp';

/** SIP messages to and from one server on 127.0.0.1. */
export interface RawLink {
  readonly transport: Transport;
  /** Our own port. */
  readonly port: number;
  send(text: string): void;
  close(): Promise<void>;
}

/** What comes, and when it came: ms of the monotonic clock. */
export type Receive = (message: string, at: number) => void;

const SOCKET_BUFFER = 4_000_000;

export async function openLink(transport: Transport, server: number, receive: Receive): Promise<RawLink> {
  return transport === 'udp' ? await openUdp(server, receive) : await openTcp(server, receive);
}

async function openUdp(server: number, receive: Receive): Promise<RawLink> {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: SOCKET_BUFFER,
    sendBufferSize: SOCKET_BUFFER,
  });
  socket.on('message', (datagram) => receive(datagram.toString('latin1'), performance.now()));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    transport: 'udp',
    port: socket.address().port,
    send: (text) => socket.send(text, server, '127.0.0.1'),
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

async function openTcp(server: number, receive: Receive): Promise<RawLink> {
  const connection = connect({ host: '127.0.0.1', port: server, noDelay: true });
  const stream = new SipStream();
  await once(connection, 'connect');
  // What a broken connection leaves unanswered is counted by whoever waits for it.
  connection.on('error', () => connection.destroy());
  connection.on('data', (bytes: Buffer) => {
    const at = performance.now();
    for (const message of stream.push(bytes)) receive(message, at);
  });
  return {
    transport: 'tcp',
    port: connection.localPort ?? 0,
    send: (text) => void connection.write(text),
    close: async () => {
      if (connection.closed) return;
      connection.destroy();
      await once(connection, 'close');
    },
  };
}
