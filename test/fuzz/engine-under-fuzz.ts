import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { silentLogger } from '../../src/core/logger.ts';
import type { Labels, Metrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import { startEngine } from '../../src/engine/engine.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { RawSipClient, isResponse, rawRequest } from '../doubles/raw-sip-client.ts';
import type { Handlers, SrfApplication, SrfRequest, SrfResponse } from '../engine/application.ts';
import { connectApplication } from '../engine/application.ts';
import { nearlyWellFormed, wellFormed, written } from './grammar.ts';
import { collectedHeap } from './heap.ts';
import { mutation } from './mutation.ts';
import { originals } from './originals.ts';

const SECRET = 'test-secret';
/** How many messages are sent before it is asked whether the engine still answers. */
const BATCH = 100;
/** Beyond any transaction, subscription and report: the hands of the clock are turned so far that all must have ended. */
const LONG = 20 * 60 * 1_000;

/** What an engine had to take, and what was left of it. */
export interface EngineTally {
  sent: number;
  /** How many reached the application. */
  shown: number;
  /** Transactions and dialogs alive at the worst moment seen, and at the end. */
  readonly alive: { most: number; left: number };
  /** Bytes of the heap after half of the messages, and at the end. */
  readonly heap: { half: number; end: number };
}

/** An engine whose clock the test turns, with an application that takes subscriptions and refuses calls. */
class EngineUnderFuzz {
  readonly clock = new FakeClock();
  readonly alive = new Map<string, number>();
  shown = 0;
  #engine: Engine | undefined;
  #application: SrfApplication | undefined;
  #udp: UdpSocket | undefined;

  async start(): Promise<void> {
    this.#engine = await startEngine({
      listen: [
        { protocol: 'udp', host: '127.0.0.1', port: 0 },
        { protocol: 'tcp', host: '127.0.0.1', port: 0 },
      ],
      control: { host: '127.0.0.1', port: 0 },
      secret: SECRET,
      clock: this.clock,
      random: systemRandom,
      logger: silentLogger,
      metrics: this.#metrics(),
    });
    this.#application = await connectApplication(this.#engine.control, SECRET, this.#handlers());
    this.#udp = createSocket('udp4');
    this.#udp.bind(0, '127.0.0.1');
    await once(this.#udp, 'listening');
  }

  /** Sends one as a datagram. */
  datagram(bytes: Buffer): void {
    this.#udp?.send(bytes, this.#port('udp'), '127.0.0.1');
  }

  /** Sends one over a connection of its own, in two pieces; resolves when the engine has ended it. */
  async stream(bytes: Buffer, cut: number): Promise<void> {
    const socket = connect(this.#port('tcp'), '127.0.0.1');
    // The engine ends what it cannot read on, be it with bytes unread.
    socket.on('error', () => undefined);
    socket.resume();
    socket.setNoDelay(true);
    socket.write(bytes.subarray(0, cut % (bytes.length + 1)));
    socket.end(bytes.subarray(cut % (bytes.length + 1)));
    await once(socket, 'close');
  }

  /** Fails unless an OPTIONS is answered 200 by the application, over both transports. */
  async answers(): Promise<void> {
    for (const protocol of ['udp', 'tcp'] as const) {
      const peer = await RawSipClient.connect(protocol, this.#port(protocol));
      peer.send(rawRequest({ method: 'OPTIONS', uri: 'sip:alice@example.test', client: peer }));
      await peer.nextMessage(isResponse(200), 5_000);
      await peer.close();
    }
  }

  /** Transactions and dialogs alive at the last report. */
  get living(): number {
    return [...this.alive.values()].reduce((sum, each) => sum + each, 0);
  }

  async close(): Promise<void> {
    this.#application?.disconnect();
    this.#udp?.close();
    await this.#engine?.close();
  }

  #port(protocol: 'udp' | 'tcp'): number {
    return this.#engine?.sip.find((endpoint) => endpoint.protocol === protocol)?.port ?? 0;
  }

  #handlers(): Handlers {
    const answering =
      (status: number, headers: Record<string, string> = {}) =>
      (_request: SrfRequest, response: SrfResponse): void => {
        this.shown++;
        response.send(status, { headers });
      };
    return {
      INVITE: answering(486),
      MESSAGE: answering(200),
      NOTIFY: answering(481),
      OPTIONS: answering(200),
      REGISTER: answering(200),
      SUBSCRIBE: answering(200, { Expires: '60' }),
    };
  }

  #metrics(): Metrics {
    return {
      counter: () => ({ add: () => undefined }),
      gauge: (name) => ({
        set: (value: number, labels: Labels = {}) => {
          const counted = name === 'engine_transactions' || name === 'engine_dialogs';
          if (counted) this.alive.set(`${name} ${Object.values(labels).join()}`, value);
        },
      }),
    };
  }
}

const sent = fc.tuple(
  fc.oneof(
    { weight: 3, arbitrary: wellFormed.map(written) },
    { weight: 1, arbitrary: nearlyWellFormed },
    { weight: 1, arbitrary: mutation(originals()) },
  ),
  fc.boolean(),
  fc.nat(4_095),
);

/**
 * Sends `count` messages to a running engine, sound and spoilt ones, over UDP and TCP. Fails when it no longer answers others,
 * when anything is left of them once their time has passed, or when the heap grows with their number.
 */
export async function fuzzEngine(count: number, seed: number, growth: number): Promise<EngineTally> {
  const engine = new EngineUnderFuzz();
  const tally: EngineTally = { sent: 0, shown: 0, alive: { most: 0, left: 0 }, heap: { half: 0, end: 0 } };
  try {
    await engine.start();
    await engine.clock.advance(LONG);
    const timers = engine.clock.pendingTimers;
    for (let done = 0; done < count; done += BATCH) {
      const batch = fc.sample(sent, { numRuns: Math.min(BATCH, count - done), seed: seed + done });
      for (const [bytes, asStream, cut] of batch) {
        tally.sent++;
        if (asStream) await engine.stream(bytes, cut);
        else engine.datagram(bytes);
      }
      await engine.answers();
      await engine.clock.advance(6_000);
      tally.alive.most = Math.max(tally.alive.most, engine.living);
      if (done < count / 2) tally.heap.half = await heapOnceQuiet(engine);
    }
    tally.heap.end = await heapOnceQuiet(engine);
    tally.alive.left = engine.living;
    tally.shown = engine.shown;
    expect(tally.alive.left, 'transactions and dialogs left').to.equal(0);
    expect(engine.clock.pendingTimers, 'timers left').to.equal(timers);
    expect(tally.heap.end - tally.heap.half, 'growth of the heap').to.be.lessThan(growth);
    await engine.answers();
    return tally;
  } finally {
    await engine.close();
  }
}

/** The heap when all that was sent has ended. */
async function heapOnceQuiet(engine: EngineUnderFuzz): Promise<number> {
  await engine.clock.advance(LONG);
  return collectedHeap();
}
