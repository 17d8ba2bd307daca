import { silentLogger } from '../../../src/core/logger.ts';
import { noMetrics } from '../../../src/core/metrics.ts';
import { ApplicationPace } from '../../../src/engine/admission/application-pace.ts';
import type { Application } from '../../../src/engine/control/application.ts';
import { parseApplicationMessage } from '../../../src/engine/control/application-message.ts';
import type { ControlServer } from '../../../src/engine/control/control-server.ts';
import { DialogTable } from '../../../src/engine/dialog/dialog-table.ts';
import { parseMessage } from '../../../src/engine/message/parse-message.ts';
import { Setbacks } from '../../../src/engine/targets/setbacks.ts';
import { UdpProbes } from '../../../src/engine/targets/udp-probes.ts';
import { DEFAULT_SIP_TIMERS } from '../../../src/engine/transaction/timers.ts';
import { TransactionTable } from '../../../src/engine/transaction/transaction-table.ts';
import { stampTopVia } from '../../../src/engine/transport/incoming-via.ts';
import type {
  Endpoint,
  Flow,
  LocalEndpoint,
  TransportLayer,
} from '../../../src/engine/transport/transport.ts';
import { TransportError } from '../../../src/engine/transport/transport.ts';
import { ClientSide } from '../../../src/engine/user-agent/client-side.ts';
import { Farewells } from '../../../src/engine/user-agent/farewells.ts';
import { HeldNotifies } from '../../../src/engine/user-agent/held-notifies.ts';
import { Identifiers } from '../../../src/engine/user-agent/identifiers.ts';
import { LocalAddresses } from '../../../src/engine/user-agent/local-addresses.ts';
import { ServerSide } from '../../../src/engine/user-agent/server-side.ts';
import type { ReturnedRequests, Surroundings } from '../../../src/engine/user-agent/surroundings.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';
import { seededRandom } from '../../doubles/seeded-random.ts';

/** A message as its bytes say it, read by the test's own eyes. */
export class PaperMessage {
  readonly text: string;
  readonly startLine: string;
  readonly status: number;
  readonly method: string;

  constructor(bytes: Buffer) {
    this.text = bytes.toString();
    this.startLine = this.text.split('\r\n', 1)[0] ?? '';
    this.status = Number(/^SIP\/2\.0 (\d{3})/.exec(this.startLine)?.[1] ?? 0);
    this.method = this.status === 0 ? (this.startLine.split(' ')[0] ?? '') : '';
  }

  header(name: string): string {
    return this.headers(name)[0] ?? '';
  }

  headers(name: string): string[] {
    const start = `${name.toLowerCase()}: `;
    const lines = this.text.split('\r\n');
    return lines
      .filter((line) => line.toLowerCase().startsWith(start))
      .map((line) => line.slice(start.length));
  }

  tag(name: 'From' | 'To'): string {
    return /;tag=([^;]+)/.exec(this.header(name))?.[1] ?? '';
  }

  /** `200 INVITE` or `BYE`. */
  get name(): string {
    return this.status === 0 ? this.method : `${this.status} ${this.header('CSeq').split(' ')[1] ?? ''}`;
  }
}

/** A peer of the engine on paper: what it is sent is kept. */
export class PaperPeer {
  readonly endpoint: Endpoint;
  /** Nothing can be sent to it. */
  unreachable = false;
  readonly got: PaperMessage[] = [];
  readonly #engine: PaperEngine;

  constructor(engine: PaperEngine, endpoint: Endpoint) {
    this.#engine = engine;
    this.endpoint = endpoint;
  }

  get uri(): string {
    const transport = this.endpoint.protocol === 'udp' ? '' : ';transport=tcp';
    return `sip:peer@${this.endpoint.address}:${this.endpoint.port}${transport}`;
  }

