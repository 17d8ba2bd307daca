import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Gauge, Metrics } from '../core/metrics.ts';
import type { CalledDialog } from './called-dialog.ts';
import { hasDisguisedHeaders } from './disguised-headers.ts';
import type {
  DrachtioDialog,
  DrachtioRequest,
  DrachtioRequestOptions,
  DrachtioResponse,
  HeaderMap,
} from './drachtio.ts';
import { createDrachtioClient } from './drachtio.ts';
import { paceFrames } from './frame-pace.ts';
import { SIP_LIMITS } from './limits.ts';
import { inviteOver } from './outgoing-call.ts';
import { watchPings } from './ping-watch.ts';
import { SipRefusal, sendRefusal } from './refusal.ts';
import type { RequestSender } from './request-sender.ts';
import { NoSipServer } from './server-errors.ts';
import type { SipServer } from './sip-server.ts';
import { requestOver } from './sip-server.ts';

/** A request from the network, with what it takes to answer it. */
export interface Incoming {
  readonly request: DrachtioRequest;
  readonly response: DrachtioResponse;
  /** Answers 2xx and opens a dialog (INVITE 200, SUBSCRIBE 202). */
  openDialog(options: { localSdp?: string; headers?: HeaderMap }): Promise<DrachtioDialog>;
}

/** A dialog that a request of ours opened, on the one SIP server that knows it. */
export interface OwnDialog {
  readonly id: string;
  /**
   * Sends a request in the dialog and waits for its final response.
   * @throws NoSuchDialog, NoSipServer, DeadlineExceeded, or what the server said of a request it could not send
   */
  request(options: Omit<DrachtioRequestOptions, 'stackDialogId' | 'proxy'>): Promise<DrachtioResponse>;
}

/** Handles one method. What it throws becomes the answer: a {@link SipRefusal} as it says, anything else 500. */
export type Route = (incoming: Incoming) => Promise<void>;

export interface SipAgentOptions {
  /** The built-in engine's control address, or those of drachtio-servers. */
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  readonly secret: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Our end towards the SIP servers: hands requests to routes, sends ours through whichever server is connected. */
export class SipAgent implements RequestSender {
  readonly #options: SipAgentOptions;
  readonly #servers: SipServer[] = [];
  readonly #unwatch: (() => void)[] = [];
  readonly #answers: Counter;
  readonly #connected: Gauge;
  /** Which server a response came from: the one that has its dialog. */
  readonly #origins = new WeakMap<DrachtioResponse, SipServer>();
  readonly #called = new WeakMap<DrachtioResponse, CalledDialog>();
  #turn = 0;
  #stopped = false;

