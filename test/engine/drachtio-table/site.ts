import { isRequest, rawResponse, RawSipClient } from '../../doubles/raw-sip-client.ts';
import type { RawProtocol } from '../../doubles/raw-sip-client.ts';
import type { Server } from './servers.ts';
import { ask, newApplication } from './srf.ts';
import type { Application, ConnectOptions, Handler } from './srf.ts';

export type Handlers = Readonly<Record<string, Handler>>;

interface Connected {
  readonly application: Application;
  readonly closed: Promise<void>;
}

/** The applications and peers of one row, on a server that others may use before and after. */
export class Site {
  readonly server: Server;
  readonly #applications: Connected[] = [];
  readonly #peers: RawSipClient[] = [];
  /** What the server said it listens on: `udp/127.0.0.1:5060,…`. */
  #hostPorts = '';

  constructor(server: Server) {
    this.server = server;
  }

  get hostPorts(): string {
    return this.#hostPorts;
  }

  port(protocol: RawProtocol): number {
    const found = this.#hostPorts.split(',').find((each) => each.startsWith(`${protocol}/`));
    return Number(/:(\d+)$/.exec(found ?? '')?.[1] ?? 0);
  }

  /** Connects an application with handlers by method; resolves once the server knows its routes. */
  async application(
    handlers: Handlers = {},
    options: Partial<ConnectOptions> & { readonly tags?: readonly string[] } = {},
  ): Promise<Application> {
    const { tags, ...connecting } = options;
    const application = newApplication(tags);
    for (const [method, handler] of Object.entries(handlers)) application.use(method.toLowerCase(), handler);
    const closed = new Promise<void>((resolve) => {
      application.on('close', () => resolve());
    });
    await new Promise<void>((resolve, reject) => {
      application.on('connect', (error, hostPorts) => {
        this.#hostPorts = String(hostPorts);
        if (error instanceof Error) reject(error);
        else resolve();
      });
      application.on('error', (error) => reject(error instanceof Error ? error : new Error(String(error))));
      const { control, secret } = this.server;
      application.connect({ ...control, secret, reconnect: { maxAttempts: 1 }, ...connecting });
    });
    this.#applications.push({ application, closed });
    await this.settled(application);
    return application;
  }

  /** Commands are answered in their order: what the application sent before is done once one more is. */
  async settled(application: Application): Promise<void> {
    const probe = await this.peer('udp');
    const { answer } = await ask(application, uriOf(probe), { method: 'OPTIONS' });
    probe.send(rawResponse(await probe.nextMessage(isRequest('OPTIONS')), 200, 'OK', { tag: 'probe' }));
    await answer;
  }

  /** A peer that talks to the server; over UDP it can be called as well. */
  async peer(protocol: RawProtocol = 'udp'): Promise<RawSipClient> {
    // Where the server listens is told to applications alone.
    if (this.#hostPorts === '') await this.application();
    return this.#adopt(await RawSipClient.connect(protocol, this.port(protocol)));
  }

  /** A peer that waits for the server's TCP connection. */
  async listener(): Promise<RawSipClient> {
    return this.#adopt(await RawSipClient.listen());
  }

  /** Ends an application's connection; resolves when the server has seen it. */
  async disconnect(application: Application): Promise<void> {
    const index = this.#applications.findIndex((each) => each.application === application);
    const [connected] = index < 0 ? [] : this.#applications.splice(index, 1);
    if (connected === undefined) return;
    application.disconnect();
    await connected.closed;
  }

  async close(): Promise<void> {
    for (const { application } of [...this.#applications]) await this.disconnect(application);
    await Promise.all(this.#peers.splice(0).map((peer) => peer.close()));
  }

  #adopt(peer: RawSipClient): RawSipClient {
    this.#peers.push(peer);
    return peer;
  }
}

/** How a peer is called. */
export function uriOf(peer: RawSipClient): string {
  return `sip:peer@127.0.0.1:${peer.port}${peer.protocol === 'tcp' ? ';transport=tcp' : ''}`;
}
