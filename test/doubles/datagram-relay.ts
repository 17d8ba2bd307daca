import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** A wire between a client and a server over UDP on loopback, on which what either sends can be lost, and answers late. */
export interface DatagramRelay {
  /** Where the client sends to. */
  readonly port: number;
  /** The server's port; to be set before anything comes. */
  server: number;
  /** Asked for everything the server sends: it goes on to the client when this resolves with true, and is lost with false. */
  letBack: (datagram: string) => boolean | Promise<boolean>;
  /** Asked for everything the client sends: it is lost with false. */
  letOut: (datagram: string) => boolean;
  close(): Promise<void>;
}

/** The client is whoever sent last: there is one at one time. It has to ask for answers to the port they came from (RFC 3581). */
export async function startDatagramRelay(): Promise<DatagramRelay> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let client = 0;
  let isClosed = false;
  const pass = (datagram: Buffer, port: number): void => {
    if (!isClosed) socket.send(datagram, port, '127.0.0.1');
  };
  const relay: DatagramRelay = {
    port: socket.address().port,
    server: 0,
    letBack: () => true,
    letOut: () => true,
    close: async () => {
      isClosed = true;
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
  socket.on('message', (datagram, { port }) => {
    if (port !== relay.server) {
      client = port;
      if (relay.letOut(datagram.toString('latin1'))) pass(datagram, relay.server);
      return;
    }
    void Promise.resolve(relay.letBack(datagram.toString('latin1'))).then((mayPass) => {
      if (mayPass) pass(datagram, client);
    });
  });
  return relay;
}
