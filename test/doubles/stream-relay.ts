import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import type { Socket } from 'node:net';

/** A wire between a client and a server over TCP on loopback that can be cut. */
export interface StreamRelay {
  /** Where the client connects. */
  readonly port: number;
  /** Connections taken so far. */
  readonly taken: number;
  /** Ends every connection; new ones are let through. */
  cut(): void;
  close(): Promise<void>;
}

export async function startStreamRelay(server: number): Promise<StreamRelay> {
  const ends = new Set<Socket>();
  let taken = 0;
  const cut = (): void => {
    for (const end of ends) end.destroy();
  };
  const join = (from: Socket, to: Socket): void => {
    ends.add(from);
    from.on('data', (data) => to.write(data));
    // Told of by its close.
    from.on('error', () => undefined);
    from.on('close', () => {
      ends.delete(from);
      to.destroy();
    });
  };
  const listener = createServer((client) => {
    taken++;
    const onward = createConnection(server, '127.0.0.1');
    join(client, onward);
    join(onward, client);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get taken() {
      return taken;
    },
    cut,
    close: async () => {
      const closed = once(listener, 'close');
      listener.close();
      cut();
      await closed;
    },
  };
}