  constructor(options: SipAgentOptions) {
    this.#options = options;
    this.#answers = options.metrics.counter('sip_answers_total', 'SIP requests by method and answer', [
      'method',
      'status',
    ]);
    this.#connected = options.metrics.gauge('sip_servers_connected', 'Connected SIP servers');
  }

  /** True while at least one SIP server is connected. */
  get ready(): boolean {
    return this.#servers.some(({ connected }) => connected);
  }

  /**
   * Connects to every server and keeps reconnecting. Resolves once the first one is there, with what it listens on, as
   * it says itself: `udp/127.0.0.1:5060,tcp/127.0.0.1:5060`.
   */
  async start(routes: Readonly<Record<string, Route>>): Promise<string> {
    return await new Promise<string>((resolve) => {
      for (const address of this.#options.servers) this.#connect(address, routes, resolve);
    });
  }

  /** Leaves the servers; requests in flight reject with {@link SipServerLost}. */
  stop(): void {
    this.#stopped = true;
    for (const unwatch of this.#unwatch) unwatch();
    for (const server of this.#servers) {
      // Else the library reaches for a server that is down for ever.
      server.reconnect.maxAttempts = 1;
      if (server.connected) server.client.disconnect();
      this.#setConnected(server, false);
    }
  }

  /**
   * Sends a request outside of any dialog and waits for its final response. An INVITE is called off when it rings for too long,
   * and a 2xx to it is acknowledged: {@link calledDialog}.
   * @throws NoSipServer, SipServerLost, DeadlineExceeded, CalledOff, or what the server said of a request it could not send
   */
  async request(uri: string, options: DrachtioRequestOptions): Promise<DrachtioResponse> {
    const server = this.#nextConnected();
    if (options.method !== 'INVITE') return await this.#request(server, uri, options);
    const { clock, logger } = this.#options;
    const { response, dialog } = await inviteOver(server, uri, options, { clock, logger });
    if (dialog !== undefined) this.#called.set(response, dialog);
    return response;
  }

  /** The dialog of a call of ours that this 2xx answered; undefined when the server made none of it. */
  calledDialog(response: DrachtioResponse): CalledDialog | undefined {
    return this.#called.get(response);
  }

  /** The dialog that a 2xx to a request of ours opened; undefined when it opened none. */
  dialogOf(response: DrachtioResponse): OwnDialog | undefined {
    const server = this.#origins.get(response);
    const id = response.stackDialogId ?? '';
    if (server === undefined || id === '') return undefined;
    return {
      id,
      request: async (options) => {
        if (!server.connected) throw new NoSipServer();
        return await this.#request(server, '', { ...options, stackDialogId: id });
      },
    };
  }

  async #request(server: SipServer, uri: string, options: DrachtioRequestOptions): Promise<DrachtioResponse> {
    const response = await requestOver(server, this.#options.clock, uri, options);
    this.#origins.set(response, server);
    return response;
  }

  #nextConnected(): SipServer {
    const connected = this.#servers.filter((server) => server.connected);
    const server = connected[this.#turn++ % Math.max(1, connected.length)];
    if (server === undefined) throw new NoSipServer();
    return server;
  }

  #connect(
    { host, port }: { readonly host: string; readonly port: number },
    routes: Readonly<Record<string, Route>>,
    onFirst: (listening: string) => void,
  ): void {
    const { logger, secret } = this.#options;
    const client = createDrachtioClient();
    const reconnect = { retryMaxDelay: SIP_LIMITS.reconnectDelay };
    const server: SipServer = {
      name: `${host}:${port}`,
      client,
      connected: false,
      reconnect,
      losers: new Set(),
    };
    this.#servers.push(server);
    client.on('connect', (error, listening, _version, local) => {
      if (error) {
        logger.error({ server: server.name, error: describeError(error) }, 'SIP server refused us');
        return;
      }
      if (this.#stopped) {
        // It was being reached for when we stopped.
        client.disconnect();
        return;
      }
      logger.info({ server: server.name, listening }, 'SIP server connected');
      this.#setConnected(server, true);
      // We talk to it from within, where what it advertises need not lead to it.
      onFirst(local ?? listening);
    });
    client.on('error', (error) => {
      if (!this.#stopped)
        logger.warn({ server: server.name, error: describeError(error) }, 'SIP server lost');
      this.#setConnected(server, false);
    });
    client.on('close', () => {
      this.#setConnected(server, false);
    });
    for (const [method, route] of Object.entries(routes)) {
      client.use(method.toLowerCase(), (request, response) => {
        void this.#handle(server, route, request, response);
      });
    }
    client.connect({
      host,
      port,
      secret,
      reconnect,
      enablePing: true,
      pingInterval: SIP_LIMITS.pingInterval,
    });
    paceFrames(client.app.client.wp);
    const unwatch = watchPings(client.app.client.wp, this.#options.clock, () =>
      logger.warn({ server: server.name }, 'SIP server does not answer; connecting anew'),
    );
    this.#unwatch.push(unwatch);
  }

  async #openDialog(
    server: SipServer,
    request: DrachtioRequest,
    response: DrachtioResponse,
    options: { localSdp?: string; headers?: HeaderMap },
  ): Promise<DrachtioDialog> {
    const { clock, logger } = this.#options;
    const opening = server.client.createUAS(request, response, options);
    try {
      const operation = `answering ${request.method}`;
      const dialog = await withDeadline(clock, SIP_LIMITS.answerDeadline, operation, opening);
      goOnOver(server, dialog, request.method, async (sent) => {
        return await this.#request(server, '', { headers: {}, ...sent, stackDialogId: dialog.id });
      });
      return dialog;
    } catch (error) {
      // A dialog that comes up after all belongs to nobody.
      opening
        .then((dialog) => dialog.destroy())
        .catch((late: unknown) => logger.debug({ error: describeError(late) }, 'dialog not opened'));
      throw error;
    }
  }

  #setConnected(server: SipServer, connected: boolean): void {
    server.connected = connected;
    if (!connected) for (const lose of server.losers) lose();
    this.#connected.set(this.#servers.filter((each) => each.connected).length);
  }

  async #handle(
    server: SipServer,
    route: Route,
    request: DrachtioRequest,
    response: DrachtioResponse,
  ): Promise<void> {
    const { logger } = this.#options;
    try {
      if (hasDisguisedHeaders(request.raw)) throw new SipRefusal(400, 'Bad Header Name');
      await route({
        request,
        response,
        openDialog: (options) => this.#openDialog(server, request, response, options),
      });
    } catch (error) {
      const refusal =
        error instanceof SipRefusal ? error : new SipRefusal(500, 'Internal Error', {}, { cause: error });
      const fields = {
        method: request.method,
        uri: request.uri,
        callId: request.get('Call-ID'),
        from: request.source_address,
        status: refusal.status,
        reason: refusal.reason,
        cause: refusal.cause === undefined ? undefined : describeError(refusal.cause),
      };
      if (refusal.status >= 500) logger.error(fields, 'request refused');
      else logger.info(fields, 'request refused');
      try {
        sendRefusal(response, refusal);
      } catch (cause) {
        logger.warn({ ...fields, error: describeError(cause) }, 'answer could not be sent');
      }
    } finally {
      this.#answers.add({ method: request.method, status: String(response.status) });
    }
  }
}

/**
 * Lets the dialog's requests go by whichever connection there is to its server: drachtio-srf's own way is bound to the one it
 * came by, so that a connection lost for a moment would be the end of every dialog. It also takes a provisional response to an
 * INVITE for the answer.
 */
function goOnOver(
  { client }: SipServer,
  dialog: DrachtioDialog,
  method: string,
  request: DrachtioDialog['request'],
): void {
  dialog.request = request;
  if (method !== 'INVITE') return;
  dialog.destroy = async ({ headers = {} } = {}) => {
    try {
      return await request({ method: 'BYE', headers });
    } finally {
      client.removeDialog(dialog);
      dialog.removeAllListeners();
    }
  };
}
