import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Gauge, Metrics } from '../../core/metrics.ts';
import { Application } from './application.ts';
import type { ApplicationOwner } from './application.ts';
import { CONTROL_LIMITS } from './limits.ts';

/** Where applications connect. */
export interface ControlAddress {
  /** 127.0.0.1 when not given. */
  readonly host?: string;
  /** 9022, drachtio-server's, when not given; 0 takes any free one. */
  readonly port?: number;
  /** Our certificate and its key, in PEM: applications connect by TLS then, `srf.connect({ tls })`. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** The port applications connect to, and the applications that did. */
export class ControlServer {
  #server: Server | undefined;
  readonly #owner: Omit<ApplicationOwner, 'listening' | 'bound'>;
  readonly #applications = new Set<Application>();
  readonly #connected: Gauge;
  /** When each application had its last turn, by verb: those that never had one come first. */
  readonly #turns = new Map<string, WeakMap<Application, number>>();
  #turn = 0;
  #listening = (): string => '';
  #bound = (): string => '';

  constructor(owner: Omit<ApplicationOwner, 'listening' | 'bound'> & { readonly metrics: Metrics }) {
    this.#owner = owner;
    this.#connected = owner.metrics.gauge('engine_applications', 'Applications on the control port');
  }

  /**
   * Starts to listen; resolves with what was really bound. `sip` says what applications are told the engine listens on, `bound`
   * the same as it is bound, where peers know it by other addresses.
   */
  async listen(
    { host = '127.0.0.1', port = 9022, tls }: ControlAddress,
    sip: () => string,
    bound: () => string = sip,
  ): Promise<{ host: string; port: number }> {
    this.#listening = sip;
    this.#bound = bound;
    const take = (socket: Socket): void => this.#accept(socket);
    const { authenticationDeadline: handshakeTimeout, connections } = CONTROL_LIMITS;
    const server =
      tls === undefined ? createServer(take) : createTlsServer({ ...tls, handshakeTimeout }, take);
    // Twice the applications: one too many is logged, and those that still shake hands are bounded too.
    server.maxConnections = 2 * connections;
    this.#server = server;
    server.listen(port, host);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new TypeError('a TCP port has an address');
    return { host: address.address, port: address.port };
  }

  /** Cuts every application off and stops listening. */
  async close(): Promise<void> {
    for (const application of this.#applications) application.destroy();
    if (this.#server?.listening !== true) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  /**
   * Whose turn it is among the applications that want `verb` and can take a request now: who has waited longest, so that
   * the turns stay even while applications come, go and are busy.
   * @param except is passed over
   */
  next(verb: string, except?: Application): Application | undefined {
    const turns = this.#turns.get(verb);
    let chosen: Application | undefined;
    let earliest = Infinity;
    for (const application of this.#applications) {
      if (!application.ready || !application.verbs.has(verb)) continue;
      if (application === except || application.full) continue;
      const turn = turns?.get(application) ?? 0;
      if (turn < earliest) [chosen, earliest] = [application, turn];
    }
    if (chosen !== undefined) this.#tookTurn(verb, chosen);
    return chosen;
  }

  /** There are applications at work, and each of them has all it can take. */
  get saturated(): boolean {
    let atWork = false;
    for (const application of this.#applications) {
      if (!application.ready || application.verbs.size === 0) continue;
      if (!application.full) return false;
      atWork = true;
    }
    return atWork;
  }

  /** Any application wants `verb`, be it busy. */
  wants(verb: string): boolean {
    for (const application of this.#applications) {
      if (application.ready && application.verbs.has(verb)) return true;
    }
    return false;
  }

  /** Verbs any application wants, lower case. None: no application is connected, or none has begun to work. */
  get verbs(): ReadonlySet<string> {
    const verbs = new Set<string>();
    for (const application of this.#applications) {
      if (application.ready) for (const verb of application.verbs) verbs.add(verb);
    }
    return verbs;
  }

  #tookTurn(verb: string, application: Application): void {
    const turns = this.#turns.get(verb) ?? new WeakMap<Application, number>();
    turns.set(application, ++this.#turn);
    this.#turns.set(verb, turns);
  }

  #accept(socket: Socket): void {
    if (this.#applications.size >= CONTROL_LIMITS.connections) {
      this.#owner.logger.warn({}, 'too many applications, one more is turned away');
      socket.destroy();
      return;
    }
    const { secret, clock, logger } = this.#owner;
    const application = new Application(socket, {
      secret,
      clock,
      logger,
      listening: this.#listening(),
      bound: this.#bound(),
      nextId: () => this.#owner.nextId(),
      sip: (from, command) => this.#owner.sip(from, command),
      gone: (left) => {
        this.#applications.delete(left);
        this.#connected.set(this.#applications.size);
        this.#owner.gone(left);
      },
    });
    this.#applications.add(application);
    this.#connected.set(this.#applications.size);
  }
}