  /** A request of this peer. */
  request(method: string, parts: RequestParts = {}): string {
    const { address, port, protocol } = this.endpoint;
    const callId = parts.callId ?? this.#engine.word();
    const via = `SIP/2.0/${protocol.toUpperCase()} ${address}:${port};branch=${parts.branch ?? `z9hG4bK${this.#engine.word()}`};rport`;
    return [
      `${method} ${parts.uri ?? 'sip:us@example.test'} SIP/2.0`,
      `Via: ${via}`,
      ...(parts.vias ?? []).map((each) => `Via: ${each}`),
      `Max-Forwards: ${parts.maxForwards ?? 70}`,
      `From: ${parts.from ?? `<sip:peer@example.test>;tag=f${callId}`}`,
      `To: ${parts.to ?? '<sip:us@example.test>'}`,
      `Call-ID: ${callId}`,
      `CSeq: ${parts.cseq ?? 1} ${method}`,
      `Contact: <${this.uri}>`,
      ...(parts.headers ?? []),
      `Content-Length: ${(parts.body ?? '').length}\r\n\r\n${parts.body ?? ''}`,
    ].join('\r\n');
  }

  /** A response of this peer to a request it got. */
  answer(
    request: PaperMessage,
    status: number,
    parts: { tag?: string; headers?: readonly string[] } = {},
  ): string {
    const to = request.header('To');
    return [
      `SIP/2.0 ${status} Whatever`,
      ...request.headers('Via').map((via) => `Via: ${via}`),
      ...request.headers('Record-Route').map((route) => `Record-Route: ${route}`),
      `From: ${request.header('From')}`,
      `To: ${to.includes(';tag=') ? to : `${to};tag=${parts.tag ?? 'peer'}`}`,
      `Call-ID: ${request.header('Call-ID')}`,
      `CSeq: ${request.header('CSeq')}`,
      `Contact: <${this.uri}>`,
      ...(parts.headers ?? []),
      'Content-Length: 0\r\n\r\n',
    ].join('\r\n');
  }

  send(text: string): void {
    this.#engine.deliver(text, this);
  }

  /** Names of what came since this was last asked. */
  news(): string[] {
    return this.take().map(({ name }) => name);
  }

  /** What came since this was last asked. */
  take(): PaperMessage[] {
    return this.got.splice(0);
  }

  /** The one message of this name that came; what came before it is taken with it. */
  taken(name: string): PaperMessage {
    const index = this.got.findIndex((message) => message.name === name);
    const found = this.got.splice(0, index + 1).at(-1);
    if (index < 0 || found === undefined) {
      throw new Error(`no ${name} came, but ${this.got.map((each) => each.name).join(', ')}`);
    }
    return found;
  }
}

export interface RequestParts {
  readonly uri?: string;
  readonly branch?: string;
  readonly vias?: readonly string[];
  readonly maxForwards?: number;
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly headers?: readonly string[];
  /** ASCII. */
  readonly body?: string;
}

/** One frame an application got. */
export interface PaperFrame {
  readonly fields: readonly string[];
  readonly message: PaperMessage;
}

/** An application that a test plays. */
export class PaperApplication {
  readonly name: string;
  readonly verbs: Set<string>;
  readonly pace = new ApplicationPace();
  busy = false;
  open = true;
  readonly frames: PaperFrame[] = [];
  /** Why commands were not done. */
  readonly failures: string[] = [];
  /** What it does by itself with a request. */
  onRequest: (frame: PaperFrame) => void = () => undefined;
  readonly #engine: PaperEngine;

  constructor(engine: PaperEngine, name: string, verbs: readonly string[]) {
    this.#engine = engine;
    this.name = name;
    this.verbs = new Set(verbs.map((verb) => verb.toLowerCase()));
  }

  get ready(): boolean {
    return this.open;
  }

  notify(line: string, message: Buffer = Buffer.alloc(0)): void {
    const frame = { fields: line.split('|'), message: new PaperMessage(message) };
    this.frames.push(frame);
    if (frame.message.method !== '' && frame.fields[2] === 'network') this.onRequest(frame);
  }

  fail(_command: unknown, reason: string): void {
    this.failures.push(reason);
  }

  /** Names of the messages that came from the network since this was last asked. */
  news(): string[] {
    return this.frames
      .splice(0)
      .filter(({ fields }) => fields[2] === 'network')
      .map(({ message }) => message.name);
  }

  /** The last frame with a message of this name; `from`: 'network', or 'application' for what the engine says it sent. */
  frame(name: string, from: 'network' | 'application' = 'network'): PaperFrame {
    const found = this.frames.findLast(
      ({ fields, message }) =>
        message.name === name && (fields[2] === from || (from === 'application' && fields[4] === from)),
    );
    if (found === undefined) {
      throw new Error(`no ${name} among ${this.frames.map(({ message }) => message.name).join(', ')}`);
    }
    return found;
  }

  /** Told that a command was done. */
  answer(_command: unknown, line: string, message?: Buffer): void {
    this.notify(line, message);
  }

