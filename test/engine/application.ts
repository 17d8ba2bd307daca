import Srf from 'drachtio-srf';

type Headers = Record<string, string>;

/** What of drachtio-srf's messages the tests look at. */
export interface SrfMessage {
  get(name: string): string;
  has(name: string): boolean;
  readonly body: string | undefined;
  readonly raw: string;
}

export interface SrfRequest extends SrfMessage {
  readonly method: string;
  readonly uri: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly protocol: string;
  readonly stackDialogId: string | undefined;
  readonly stackTxnId: string;
  readonly receivedOn: string | undefined;
  cancel(callback?: (error: unknown) => void): void;
  on(event: 'response', listener: (response: SrfResponse, ack: () => void) => void): this;
  on(event: 'cancel', listener: (request: SrfRequest) => void): this;
}

export interface SrfResponse extends SrfMessage {
  readonly status: number;
  readonly reason: string;
  readonly source_port: number;
  send(
    status: number,
    options?: { headers?: Headers; body?: string },
    callback?: (error: unknown, sent: SrfMessage) => void,
    onAck?: (ack: SrfRequest) => void,
  ): void;
}

export interface SrfDialog {
  readonly id: string;
  readonly sip: { readonly callId: string; readonly localTag: string; readonly remoteTag: string };
  readonly local: { readonly uri: string; readonly sdp: string };
  readonly remote: { readonly uri: string; readonly sdp: string };
  destroy(options?: { headers?: Headers }): Promise<SrfRequest>;
  modify(sdp: string): Promise<string>;
  request(options: { method: string; headers?: Headers; body?: string }): Promise<SrfResponse>;
  on(event: 'destroy', listener: (request: SrfRequest, reason?: string) => void): this;
  on(event: 'ack', listener: (request: SrfRequest) => void): this;
  on(event: string, listener: (request: SrfRequest, response: SrfResponse) => void): this;
}

interface CreateUacOptions {
  method?: string;
  proxy?: string;
  localSdp?: string;
  headers?: Headers;
  auth?: { username: string; password: string };
  callingNumber?: string;
}

/** An application on the control port: drachtio-srf itself, with the types it lacks. */
export interface SrfApplication {
  request(
    uri: string,
    options: {
      method: string;
      headers?: Headers;
      body?: string;
      proxy?: string;
      auth?: { username: string; password: string };
    },
  ): Promise<SrfRequest>;
  createUAS(
    request: SrfRequest,
    response: SrfResponse,
    options: { localSdp?: string; headers?: Headers },
  ): Promise<SrfDialog>;
  createUAC(
    uri: string,
    options: CreateUacOptions,
    progress?: {
      cbRequest?: (error: unknown, sent: SrfRequest) => void;
      cbProvisional?: (response: SrfResponse) => void;
    },
  ): Promise<SrfDialog>;
  use(method: string, handler: (request: SrfRequest, response: SrfResponse) => void): void;
  on(event: string, listener: (...details: unknown[]) => void): this;
  disconnect(): void;
}

interface Connectable extends SrfApplication {
  connect(options: { host: string; port: number; secret: string; reconnect?: object }): void;
}

export type Handlers = Readonly<Record<string, (request: SrfRequest, response: SrfResponse) => void>>;

/** Connects an application that routes the methods it has handlers for; resolves once the engine knows its routes. */
export async function connectApplication(
  control: { readonly host: string; readonly port: number },
  secret: string,
  handlers: Handlers = {},
): Promise<SrfApplication> {
  const application = new Srf() as unknown as Connectable;
  for (const [method, handler] of Object.entries(handlers)) application.use(method.toLowerCase(), handler);
  await new Promise<void>((resolve, reject) => {
    application.on('connect', (error) => {
      if (error instanceof Error) reject(error);
      else resolve();
    });
    application.on('error', (error) => reject(error instanceof Error ? error : new Error(String(error))));
    application.connect({ ...control, secret, reconnect: { maxAttempts: 1 } });
  });
  // Routes are sent in the order of connecting and each is answered; one more exchange behind them proves them taken.
  await application.request('sip:nobody@127.0.0.1:9;transport=tcp', { method: 'OPTIONS' });
  return application;
}

/** The response to a request of an application. */
export async function responseTo(sent: SrfRequest): Promise<SrfResponse> {
  return await new Promise((resolve) => {
    sent.on('response', (response) => {
      if (response.status >= 200) resolve(response);
    });
  });
}
