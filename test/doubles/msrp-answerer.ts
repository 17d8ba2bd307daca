import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { hexToken, systemRandom } from '../../src/core/random.ts';
import type { ChatOptions } from './msrp-chat.ts';
import { MsrpChat } from './msrp-chat.ts';

/** The passive side of a chat (RFC 6135): it waits for the connection of the peer and takes whatever binds. */
export interface MsrpAnswerer {
  /** Its path, for an answer with `a=setup:passive`. */
  readonly path: string;
  /** Resolves when the peer has connected. */
  readonly chat: Promise<MsrpChat>;
  close(): Promise<void>;
}

/** @param remote path of the peer, which is expected to connect once */
export async function answerMsrp(
  remote: string,
  options: ChatOptions = {},
  tls?: { readonly key: string; readonly cert: string },
): Promise<MsrpAnswerer> {
  const sockets = new Set<Socket>();
  const server = tls === undefined ? createServer() : createTlsServer(tls);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const path = `${tls === undefined ? 'msrp' : 'msrps'}://127.0.0.1:${port}/${hexToken(systemRandom, 80)};tcp`;
  const chat = new Promise<MsrpChat>((resolve) => {
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      sockets.add(socket);
      resolve(MsrpChat.over(socket, path, remote, options));
    });
  });
  return {
    path,
    chat,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
