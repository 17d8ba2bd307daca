import { systemClock } from '../../src/core/clock.ts';
import type { Clock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { startEngine } from '../../src/engine/engine.ts';
import type { Engine, EngineOptions } from '../../src/engine/engine.ts';
import type { SipTimers } from '../../src/engine/transaction/timers.ts';
import type { WebSocketListener } from '../../src/web-socket/listener.ts';
import { startWebSocketListener } from '../../src/web-socket/listener.ts';
import { RawSipClient } from '../doubles/raw-sip-client.ts';
import type { RawProtocol } from '../doubles/raw-sip-client.ts';
import { connectApplication } from './application.ts';
import type { Handlers, SrfApplication } from './application.ts';

/** Short enough that 64*T1 passes in a test. */
export const T1 = 20;

/**
 * For tests that wait for a timer, and for no others: on a busy machine 64 times 20 ms are soon over, and what was sent again is
 * taken for the next request.
 */
export const SHORT_TIMERS: SipTimers = { t1: T1, t2: 4 * T1, t4: 2 * T1 };

export const SECRET = 'test-secret';

export const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n';

/** An engine on free ports of 127.0.0.1, with the applications and peers a test adds; all are closed together. */
export class RunningEngine {
  readonly engine: Engine;
  readonly #applications = new Set<SrfApplication>();
  readonly #peers: RawSipClient[] = [];
  #webSockets: WebSocketListener | undefined;

  private constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Timers are the usual ones. `more` is set besides, or instead. */
  static async start(clock: Clock = systemClock, more: Partial<EngineOptions> = {}): Promise<RunningEngine> {
    const engine = await startEngine({
      listen: [
        { protocol: 'udp', host: '127.0.0.1', port: 0 },
        { protocol: 'tcp', host: '127.0.0.1', port: 0 },
      ],
      control: { host: '127.0.0.1', port: 0 },
      secret: SECRET,
      clock,
      ...more,
    });
    return new RunningEngine(engine);
  }

  /** Takes SIP over WebSockets as well. */
  async attachWebSockets(): Promise<void> {
    const listener = await startWebSocketListener({
      address: { protocol: 'ws', host: '127.0.0.1', port: 0 },
      subprotocols: ['sip'],
      clock: systemClock,
      logger: silentLogger,
      metrics: noMetrics,
    });
    this.#webSockets = listener;
    listener.take('sip', { maxMessageBytes: 512 * 1024, onStream: this.engine.attach(listener.address) });
  }

  port(protocol: RawProtocol): number {
    return this.engine.sip.find((endpoint) => endpoint.protocol === protocol)?.port ?? 0;
  }

  async application(handlers: Handlers = {}): Promise<SrfApplication> {
    const application = await connectApplication(this.engine.control, SECRET, handlers);
    this.#applications.add(application);
    return application;
  }

  disconnect(application: SrfApplication): void {
    this.#applications.delete(application);
    application.disconnect();
  }

  async peer(protocol: RawProtocol = 'udp'): Promise<RawSipClient> {
    return this.adopt(await RawSipClient.connect(protocol, this.port(protocol)));
  }

  /** A peer made elsewhere is closed with the others. */
  adopt(peer: RawSipClient): RawSipClient {
    this.#peers.push(peer);
    return peer;
  }

  async close(): Promise<void> {
    for (const application of this.#applications) this.disconnect(application);
    await Promise.all(this.#peers.splice(0).map((peer) => peer.close()));
    await this.engine.close();
    await this.#webSockets?.close();
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

/** Settled from outside. */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

export async function delay(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 600) throw new Error('never came true');
    await delay(5);
  }
}

/** The tag of a From or To value. */
export function tag(nameAddress: string): string {
  return /;tag=([^;]+)/.exec(nameAddress)?.[1] ?? '';
}
