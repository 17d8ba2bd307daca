import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';

const MAX_LENGTH = 1_048_576;

/** One line of JSON each way in netstrings (`<length>:<json>,`), as baresip's control port speaks it. */
export class NetstringConnection {
  readonly #socket: Socket;
  readonly #received: unknown[] = [];
  #unread = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    // A connection that breaks shows in the answer that does not come.
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => this.#read(chunk));
  }

  /** Connects to `port` on 127.0.0.1; rejects when nobody listens. */
  static async open(port: number): Promise<NetstringConnection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new NetstringConnection(socket);
  }

  /** Every value that came, oldest first. */
  received(): readonly unknown[] {
    return this.#received;
  }

  send(value: unknown): void {
    const json = JSON.stringify(value);
    this.#socket.write(`${Buffer.byteLength(json)}:${json},`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    for (;;) {
      const colon = this.#unread.indexOf(':');
      if (colon < 0) return;
      const length = Number(this.#unread.toString('latin1', 0, colon));
      if (!Number.isInteger(length) || length > MAX_LENGTH) {
        this.#socket.destroy();
        return;
      }
      const end = colon + 1 + length;
      if (this.#unread.length <= end) return;
      this.#received.push(JSON.parse(this.#unread.toString('utf8', colon + 1, end)));
      this.#unread = this.#unread.subarray(end + 1);
    }
  }
}
