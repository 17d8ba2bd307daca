import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';

/** Stands before a server that has no registrar, for one phone over UDP on loopback. */
export interface Registrar {
  /** Where the phone sends what it has to say. */
  readonly port: number;
  close(): Promise<void>;
}

/** Answers REGISTER 200 and hands everything else on to `server`; what comes back goes to the phone. */
export async function startRegistrar(server: number): Promise<Registrar> {
  const [towardsPhone, towardsServer] = [await listen(), await listen()];
  let phone = 0;
  towardsPhone.on('message', (datagram, { port }) => {
    phone = port;
    const text = datagram.toString('latin1');
    if (text.startsWith('REGISTER ')) towardsPhone.send(registered(text), port, '127.0.0.1');
    else towardsServer.send(datagram, server, '127.0.0.1');
  });
  towardsServer.on('message', (datagram) => {
    if (phone !== 0) towardsPhone.send(datagram, phone, '127.0.0.1');
  });
  return {
    port: towardsPhone.address().port,
    close: async () => {
      for (const socket of [towardsPhone, towardsServer]) {
        socket.close();
        await once(socket, 'close');
      }
    },
  };
}

async function listen(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** RFC 3261 §10.3: the bindings as they were asked for. */
function registered(request: string): string {
  const kept = request
    .split('\r\n')
    .filter((line) => /^(?:via|from|to|call-id|cseq|contact|expires):/i.test(line));
  const lines = kept.map((line) => (/^to:/i.test(line) ? `${line};tag=registrar` : line));
  return ['SIP/2.0 200 OK', ...lines, 'Content-Length: 0', '', ''].join('\r\n');
}
