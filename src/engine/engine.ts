import { describeError } from '../core/errors.ts';
import type { Timer } from '../core/clock.ts';
import { sparingLogger } from '../core/logger.ts';
import type { Logger } from '../core/logger.ts';
import { parseApplicationMessage } from './control/application-message.ts';
import type { Application, SipCommand } from './control/application.ts';
import { ControlServer } from './control/control-server.ts';
import { DialogTable } from './dialog/dialog-table.ts';
import { MalformedMessage } from './message/malformed-message.ts';
import { settingsOf } from './options.ts';
import type { EngineOptions, Settings } from './options.ts';
import { AnswerCache } from './targets/answer-cache.ts';
import { nameService } from './targets/host-resolver.ts';
import { resolveTarget } from './targets/resolve-target.ts';
import { Setbacks } from './targets/setbacks.ts';
import { UdpProbes } from './targets/udp-probes.ts';
import { DEFAULT_SIP_TIMERS } from './transaction/timers.ts';
import { TransactionTable } from './transaction/transaction-table.ts';
import { createTransportLayer } from './transport/transport-layer.ts';
import type {
  AttachedAddress,
  Flow,
  LocalEndpoint,
  ReceivedMessage,
  TakeStream,
  TlsSettings,
  TransportLayer,
} from './transport/transport.ts';
import { ArrivingRoute } from './user-agent/arriving-route.ts';
import { ClientSide } from './user-agent/client-side.ts';
import { Farewells } from './user-agent/farewells.ts';
import { HeldNotifies } from './user-agent/held-notifies.ts';
import { Identifiers } from './user-agent/identifiers.ts';
import { LocalAddresses } from './user-agent/local-addresses.ts';
import { Opening } from './user-agent/opening.ts';
import { answerMalformed } from './user-agent/malformed.ts';
import { ServerSide } from './user-agent/server-side.ts';
import type { Surroundings } from './user-agent/surroundings.ts';

export type { ControlAddress } from './control/control-server.ts';
export { UnusableOption } from './options.ts';
export type { EngineOptions } from './options.ts';
export type {
  AttachedAddress,
  Endpoint,
  HostPort,
  ListenAddress,
  ListenProtocol,
  LocalEndpoint,
  StreamEnds,
  TakeStream,
  TlsSettings,
} from './transport/transport.ts';
export type { HostResolver, PointerRecord, ServiceRecord } from './targets/host-resolver.ts';
export type { SourceRate } from './admission/source-limits.ts';
export type { SipTimers } from './transaction/timers.ts';
export type { ReturnedRequests } from './user-agent/surroundings.ts';
export type { BinaryBodies } from './user-agent/binary-bodies.ts';

/** A running engine. */
export interface Engine {
  /** What was really bound, and what was attached. */
  readonly sip: readonly LocalEndpoint[];
  readonly control: { readonly host: string; readonly port: number };
  /**
   * Counts a listener for WebSockets among ours (RFC 7118); it is the caller's, and shares its port with whatever else is
   * spoken there. What is returned takes each of its connections: a stream on which every write is one WebSocket message,
   * and every chunk read is the content of one. Applications that connect later are told of it.
   */
  readonly attach: (address: AttachedAddress) => TakeStream;
  /**
   * Takes another key and certificate for TLS connections from now on; those there are live on.
   * @throws TransportError when they do not serve: the old ones stay
   */
  readonly renewCertificate: (tls: TlsSettings) => void;
  /** Ends everything at once: peers and applications are told nothing. */
  readonly close: () => Promise<void>;
}

/** How often the numbers of what is alive are reported, ms. */
const REPORT_INTERVAL = 5_000;

/**
 * Starts a SIP user agent that applications steer over drachtio's control protocol, as they would a drachtio-server:
 * `await startEngine({ listen: ['udp:127.0.0.1:5060'], secret: 'cymru' })`.
 * @throws UnusableOption
 * @throws what binding a port throws
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const engine = new RunningEngine(settingsOf(options));
  try {
    return await engine.start();
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** Wires the parts: messages go to the side they concern, applications' commands likewise. */
class RunningEngine {
  readonly #options: Settings;
  readonly #logger: Logger;
  readonly #transport: TransportLayer;
  readonly #control: ControlServer;
  readonly #dialogs: DialogTable;
  readonly #transactions: TransactionTable;
  readonly #identifiers: Identifiers;
  readonly #addresses: LocalAddresses;
  readonly #held: HeldNotifies;
  readonly #farewells: Farewells;
  readonly #client: ClientSide;
  readonly #server: ServerSide;
  readonly #opening: Opening;
  readonly #answers: AnswerCache;
  readonly #probes: UdpProbes;
  readonly #route: ArrivingRoute;
  #reporting: Timer | undefined;
  #closed = false;

