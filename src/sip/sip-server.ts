import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import type {
  DrachtioClient,
  DrachtioRequest,
  DrachtioRequestOptions,
  DrachtioResponse,
} from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import { NoSuchDialog, SipServerLost } from './server-errors.ts';

/** One of the SIP servers we work with, and our connection to it. */
export interface SipServer {
  readonly name: string;
  readonly client: DrachtioClient;
  connected: boolean;
  /** How the client library reconnects; it reads them at each loss. */
  readonly reconnect: { readonly retryMaxDelay: number; maxAttempts?: number };
  /** Ends each request in flight, when the connection that would bring its answer is gone. */
  readonly losers: Set<() => void>;
}

/**
 * Sends a request and waits for its final response. A 2xx to an INVITE in a dialog is acknowledged.
 * @throws SipServerLost, DeadlineExceeded, NoSuchDialog, or what the server said of a request it could not send
 */
export async function requestOver(
  server: SipServer,
  clock: Clock,
  uri: string,
  options: DrachtioRequestOptions,
): Promise<DrachtioResponse> {
  const answer = new Promise<DrachtioResponse>((resolve, reject) => {
    server.client.request(uri, options, (error, request) => {
      if (request === undefined) {
        reject(unsent(error));
        return;
      }
      refuseCrossing(request);
      request.on('response', (response, acknowledge) => {
        if (response.status < 200) return;
        if (options.method === 'INVITE' && response.status < 300) acknowledge();
        resolve(response);
      });
    });
  });
  return await answeredBy(server, clock, options.method, answer);
}

/**
 * Waits for `answer` for a bounded time; the client library never tells when its connection is gone.
 * @throws SipServerLost, DeadlineExceeded
 */
export async function answeredBy<T>(
  server: SipServer,
  clock: Clock,
  operation: string,
  answer: Promise<T>,
  limit: number = SIP_LIMITS.requestDeadline,
): Promise<T> {
  let lose = (): void => undefined;
  const lost = new Promise<never>((_resolve, reject) => {
    lose = () => reject(new SipServerLost(server.name));
  });
  server.losers.add(lose);
  try {
    return await withDeadline(clock, limit, operation, Promise.race([answer, lost]));
  } finally {
    server.losers.delete(lose);
  }
}

/** An UPDATE of the peer while a request of ours is not answered (RFC 3311 §5.2); unanswered it would come again and again. */
export function refuseCrossing(request: DrachtioRequest): void {
  request.on('update', (_update, response) => response.send(491, 'Request Pending', {}));
}

/** Why a request was not sent, as drachtio-srf says it. */
export function unsent(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  return 'code' in error && error.code === 'ENODIALOG' ? new NoSuchDialog({ cause: error }) : error;
}
