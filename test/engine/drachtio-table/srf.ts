import Srf from 'drachtio-srf';
import type { SrfDialog, SrfRequest, SrfResponse } from '../application.ts';

type Headers = Record<string, string>;
interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** A request that came or was sent, with the calls the types of the other tests leave out. */
export interface Request extends SrfRequest {
  cancel(options: { headers: Headers }, callback?: (error: unknown) => void): void;
  cancel(callback?: (error: unknown) => void): void;
}

export interface Dialog extends Omit<SrfDialog, 'modify' | 'request' | 'on'> {
  readonly onHold: boolean;
  modify(sdp: string): Promise<string>;
  modify(options: { noAck: true }): Promise<{ sdp: string; ack: (sdp: string) => void }>;
  request(options: {
    method: string;
    headers?: Headers;
    body?: string;
    auth?: Credentials;
  }): Promise<SrfResponse>;
  on(event: 'destroy', listener: (request: SrfRequest, reason?: string) => void): this;
  on(event: string, listener: (request: Request, response: SrfResponse) => void): this;
}

/** What createUAC gives with `noAck` where the INVITE had no offer. */
export interface Answered {
  readonly sdp: string;
  ack(sdp: string): Promise<Dialog>;
  destroy(): Promise<void>;
}

export interface UacOptions {
  method?: string;
  proxy?: string;
  localSdp?: string;
  headers?: Headers;
  auth?: Credentials;
  callingNumber?: string;
  callingName?: string;
  noAck?: boolean;
  followRedirects?: boolean;
  keepUriOnRedirect?: boolean;
}

interface Progress {
  cbRequest?: (error: unknown, sent: Request) => void;
  cbProvisional?: (response: SrfResponse) => void;
}

interface B2BuaOptions {
  localSdpA?: string | ((sdp: string) => string);
  localSdpB?: string | ((sdp: string) => string);
  headers?: Headers;
  responseHeaders?: Headers;
  proxyRequestHeaders?: string[];
  proxyResponseHeaders?: string[];
  passFailure?: boolean;
  passProvisionalResponses?: boolean;
}

export interface RequestOptions {
  method: string;
  headers?: Headers;
  body?: string;
  proxy?: string;
  auth?: Credentials;
}

export interface ConnectOptions {
  host: string;
  port: number;
  secret: string;
  reconnect?: object;
  tls?: object;
}

/** drachtio-srf with the types it lacks: every call the table makes. */
export interface Application {
  connect(options: ConnectOptions): void;
  disconnect(): void;
  on(event: string, listener: (...details: unknown[]) => void): this;
  use(method: string, handler: Handler): void;
  request(uri: string, options: RequestOptions, callback: (error: unknown, sent: Request) => void): void;
  createUAS(
    request: SrfRequest,
    response: SrfResponse,
    options: { localSdp?: string | (() => Promise<string>); headers?: Headers },
  ): Promise<Dialog>;
  createUAC(uri: string, options: UacOptions & { noAck: true }, progress?: Progress): Promise<Answered>;
  createUAC(uri: string, options: UacOptions, progress?: Progress): Promise<Dialog>;
  createB2BUA(
    request: SrfRequest,
    response: SrfResponse,
    uri: string,
    options?: B2BuaOptions,
  ): Promise<{ uac: Dialog; uas: Dialog }>;
  proxyRequest(request: SrfRequest, destination: string): Promise<{ finalStatus: number }>;
  findDialogById(id: string): Dialog | undefined;
  findDialogByCallIDAndFromTag(callId: string, tag: string): Dialog | undefined;
  unregisterForMessages(verb: string): void;
  reregisterForMessages(verb: string): void;
}

export type Handler = (request: Request, response: SrfResponse) => void;

/** An application that is not connected yet. */
export function newApplication(tags: readonly string[] = []): Application {
  return new Srf([...tags]) as unknown as Application;
}

/** Sends a request: the answer is listened for before it can come. */
export async function ask(
  application: Application,
  uri: string,
  options: RequestOptions,
): Promise<{ readonly sent: Request; readonly answer: Promise<SrfResponse> }> {
  return await new Promise((resolve, reject) => {
    application.request(uri, options, (error, sent) => {
      if (error instanceof Error) {
        reject(error);
        return;
      }
      const answer = new Promise<SrfResponse>((answered) => {
        sent.on('response', (response) => {
          if (response.status >= 200) answered(response);
        });
      });
      resolve({ sent, answer });
    });
  });
}

/** What became of a promise that may fail: the status or code it failed with, else 'done'. */
export async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (!(error instanceof Error)) return reasonOf(String(error));
    const { status, code } = error as { status?: number; code?: string };
    return String(status ?? code ?? error.message);
  }
}

/** Why something was not done, in the words all servers share. */
export function reasonOf(text: string): string {
  return text.replace('Response not sent due to ', '');
}
