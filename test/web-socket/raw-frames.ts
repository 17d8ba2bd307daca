import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { WebSocketClient } from '../doubles/web-socket-client.ts';

/** The start of a client's binary frame whose content, of `size` bytes, is left to the test; it has a mask of zeros. */
export function frameStart(size: number): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x82;
  head[1] = 0xff;
  head.writeBigUInt64BE(BigInt(size), 2);
  return head;
}

/** Sends bytes under the WebSocket of a client, and gives the server the time to read them alone. */
export async function drip(client: WebSocketClient, bytes: Buffer): Promise<void> {
  const { _socket: network } = client.socket as unknown as { readonly _socket: Socket };
  await new Promise((resolve) => network.write(bytes, resolve));
  // Over loopback they are there with the next look at the sockets.
  for (let look = 0; look < 3; look++) await setImmediate();
}