  /** Answers a request it was given. */
  reply({ fields }: PaperFrame, status: number, headers: readonly string[] = []): void {
    this.#command([`SIP/2.0 ${status}`, ...headers].join('\r\n'), { transactionId: fields[8] ?? '' });
  }

  /** Asks for a request to be sent. */
  request(method: string, uri: string, headers: readonly string[] = []): void {
    this.#command([`${method} ${uri} SIP/2.0`, ...headers].join('\r\n'), {});
  }

  inDialog(method: string, dialogId: string, headers: readonly string[] = []): void {
    this.#command([`${method} sip:placeholder SIP/2.0`, ...headers].join('\r\n'), { dialogId });
  }

  /** Calls an INVITE off that it asked for. */
  cancel(transactionId: string, headers: readonly string[] = []): void {
    this.#command(['CANCEL sip:placeholder SIP/2.0', ...headers].join('\r\n'), { transactionId });
  }

  #command(text: string, ids: { transactionId?: string; dialogId?: string }): void {
    this.#engine.command(this, text, ids);
  }
}

/** Ids the engine gave: of a transaction, and of the dialog ('' for none). */
export function idsOf({ fields }: PaperFrame): { transactionId: string; dialogId: string } {
  return fields[2] === 'network'
    ? { transactionId: fields[8] ?? '', dialogId: fields[9] ?? '' }
    : { transactionId: fields[10] ?? '', dialogId: fields[11] ?? '' };
}

/**
 * The user agent with its tables, wired as the engine wires them, but without a socket: the test hands it bytes, turns the
 * clock, and plays every application. So a race happens in the order the test says.
 */
export class PaperEngine {
  readonly clock = new FakeClock();
  readonly transactions: TransactionTable;
  readonly dialogs: DialogTable;
  readonly held: HeldNotifies;
  readonly farewells: Farewells;
  readonly client: ClientSide;
  readonly server: ServerSide;
  /** Addresses of host names, the first to be tried first. */
  readonly hosts = new Map<string, readonly Endpoint[]>();
  readonly #applications: PaperApplication[] = [];
  readonly #peers = new Map<string, PaperPeer>();
  readonly #flows = new Map<string, Flow>();
  #words = 0;

  constructor(options: { extensions?: readonly string[]; returned?: ReturnedRequests } = {}) {
    const { clock } = this;
    const local: LocalEndpoint[] = [
      { protocol: 'udp', address: '192.0.2.1', port: 5060 },
      { protocol: 'tcp', address: '192.0.2.1', port: 5060 },
    ];
    const transport = {
      local,
      flowTo: (target: Endpoint) => {
        const flow = this.#flowTo(target);
        return flow === undefined
          ? Promise.reject(new TransportError('nobody there'))
          : Promise.resolve(flow);
      },
    } as unknown as TransportLayer;
    const timers = DEFAULT_SIP_TIMERS;
    this.transactions = new TransactionTable({ clock, timers });
    this.dialogs = new DialogTable(clock, (dialog) => {
      if (dialog.kind === 'INVITE') this.client.hangUp(dialog, 'dialog lapsed');
    });
    const surroundings: Surroundings = {
      clock,
      timers,
      logger: silentLogger,
      transport,
      transactions: this.transactions,
      dialogs: this.dialogs,
      control: this.#control(),
      identifiers: new Identifiers(seededRandom(3)),
      addresses: new LocalAddresses(transport),
      binaryBodies: 'base64',
      extensions: options.extensions === undefined ? undefined : new Set(options.extensions),
      returned: options.returned ?? 'refuse',
      resolve: (uri) => Promise.resolve([...(this.hosts.get(hostOf(uri)) ?? endpointOf(uri))]),
      setbacks: new Setbacks(clock),
      probes: new UdpProbes(clock),
      outboundProxy: undefined,
    };
    this.held = new HeldNotifies(clock, (arrival) => this.server.takeEarlyNotify(arrival));
    this.farewells = new Farewells(clock);
    this.client = new ClientSide(surroundings, this.held, this.farewells);
    this.server = new ServerSide(surroundings, {
      held: this.held,
      asking: this.client,
      farewells: this.farewells,
      metrics: noMetrics,
    });
  }

  /** A word no other message has. */
  word(): string {
    return `w${(this.#words++).toString(36)}`;
  }

