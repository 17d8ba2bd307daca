import type { SessionEnd } from '../../src/msrp/session.ts';
import type { Metrics } from '../../src/core/metrics.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { MsrpEndpoint, PreparedSession } from '../../src/msrp/endpoint.ts';
import { startMsrpEndpoint } from '../../src/msrp/endpoint.ts';
import { parseFingerprint } from '../../src/msrp/fingerprint.ts';
import type { MsrpLimits } from '../../src/msrp/limits.ts';
import type { MsrpSession, ReceivedMessage, RemoteSide, SessionHandlers } from '../../src/msrp/session.ts';
import { parseMsrpPath } from '../../src/msrp/uri.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import type { RawTransport } from '../doubles/raw-msrp-client.ts';
import { RawMsrpClient, msrpRequest } from '../doubles/raw-msrp-client.ts';
import { seededRandom } from '../doubles/seeded-random.ts';

/** The path of the peer the tests play. */
export const PEER = 'msrp://192.0.2.7:7654/jshA7weztas;tcp';

/** The owner of a session that writes down, in order, what it is told. */
export class RecordingOwner implements SessionHandlers {
  readonly told: string[] = [];
  readonly messages: ReceivedMessage[] = [];
  ended: SessionEnd | undefined;
  activity = 0;
  /** What becomes of a message; taken by default. */
  take: (message: ReceivedMessage) => Promise<void> = () => Promise.resolve();
  #wake: () => void = () => undefined;

  onBound(): void {
    this.#tell('bound');
  }

  async onMessage(message: ReceivedMessage): Promise<void> {
    this.messages.push(message);
    this.#tell(message.content.toString());
    await this.take(message);
  }

  onActivity(): void {
    this.activity++;
  }

  onEnded(reason: SessionEnd): void {
    this.ended = reason;
    this.#tell(`ended: ${reason}`);
  }

  /** Resolves when so many things were told. */
  async waitFor(count: number): Promise<void> {
    for (const until = Date.now() + 3_000; this.told.length < count;) {
      if (Date.now() > until) throw new Error(`waited for ${count} events, got ${this.told.join(', ')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #tell(what: string): void {
    this.told.push(what);
    this.#wake();
  }
}

/** A session of the endpoint under test, opened for a peer of the test. */
export interface OpenSession {
  readonly session: MsrpSession;
  readonly owner: RecordingOwner;
  /** Our URI, as the peer has it from our SDP. */
  readonly uri: string;
}

/** An endpoint on free ports with a clock of the test, and the clients that were connected to it. */
export class RunningEndpoint {
  readonly endpoint: MsrpEndpoint;
  readonly clock: FakeClock;
  readonly #clients: RawMsrpClient[] = [];

  private constructor(endpoint: MsrpEndpoint, clock: FakeClock) {
    this.endpoint = endpoint;
    this.clock = clock;
  }

  static async start(
    options: {
      readonly limits?: Partial<MsrpLimits>;
      readonly tls?: { readonly key: string; readonly cert: string };
      readonly advertisedHost?: string;
      readonly metrics?: Metrics;
    } = {},
  ): Promise<RunningEndpoint> {
    const clock = new FakeClock();
    const transports: readonly RawTransport[] = options.tls === undefined ? ['tcp'] : ['tcp', 'tls'];
    const endpoint = await startMsrpEndpoint({
      metrics: noMetrics,
      ...options,
      listen: transports.map((transport) => ({ transport, host: '127.0.0.1', port: 0 })),
      clock,
      random: seededRandom(),
      logger: silentLogger,
    });
    return new RunningEndpoint(endpoint, clock);
  }

  port(transport: RawTransport = 'tcp'): number {
    const listener = this.endpoint.listeners.find((each) => each.transport === transport);
    if (listener === undefined) throw new Error(`nothing listens for ${transport}`);
    return listener.port;
  }

  async connect(transport: RawTransport = 'tcp'): Promise<RawMsrpClient> {
    const client = await RawMsrpClient.connect(this.port(transport), transport);
    this.#clients.push(client);
    return client;
  }

  open(setup: 'active' | 'passive' = 'passive', path = PEER, owner = new RecordingOwner()): OpenSession {
    return this.openPrepared(this.endpoint.prepare('tcp'), setup, path, owner);
  }

  openPrepared(
    prepared: PreparedSession,
    setup: 'active' | 'passive' = 'passive',
    path = PEER,
    owner = new RecordingOwner(),
    fingerprints: readonly string[] = [],
  ): OpenSession {
    const session = prepared.open(remoteSide(path, setup, fingerprints), owner);
    return { session, owner, uri: prepared.localPath.map(({ text }) => text).join(' ') };
  }

  /** A session and the client that bound it with an empty SEND. */
  async bound(path = PEER): Promise<OpenSession & { client: RawMsrpClient }> {
    const client = await this.connect();
    const open = this.open('passive', path);
    await client.sendBytes(bind(open.uri, 'bind0001', path));
    const answer = await client.nextFrame();
    if (answer.status !== 200) throw new Error(answer.text);
    return { ...open, client };
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.endpoint.close();
  }
}

/** What the SDP of a peer says. */
export function remoteSide(
  path = PEER,
  setup: RemoteSide['setup'] = 'passive',
  fingerprints: readonly string[] = [],
): RemoteSide {
  return { path: parseMsrpPath(path), setup, fingerprints: fingerprints.map(parseFingerprint) };
}

export function bind(uri: string, transactId = 'bind0001', from = PEER): Buffer {
  return msrpRequest({ transactId, to: uri, from, headers: ['Message-ID: b1', 'Byte-Range: 1-0/0'] });
}

/** A text in one chunk. */
export function text(
  uri: string,
  body: string | Buffer,
  options: {
    readonly id?: string;
    readonly transactId?: string;
    readonly headers?: readonly string[];
    readonly from?: string;
    readonly range?: string;
    readonly flag?: string;
  } = {},
): Buffer {
  const { id = 'm1', transactId = `tid-${id}`, headers = [], from = PEER, flag = '$' } = options;
  const length = Buffer.byteLength(body);
  return msrpRequest({
    transactId,
    to: uri,
    from,
    headers: [
      `Message-ID: ${id}`,
      ...headers,
      `Byte-Range: ${options.range ?? `1-${length}/${length}`}`,
      'Content-Type: text/plain',
    ],
    body,
    flag,
  });
}
