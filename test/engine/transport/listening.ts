import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Labels, Metrics } from '../../../src/core/metrics.ts';
import type { MalformedMessage } from '../../../src/engine/message/malformed-message.ts';
import type { TransportLimits } from '../../../src/engine/transport/limits.ts';
import { createTransportLayer } from '../../../src/engine/transport/transport-layer.ts';
import type {
  Endpoint,
  Flow,
  ListenAddress,
  Protocol,
  ReceivedMessage,
  TlsSettings,
  TransportLayer,
} from '../../../src/engine/transport/transport.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';

export const EMPTY = Buffer.alloc(0);

/** A transport layer on loopback that keeps what it is told. */
export interface Listening {
  readonly layer: TransportLayer;
  readonly clock: FakeClock;
  readonly received: ReceivedMessage[];
  readonly malformed: { readonly error: MalformedMessage; readonly flow: Flow }[];
  readonly failed: { readonly flow: Flow; readonly error: Error }[];
  /** What was logged at debug. */
  readonly debugged: string[];
  /** Samples of the counters, as `name{label,…}`, and of the gauges, with their value. */
  readonly counted: string[];
  /** Where it listens. */
  at(protocol: Protocol): Endpoint;
}

export async function listen(
  addresses: readonly ListenAddress[],
  limits: Partial<TransportLimits> = {},
  tls?: TlsSettings,
): Promise<Listening> {
  const clock = new FakeClock();
  const counted: string[] = [];
  const debugged: string[] = [];
  const layer = createTransportLayer({
    listen: addresses,
    ...(tls === undefined ? {} : { tls }),
    clock: clock satisfies Clock,
    logger: { ...silentLogger, debug: (_fields, message) => debugged.push(message) },
    metrics: countingMetrics(counted),
    limits,
  });
  const listening: Listening = {
    layer,
    clock,
    received: [],
    malformed: [],
    failed: [],
    counted,
    debugged,
    at: (protocol) => {
      const endpoint = layer.local.find((local) => local.protocol === protocol);
      if (endpoint === undefined) throw new Error(`nothing listens on ${protocol}`);
      return endpoint;
    },
  };
  layer.onMessage = (message) => listening.received.push(message);
  layer.onMalformed = (error, _source, flow) => listening.malformed.push({ error, flow });
  layer.onFlowFailed = (flow, error) => listening.failed.push({ flow, error });
  await layer.start();
  return listening;
}

/** Waits until `condition` holds, for the kernel hands things over in its own time. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited too long for ${what}`);
    await sleep(1);
  }
}

/** A MESSAGE as it goes over the wire. */
export function textMessage(
  callId: string,
  via = 'SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKa',
  body = 'hi',
): Buffer {
  const head = [
    'MESSAGE sip:alice@example.test SIP/2.0',
    `Via: ${via}`,
    'From: <sip:bob@example.test>;tag=1',
    'To: <sip:alice@example.test>',
    `Call-ID: ${callId}`,
    'CSeq: 1 MESSAGE',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** The Call-IDs of what came, in order. */
export function callIds({ received }: Listening): (string | undefined)[] {
  return received.map(({ message }) => message.headers.get('Call-ID'));
}

function countingMetrics(counted: string[]): Metrics {
  return {
    counter: (name) => ({
      add: (labels: Labels = {}) => counted.push(`${name}{${Object.values(labels).join()}}`),
    }),
    gauge: (name) => ({ set: (value) => counted.push(`${name} ${value}`) }),
  };
}
