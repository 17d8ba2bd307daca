import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';

/** One message as it came. */
export interface WebSocketMessage {
  readonly kind: 'text' | 'binary';
  readonly bytes: Buffer;
  readonly text: string;
}

const DEADLINE = 3_000;

/** A WebSocket client that keeps what it is sent, for tests. */
export class WebSocketClient {
  readonly socket: WebSocket;
  /** Every message that came, taken or not. */
  readonly received: WebSocketMessage[] = [];
  #taken = 0;
  #closed: number | undefined;
  #wake: () => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.received.push({ kind: isBinary ? 'binary' : 'text', bytes: data, text: data.toString() });
      this.#wake();
    });
    // How it ended is told by the code of `closed`.
    socket.on('error', () => undefined);
    socket.on('close', (code: number) => {
      this.#closed = code;
      this.#wake();
    });
  }

  /** Connects to a listener on 127.0.0.1. */
  static async connect(
    { protocol, port }: { readonly protocol: 'ws' | 'wss'; readonly port: number },
    subprotocols: string | string[],
    options: ClientOptions = {},
  ): Promise<WebSocketClient> {
    const client = new WebSocketClient(
      new WebSocket(`${protocol}://127.0.0.1:${port}/any/path`, subprotocols, {
        rejectUnauthorized: false,
        ...options,
      }),
    );
    await once(client.socket, 'open');
    return client;
  }

  /** A string goes as text, bytes as a binary message. */
  send(content: string | Buffer): void {
    this.socket.send(content);
  }

  /** The next message in the order they came. */
  async next(): Promise<WebSocketMessage> {
    return await this.#wait('a message', () => {
      const message = this.received[this.#taken];
      if (message !== undefined) this.#taken++;
      return message;
    });
  }

  /** The code the connection was closed with. */
  async closed(): Promise<number> {
    return await this.#wait('the end', () => this.#closed);
  }

  close(): void {
    this.socket.terminate();
  }

  async #wait<T>(what: string, look: () => T | undefined): Promise<T> {
    const end = Date.now() + DEADLINE;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      const left = end - Date.now();
      if (left <= 0) throw new Error(`waited ${DEADLINE} ms for ${what} in vain`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
