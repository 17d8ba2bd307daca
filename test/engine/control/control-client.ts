import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { FrameReader, encodeFrame } from '../../../src/engine/control/frame-codec.ts';

/** A client of the control port that writes and reads frames by hand. */
export class ControlClient {
  readonly socket: Socket;
  readonly #reader = new FrameReader();
  readonly #frames: string[] = [];
  #wake: () => void = () => undefined;
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => {
      this.#frames.push(...this.#reader.push(chunk).map(({ payload }) => payload.toString()));
      this.#wake();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** False when the server does not read as fast as this is written. */
  send(payload: string): boolean {
    return this.socket.write(encodeFrame(payload));
  }

  /** The next frame's fields without its own id; undefined when the connection was closed instead. */
  async next(): Promise<string[] | undefined> {
    while (this.#frames.length === 0 && !this.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#frames.shift()?.split('|').slice(1);
  }
}