  peer(port: number, protocol: 'udp' | 'tcp' = 'udp', address = '192.0.2.7'): PaperPeer {
    const peer = new PaperPeer(this, { protocol, address, port });
    this.#peers.set(keyOf(peer.endpoint), peer);
    return peer;
  }

  application(verbs: readonly string[], name = 'app'): PaperApplication {
    const application = new PaperApplication(this, name, verbs);
    this.#applications.push(application);
    return application;
  }

  /** The application's connection is lost. */
  kill(application: PaperApplication): void {
    application.open = false;
    this.#applications.splice(this.#applications.indexOf(application), 1);
    this.server.applicationGone(application as unknown as Application);
    this.client.applicationGone(application as unknown as Application);
  }

  deliver(text: string, from: PaperPeer): void {
    const message = parseMessage(Buffer.from(text));
    const flow = this.#flowTo(from.endpoint);
    if (flow === undefined) throw new TypeError('a peer that sends can be sent to');
    if (message.kind === 'response') {
      this.transactions.findClient(message)?.respond(message);
      return;
    }
    stampTopVia(message.headers, from.endpoint);
    this.server.take(message, { message, source: flow.remote, local: flow.local, flow });
  }

  command(
    application: PaperApplication,
    text: string,
    { transactionId = '', dialogId = '' }: { transactionId?: string; dialogId?: string },
  ): void {
    const asked = application as unknown as Application;
    const command = {
      kind: 'sip',
      id: 'c',
      transactionId,
      dialogId,
      proxy: '',
      message: Buffer.from(text),
    } as const;
    try {
      const message = parseApplicationMessage(command.message);
      if (message.start.kind === 'response') this.server.answer(asked, command, message);
      else this.client.send(asked, command, message);
    } catch (error) {
      application.failures.push(error instanceof Error ? error.message : String(error));
    }
  }

  /** Lets what is under way be done, and no time pass. */
  async settle(): Promise<void> {
    for (let round = 0; round < 4; round++) await this.clock.advance(0);
  }

  /** Everything the engine may keep, by name. */
  get sizes(): Readonly<Record<string, number>> {
    const { server, client } = this.transactions.counts;
    return {
      serverTransactions: server,
      clientTransactions: client,
      dialogs: this.dialogs.size,
      incoming: this.server.waiting,
      outgoing: this.client.waiting,
      held: this.held.size,
      farewells: this.farewells.pending,
      timers: this.clock.pendingTimers,
    };
  }

  /** What is kept, as `1 dialogs`. */
  get left(): string[] {
    const kept = Object.entries(this.sizes).filter(([, size]) => size !== 0);
    return kept.map(([name, size]) => `${size} ${name}`);
  }

  #control(): ControlServer {
    const applications = this.#applications;
    const able = (verb: string): PaperApplication[] => applications.filter(({ verbs }) => verbs.has(verb));
    const control = {
      next: (verb: string, except?: Application) =>
        able(verb).find((each) => !each.busy && (each as unknown) !== except),
      wants: (verb: string) => able(verb).length > 0,
      get verbs() {
        return new Set(applications.flatMap(({ verbs }) => [...verbs]));
      },
    };
    return control as unknown as ControlServer;
  }

  #flowTo(target: Endpoint): Flow | undefined {
    const peer = this.#peers.get(keyOf(target));
    if (peer === undefined) return undefined;
    const known = this.#flows.get(keyOf(target));
    if (known !== undefined) return known;
    const flow: Flow = {
      local: { protocol: target.protocol, address: '192.0.2.1', port: 5060 },
      remote: peer.endpoint,
      send: (bytes) => {
        if (peer.unreachable) return Promise.reject(new TransportError('nobody there'));
        peer.got.push(new PaperMessage(bytes));
        return Promise.resolve();
      },
    };
    this.#flows.set(keyOf(target), flow);
    return flow;
  }
}

function keyOf({ protocol, address, port }: Endpoint): string {
  return `${protocol} ${address}:${port}`;
}

function hostOf(uri: string): string {
  return /^sips?:(?:[^@]*@)?([^:;]+)/.exec(uri)?.[1] ?? '';
}

function endpointOf(uri: string): Endpoint[] {
  const [, address = '', port = '5060'] = /^sips?:(?:[^@]*@)?([\d.]+)(?::(\d+))?/.exec(uri) ?? [];
  if (address === '') return [];
  return [{ protocol: uri.includes('transport=tcp') ? 'tcp' : 'udp', address, port: Number(port) }];
}
