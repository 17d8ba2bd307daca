import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { CalledDialog } from './called-dialog.ts';
import type { DrachtioRequestOptions, DrachtioResponse, SentRequest } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import { CalledOff } from './server-errors.ts';
import type { SipServer } from './sip-server.ts';
import { answeredBy, refuseCrossing, requestOver, unsent } from './sip-server.ts';

/** The final response to an INVITE of ours. */
export interface Answered {
  readonly response: DrachtioResponse;
  /** Of a 2xx, when the SIP server made one of it. */
  readonly dialog: CalledDialog | undefined;
}

interface Surroundings {
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Sends an INVITE outside of any dialog and waits for its final response.
 *
 *   sent ── 1xx ──> ringing ── 2xx: ACK ──> answered
 *     │                ├── 300 and above ──> refused
 *     └────────────────┴── rings too long, called off: CANCEL; server lost ──> given up ── 2xx: ACK, BYE ──> over
 *
 * Given up, it rejects at once: the 487 may never come, and a 2xx that crosses the CANCEL may.
 * @throws SipServerLost, DeadlineExceeded, CalledOff, or what the server said of a request it could not send
 */
export async function inviteOver(
  server: SipServer,
  uri: string,
  { signal, ...options }: DrachtioRequestOptions,
  surroundings: Surroundings,
): Promise<Answered> {
  if (signal?.aborted === true) throw new CalledOff();
  const call = new OutgoingCall(server, uri, options, surroundings);
  const callOff = (): void => call.fail(new CalledOff());
  signal?.addEventListener('abort', callOff);
  try {
    return await answeredBy(server, surroundings.clock, 'INVITE', call.answered, SIP_LIMITS.ringing);
  } catch (error) {
    call.giveUp();
    throw error;
  } finally {
    signal?.removeEventListener('abort', callOff);
  }
}

class OutgoingCall {
  readonly answered: Promise<Answered>;
  readonly #server: SipServer;
  readonly #sdp: string;
  readonly #surroundings: Surroundings;
  #succeed: (answered: Answered) => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  #invite: SentRequest | undefined;
  #givenUp = false;
  #final = false;

  constructor(server: SipServer, uri: string, options: DrachtioRequestOptions, surroundings: Surroundings) {
    this.#server = server;
    this.#sdp = options.body ?? '';
    this.#surroundings = surroundings;
    this.answered = new Promise<Answered>((resolve, reject) => {
      this.#succeed = resolve;
      this.fail = reject;
      server.client.request(uri, options, (error, request) => {
        if (request === undefined) reject(unsent(error));
        else this.#sent(request);
      });
    });
  }

  giveUp(): void {
    this.#givenUp = true;
    if (this.#invite !== undefined && !this.#final) this.#cancel(this.#invite);
  }

  #sent(request: SentRequest): void {
    this.#invite = request;
    refuseCrossing(request);
    request.on('response', (response, acknowledge) => {
      if (response.status < 200) return;
      this.#final = true;
      if (response.status < 300) this.#accepted(request, response, acknowledge);
      else this.#succeed({ response, dialog: undefined });
    });
    if (this.#givenUp) this.#cancel(request);
  }

  /** In the same turn of the event loop: the peer's BYE may follow in the same read. */
  #accepted(request: SentRequest, response: DrachtioResponse, acknowledge: () => void): void {
    acknowledge();
    const dialog = this.#dialogOf(request, response);
    if (!this.#givenUp) {
      this.#succeed({ response, dialog });
      return;
    }
    const { logger } = this.#surroundings;
    logger.info({ callId: request.get('Call-ID') }, 'answered after we gave up: hung up');
    dialog
      ?.destroy()
      .catch((error: unknown) => logger.debug({ error: describeError(error) }, 'BYE not answered'));
  }

  #dialogOf(request: SentRequest, { stackDialogId: id = '' }: DrachtioResponse): CalledDialog | undefined {
    if (id === '') return undefined;
    const server = this.#server;
    const dialog = new CalledDialog({
      id,
      contact: request.get('Contact') ?? '',
      sdp: this.#sdp,
      request: async ({ headers = {}, ...rest }) =>
        await requestOver(server, this.#surroundings.clock, '', { ...rest, headers, stackDialogId: id }),
      remove: (each) => server.client.removeDialog(each),
    });
    server.client.addDialog(dialog);
    return dialog;
  }

  #cancel(request: SentRequest): void {
    try {
      request.cancel();
    } catch (error) {
      // The server is gone, and calls off itself what it was asked for.
      this.#surroundings.logger.debug({ error: describeError(error) }, 'CANCEL not sent');
    }
  }
}