  constructor(options: Settings) {
    const { clock, metrics, random, secret, binaryBodies = 'base64' } = options;
    const logger = sparingLogger(options.logger, clock);
    const timers = { ...DEFAULT_SIP_TIMERS, ...options.timers };
    this.#options = options;
    this.#logger = logger;
    this.#identifiers = new Identifiers(random);
    this.#probes = new UdpProbes(clock);
    this.#answers = new AnswerCache(nameService(options.dnsServers), clock);
    this.#transport = createTransportLayer({
      listen: options.listen,
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      clock,
      logger,
      metrics,
    });
    this.#opening = new Opening(
      clock,
      () => this.#control.verbs.size > 0,
      (received) => this.#take(received),
    );
    this.#transport.screen = (datagram, flow) => this.#server.screen(datagram, flow);
    this.#transport.onMessage = (received) => {
      if (received.message.kind === 'response' || !this.#opening.holds(received)) this.#take(received);
    };
    this.#transport.onMalformed = (error, source, flow) => {
      logger.info({ source, problem: error.message }, 'malformed SIP message');
      this.#answerMalformed(error, flow);
    };
    this.#transport.onFlowFailed = (flow) => this.#transactions.flowFailed(flow);
    this.#addresses = new LocalAddresses(this.#transport);
    this.#route = new ArrivingRoute(() => this.#transport.local);
    this.#transactions = new TransactionTable({ clock, timers });
    this.#dialogs = new DialogTable(clock, (dialog) => {
      if (dialog.kind === 'INVITE') this.#client.hangUp(dialog, 'dialog lapsed');
    });
    this.#control = new ControlServer({
      secret,
      clock,
      logger,
      metrics,
      nextId: () => this.#identifiers.next(),
      sip: (application, command) => this.#command(application, command),
      gone: (application) => this.#gone(application),
    });
    const surroundings: Surroundings = {
      clock,
      timers,
      logger,
      transport: this.#transport,
      transactions: this.#transactions,
      dialogs: this.#dialogs,
      control: this.#control,
      identifiers: this.#identifiers,
      addresses: this.#addresses,
      binaryBodies,
      extensions:
        options.extensions === undefined
          ? undefined
          : new Set(options.extensions.map((tag) => tag.toLowerCase())),
      returned: options.returned ?? 'refuse',
      resolve: (uri) =>
        resolveTarget(uri, {
          resolver: options.resolver ?? this.#answers,
          random,
          local: this.#transport.local,
        }),
      setbacks: new Setbacks(clock, logger, metrics),
      probes: this.#probes,
      outboundProxy: options.outboundProxy,
    };
    this.#held = new HeldNotifies(clock, (arrival) => this.#server.takeEarlyNotify(arrival));
    this.#farewells = new Farewells(clock);
    this.#client = new ClientSide(surroundings, this.#held, this.#farewells);
    this.#server = new ServerSide(surroundings, {
      held: this.#held,
      asking: this.#client,
      farewells: this.#farewells,
      metrics,
      sourceRate: options.sourceRate,
    });
  }

  async start(): Promise<Engine> {
    this.#opening.begin(this.#options.holdUntilServed ?? 0);
    await this.#transport.start();
    const addresses = this.#addresses;
    const control = await this.#control.listen(
      this.#options.control,
      () => addresses.describe(),
      () => addresses.describeBound(),
    );
    this.#report();
    const transport = this.#transport;
    return {
      get sip() {
        return transport.local;
      },
      control,
      attach: (address) => transport.attach(address),
      renewCertificate: (tls) => transport.renewCertificate(tls),
      close: () => this.close(),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#reporting?.cancel();
    this.#opening.close();
    this.#held.close();
    this.#farewells.close();
    this.#client.close();
    this.#server.close();
    this.#answers.close();
    this.#probes.close();
    this.#dialogs.closeAll();
    this.#transactions.abandonAll();
    await this.#control.close();
    await this.#transport.close();
  }

  #take(received: ReceivedMessage): void {
    if (this.#closed) return;
    const { message, source, flow } = received;
    try {
      if (message.kind === 'request') this.#server.take(this.#route.asSent(message), received);
      else this.#transactions.findClient(message)?.respond(message);
    } catch (error) {
      // A header that is only read here and cannot be: the message is refused, the engine lives on.
      this.#logger.info({ source, problem: describeError(error) }, 'unreadable SIP message');
      if (message.kind === 'request') {
        this.#answerMalformed(new MalformedMessage(400, 'Bad Request', message), flow);
      }
    }
  }

  #answerMalformed(error: MalformedMessage, flow: Flow): void {
    if (this.#closed || error.request === undefined || !this.#server.mayTell(flow.remote)) return;
    answerMalformed(error, flow, this.#identifiers);
  }

  #command(application: Application, command: SipCommand): void {
    try {
      const message = parseApplicationMessage(command.message);
      if (message.start.kind === 'response') this.#server.answer(application, command, message);
      else this.#client.send(application, command, message);
    } catch (error) {
      application.fail(command, describeError(error));
    }
  }

  #gone(application: Application): void {
    if (this.#closed) return;
    this.#server.applicationGone(application);
    this.#client.applicationGone(application);
  }

  #report(): void {
    const { metrics, clock } = this.#options;
    const transactions = metrics.gauge('engine_transactions', 'SIP transactions alive, by side', ['side']);
    const dialogs = metrics.gauge('engine_dialogs', 'SIP dialogs alive');
    const report = (): void => {
      const { server, client } = this.#transactions.counts;
      transactions.set(server, { side: 'server' });
      transactions.set(client, { side: 'client' });
      dialogs.set(this.#dialogs.size);
      this.#reporting = clock.after(REPORT_INTERVAL, report);
    };
    report();
  }
}
