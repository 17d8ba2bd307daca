import Srf from 'drachtio-srf';

/*
 * The part of drachtio-srf this program uses, typed as its code behaves: the package's own declarations lack methods
 * and promise types it does not have. Nothing else imports drachtio-srf.
 */

export type HeaderMap = Record<string, string>;

/** A SIP message as drachtio-srf shows it. Header names in any case; several fields of one name come joined by commas. */
interface DrachtioMessage {
  get(name: string): string | undefined;
  has(name: string): boolean;
  readonly body: string | undefined;
}

/** A request from the network, or one of ours that was sent. */
export interface DrachtioRequest extends DrachtioMessage {
  readonly method: string;
  readonly uri: string;
  /** The whole message as the server handed it over. */
  readonly raw?: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly protocol: string;
  /** Id of the dialog it came in; '' or absent outside of one. */
  readonly stackDialogId?: string;
  on(event: 'cancel', listener: () => void): this;
  on(event: 'response', listener: (response: DrachtioResponse, ack: () => void) => void): this;
  /** An UPDATE came with the Call-ID of this request of ours, before its final response: no dialog is asked about it. */
  on(event: 'update', listener: InDialog): this;
}

/** A request of ours that was sent. */
export interface SentRequest extends DrachtioRequest {
  /** Calls an INVITE off (RFC 3261 §9.1). Its final response still comes. */
  cancel(): void;
}

/** A response: one to send, or one that came. */
export interface DrachtioResponse extends DrachtioMessage {
  readonly status: number;
  readonly reason: string;
  readonly finalResponseSent: boolean;
  /** Id of the dialog a 2xx to INVITE or SUBSCRIBE opened. */
  readonly stackDialogId?: string;
  send(
    status: number,
    reason: string,
    options: { headers?: HeaderMap; body?: string },
    callback?: (error: unknown) => void,
  ): void;
}

type InDialog = (request: DrachtioRequest, response: DrachtioResponse) => void;

/** A dialog, whichever side began it. */
export interface CallDialog {
  readonly id: string;
  readonly connected: boolean;
  /** Takes a request that came in the dialog. */
  handle(request: DrachtioRequest, response: DrachtioResponse): void;
  readonly local: { readonly sdp: string; readonly contact: string };
  on(event: 'destroy', listener: () => void): this;
  /** The ACK to a 2xx of ours. It comes a turn of the event loop late, so that whoever opened the dialog can listen first. */
  on(event: 'ack', listener: (request: DrachtioRequest) => void): this;
  on(event: 'modify' | 'message' | 'refer', listener: InDialog): this;
  /** Sends BYE. Resolves on its answer. */
  destroy(options?: { headers?: HeaderMap }): Promise<unknown>;
  request(options: { method: string; headers?: HeaderMap; body?: string }): Promise<DrachtioResponse>;
}

/** A dialog we answered, as drachtio-srf makes it. */
export interface DrachtioDialog extends CallDialog {
  /** The client keeps every dialog until it is told that one is gone. */
  readonly srf: { removeDialog(dialog: DrachtioDialog): void };
  removeAllListeners(): this;
}

/** A request to send. */
export interface DrachtioRequestOptions {
  readonly method: string;
  /** The dialog it is sent in; none when left out. The server fills in the Request-URI and the route then. */
  readonly stackDialogId?: string;
  /** Next hop, a SIP URI; the Request-URI stays untouched. */
  readonly proxy?: string;
  readonly headers: HeaderMap;
  readonly body?: string;
  /** Of an INVITE outside of a dialog: calls it off while it rings. */
  readonly signal?: AbortSignal;
}

/** A connection to a SIP server. */
export interface ControlSocket {
  write(frame: string): unknown;
  destroy(): unknown;
}

/** A client's connections, one after the other. drachtio-srf has no public way to what is sent and answered. */
export interface ControlConnections {
  /** Sends a command; returns its id, which the answer repeats. */
  send(socket: ControlSocket, command: string): string;
  on(
    event: 'ping',
    listener: (ping: { readonly msgId: string; readonly socket: ControlSocket }) => void,
  ): this;
  on(event: 'msg', listener: (socket: ControlSocket, frame: string) => void): this;
  on(event: 'close', listener: (socket: ControlSocket) => void): this;
}

/** One connection of drachtio-srf to one drachtio-server, or to the built-in engine. */
export interface DrachtioClient {
  connect(options: {
    host: string;
    port: number;
    secret: string;
    reconnect: { readonly retryMaxDelay: number; readonly maxAttempts?: number };
    enablePing: boolean;
    pingInterval: number;
  }): void;
  disconnect(): void;
  /** What is in it is there once `connect` was called. */
  readonly app: { readonly client: { readonly wp: ControlConnections } };
  use(method: string, handler: (request: DrachtioRequest, response: DrachtioResponse) => void): void;
  /** `local`: what the server is bound to, where peers know it by other addresses; not every server says. */
  on(
    event: 'connect',
    listener: (
      error: Error | null | undefined,
      hostport: string,
      version?: string | null,
      local?: string | null,
    ) => void,
  ): this;
  on(event: 'error' | 'close' | 'reconnecting', listener: (detail: unknown) => void): this;
  /** `sent` is called once the server took the request: a response may follow in the same read. */
  request(
    uri: string,
    options: DrachtioRequestOptions,
    sent: (error: unknown, request?: SentRequest) => void,
  ): void;
  createUAS(
    request: DrachtioRequest,
    response: DrachtioResponse,
    options: { localSdp?: string; headers?: HeaderMap },
  ): Promise<DrachtioDialog>;
  /** What comes in the dialog goes to its `handle` from now on. */
  addDialog(dialog: Pick<CallDialog, 'id' | 'handle'>): void;
  removeDialog(dialog: Pick<CallDialog, 'id'>): void;
}

/** A client that is not connected yet. */
export function createDrachtioClient(): DrachtioClient {
  return new Srf() as unknown as DrachtioClient;
}
