import type { Duplex } from 'node:stream';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { StreamEnds, Subprotocol, WebSocketListener } from '../../src/web-socket/listener.ts';
import { startWebSocketListener } from '../../src/web-socket/listener.ts';
import type { WebSocketListenerOptions } from '../../src/web-socket/listener.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { WebSocketClient } from '../doubles/web-socket-client.ts';

/** A connection as the server of a subprotocol is given it, and what was read from it. */
export interface TakenStream {
  readonly subprotocol: Subprotocol;
  readonly stream: Duplex;
  readonly ends: StreamEnds;
  readonly read: Buffer[];
  readonly errors: string[];
}

/** A listener on a free port with a clock of the test; everything is closed together. */
export class RunningListener {
  readonly listener: WebSocketListener;
  readonly clock: FakeClock;
  readonly taken: TakenStream[] = [];
  readonly #clients: WebSocketClient[] = [];

  private constructor(listener: WebSocketListener, clock: FakeClock) {
    this.listener = listener;
    this.clock = clock;
  }

  static async start(
    options: Partial<WebSocketListenerOptions> & {
      /** What is taken at once; all by default. */
      readonly taken?: readonly Subprotocol[];
      readonly maxMessageBytes?: number;
      /** Reads nothing of its own. */
      readonly idle?: boolean;
    } = {},
  ): Promise<RunningListener> {
    const { taken, maxMessageBytes = 65_536, idle = false, ...rest } = options;
    const clock = new FakeClock();
    const subprotocols = options.subprotocols ?? (['sip', 'msrp'] as const);
    const listener = await startWebSocketListener({
      address: { protocol: 'ws', host: '127.0.0.1', port: 0 },
      clock,
      logger: silentLogger,
      metrics: noMetrics,
      ...rest,
      subprotocols,
    });
    const running = new RunningListener(listener, clock);
    for (const subprotocol of taken ?? subprotocols) {
      listener.take(subprotocol, {
        maxMessageBytes,
        onStream: (stream, ends) => running.#keep(subprotocol, stream, ends, idle),
      });
    }
    return running;
  }

  async connect(
    subprotocols: string | string[] = 'msrp',
    options: Parameters<typeof WebSocketClient.connect>[2] = {},
  ): Promise<WebSocketClient> {
    const client = await WebSocketClient.connect(this.listener.address, subprotocols, options);
    this.#clients.push(client);
    return client;
  }

  /** A client, and the stream its connection became. */
  async pair(
    options: Parameters<typeof WebSocketClient.connect>[2] = {},
  ): Promise<{ client: WebSocketClient } & TakenStream> {
    const before = this.taken.length;
    const client = await this.connect('msrp', options);
    const taken = this.taken[before];
    if (taken === undefined) throw new Error('no stream was handed over');
    return { client, ...taken };
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.listener.close();
  }

  #keep(subprotocol: Subprotocol, stream: Duplex, ends: StreamEnds, idle: boolean): void {
    const read: Buffer[] = [];
    const errors: string[] = [];
    if (!idle) stream.on('data', (chunk: Buffer) => read.push(chunk));
    stream.on('error', (error: Error) => errors.push(error.message));
    this.taken.push({ subprotocol, stream, ends, read, errors });
  }
}

/** Waits until `condition` holds: sockets take their own time. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
