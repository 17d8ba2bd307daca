import { setTimeout as pause } from 'node:timers/promises';

import { systemClock } from '../../src/core/clock.ts';
import { withDeadline } from '../../src/core/deadline.ts';
import { startEngine } from '../../src/engine/engine.ts';
import type { Engine, EngineOptions } from '../../src/engine/engine.ts';
import { connectApplication } from '../engine/application.ts';
import type { Handlers, SrfApplication, SrfDialog, SrfRequest, SrfResponse } from '../engine/application.ts';

const SECRET = 'test-secret';

/** Loopback loses nothing: so that a machine that is busy for a second sees no message twice. */
const PATIENT = { t1: 2_000, t2: 8_000, t4: 5_000 };

/** ms a call or a request of the application may take. */
const ACT_WITHIN = 15_000;

/** What the application offers and answers. */
export const SDP = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=message 9 TCP/MSRP *',
  'a=path:msrp://127.0.0.1:9/app;tcp',
  'a=accept-types:text/plain',
  '',
].join('\r\n');

const WITH_SDP = { 'Content-Type': 'application/sdp' };
const SUMMARY = { Event: 'message-summary' };

/**
 * ms between an answer and a request of ours: they may take two connections to a proxy, which then passes on the request
 * first. A subscriber has to bear that (RFC 6665 section 4.1.2.4), but SIPp cannot.
 */
const OVERTAKING = 50;

/** Where an application calls: the callee, and the proxy on the way if there is one. */
export interface Callee {
  uri: string;
  proxy?: string;
}

/** A call whose callee made the offer: the answer goes out in the ACK. */
interface LateOffer {
  readonly sdp: string;
  readonly ack: (sdp: string) => Promise<SrfDialog>;
}

/** drachtio-srf's older way to send a request. */
interface CallbackRequest {
  request(uri: string, options: object, sent: (error: unknown, request?: SrfRequest) => void): void;
}

/**
 * A real drachtio-srf with a trivial application on an engine of its own. How it takes a call is in the user of the
 * Request-URI: `answer`, `ring` (180, then 200), `race` (180, and 200 within some ms), `rings` (180 and no more), `silent`,
 * `busy` (486), `acts` (200, then it sends re-INVITE, UPDATE, INFO and BYE).
 */
export class EngineApplication {
  readonly engine: Engine;
  /** What went wrong in the application; a test ends with none. */
  readonly failures: unknown[] = [];
  readonly #told = new Map<string, number>();
  #srf: SrfApplication | undefined;

  private constructor(engine: Engine) {
    this.engine = engine;
  }

  static async start(options: Partial<EngineOptions> = {}): Promise<EngineApplication> {
    const engine = await startEngine({
      listen: [
        { protocol: 'udp', host: '127.0.0.1', port: 0 },
        { protocol: 'tcp', host: '127.0.0.1', port: 0 },
      ],
      control: { host: '127.0.0.1', port: 0 },
      secret: SECRET,
      extensions: [],
      timers: PATIENT,
      ...options,
    });
    const application = new EngineApplication(engine);
    try {
      application.#srf = await connectApplication(engine.control, SECRET, application.#handlers());
    } catch (error) {
      await engine.close();
      throw error;
    }
    return application;
  }

  get srf(): SrfApplication {
    if (this.#srf === undefined) throw new Error('the application is not connected');
    return this.#srf;
  }

  /** The engine's port; of several listeners of a protocol, the one on this address. */
  port(protocol: string, address = '127.0.0.1'): number {
    const found = this.engine.sip.find((each) => each.protocol === protocol && each.address === address);
    if (found === undefined) throw new Error(`the engine does not listen on ${protocol}:${address}`);
    return found.port;
  }

  /** How often something happened: `ack`, `ack with SDP`, `cancel`, `info`, … and `over: <why>`. */
  count(what: string): number {
    return this.#told.get(what) ?? 0;
  }

  /** All that happened and how often, since it was forgotten last. */
  counts(): Record<string, number> {
    return Object.fromEntries([...this.#told].sort());
  }

  forget(): void {
    this.#told.clear();
    this.failures.length = 0;
  }

  /** Calls somebody who takes the call. */
  begin(callee: Callee): Promise<SrfDialog> {
    return this.#callOut(callee);
  }

  /** Calls, and hangs up as soon as it is answered. */
  async call(callee: Callee): Promise<undefined> {
    const dialog = await this.#callOut(callee);
    await dialog.destroy();
  }

  /** Calls, and hangs up after some ms. */
  async callAndStay(callee: Callee, ms: number): Promise<undefined> {
    const dialog = await this.#callOut(callee);
    await pause(ms);
    await dialog.destroy();
  }

  /** Calls without an offer, and answers the callee's in the ACK. */
  async callWithoutOffer({ uri, proxy }: Callee): Promise<undefined> {
    const options = { noAck: true, ...(proxy === undefined ? {} : { proxy }) };
    const created = (await this.srf.createUAC(uri, options)) as unknown as LateOffer;
    if (!created.sdp.includes('m=message')) throw new Error(`no offer in the 200: ${created.sdp}`);
    await (await created.ack(SDP)).destroy();
  }

  /** Calls, sends re-INVITE, UPDATE and INFO, and hangs up. */
  async callAndAct(callee: Callee): Promise<undefined> {
    await this.#act(await this.#callOut(callee));
  }

  /** Calls, and waits until the callee hangs up. */
  async callAndWait(callee: Callee): Promise<undefined> {
    const dialog = await this.#callOut(callee);
    await new Promise((resolve) => {
      dialog.on('destroy', resolve);
    });
  }

  /** Calls and gives up, at once or when it rings. The final status: 487, or 200 where the CANCEL came too late. */
  async callAndCancel({ uri, proxy }: Callee, when: 'at once' | 'when it rings'): Promise<number> {
    const options = { localSdp: SDP, ...(proxy === undefined ? {} : { proxy }) };
    let request: SrfRequest | undefined;
    const cancel = (): void => {
      request?.cancel((error) => {
        if (error !== undefined && error !== null) this.failures.push(error);
      });
    };
    try {
      const dialog = await this.srf.createUAC(uri, options, {
        cbRequest: (_error, sent) => {
          request = sent;
          if (when === 'at once') cancel();
        },
        cbProvisional: ({ status }) => {
          if (when === 'when it rings' && status === 180) cancel();
        },
      });
      await dialog.destroy();
      return 200;
    } catch (error) {
      return statusOf(error);
    }
  }

  /** Calls somebody who refuses. The status. */
  async callInVain(callee: Callee): Promise<number> {
    try {
      await (await this.#callOut(callee)).destroy();
      return 200;
    } catch (error) {
      return statusOf(error);
    }
  }

  /** A request outside of a dialog. Its final status. */
  async ask(
    { uri, proxy }: Callee,
    request: { method: string; headers?: Record<string, string>; body?: string },
  ): Promise<number> {
    const options = { ...request, ...(proxy === undefined ? {} : { proxy }) };
    // By callback: a response that comes in one read with what says that the request left would find no listener later.
    const srf = this.srf as unknown as CallbackRequest;
    return await new Promise((resolve, reject) => {
      srf.request(uri, options, (error, sent) => {
        if (sent === undefined) reject(asError(error));
        else sent.on('response', ({ status }) => resolve(status));
      });
    });
  }

  /** Subscribes, ends the subscription after its first NOTIFY, and waits for the last. */
  async subscribe({ uri, proxy }: Callee): Promise<undefined> {
    // drachtio-srf keeps the subscription under the name of its To, and looks it up by that of the NOTIFY's.
    const headers = { ...SUMMARY, From: `<${uri}>`, Expires: '60' };
    const options = { method: 'SUBSCRIBE', headers, ...(proxy === undefined ? {} : { proxy }) };
    const dialog = await this.srf.createUAC(uri, options);
    await new Promise<void>((resolve, reject) => {
      dialog.on('notify', (request: SrfRequest, response: SrfResponse) => {
        response.send(200);
        if (request.get('Subscription-State').startsWith('terminated')) resolve();
        else {
          pause(OVERTAKING)
            .then(() => dialog.request({ method: 'SUBSCRIBE', headers: { ...SUMMARY, Expires: '0' } }))
            .catch((error: unknown) => reject(asError(error)));
        }
      });
    });
  }

  async close(): Promise<void> {
    this.#srf?.disconnect();
    await this.engine.close();
  }

  #handlers(): Handlers {
    const ok = (request: SrfRequest, response: SrfResponse): void => {
      this.#tell(request.method);
      response.send(200);
    };
    return {
      INVITE: (request, response) => this.#invited(request, response),
      SUBSCRIBE: (request, response) => this.#watch(this.#subscribed(request, response)),
      MESSAGE: ok,
      OPTIONS: ok,
      REGISTER: (request, response) => {
        this.#tell('REGISTER');
        response.send(200, { headers: { Contact: `${request.get('Contact')};expires=60` } });
      },
      PUBLISH: (_request, response) => {
        this.#tell('PUBLISH');
        response.send(200, { headers: { 'SIP-ETag': 'one', Expires: '60' } });
      },
    };
  }

  #invited(request: SrfRequest, response: SrfResponse): void {
    this.#tell('INVITE');
    request.on('cancel', () => this.#tell('cancel'));
    switch (/^sips?:([^@;]*)@/.exec(request.uri)?.[1]) {
      case 'answer':
        this.#watch(this.#accept(request, response));
        break;
      case 'ring':
        response.send(180);
        this.#watch(pause(20).then(() => this.#accept(request, response)));
        break;
      case 'race':
        response.send(180);
        // Cancelled in the meantime it is no call any more, which is what this is about.
        void pause(this.count('INVITE') % 4)
          .then(() => this.#accept(request, response))
          .then(undefined, () => this.#tell('given up'));
        break;
      case 'acts':
        this.#watch(this.#accept(request, response, (dialog) => this.#act(dialog)));
        break;
      case 'rings':
        response.send(180);
        break;
      case 'silent':
        break;
      default:
        response.send(486);
    }
  }

  async #accept(
    request: SrfRequest,
    response: SrfResponse,
    acknowledged: (dialog: SrfDialog) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const dialog = await this.srf.createUAS(request, response, { localSdp: SDP });
    this.#follow(dialog);
    let first = true;
    dialog.on('ack', (ack: SrfRequest) => {
      this.#tell(ack.body === undefined || ack.body === '' ? 'ack' : 'ack with SDP');
      if (first) this.#watch(acknowledged(dialog));
      first = false;
    });
  }

  #follow(dialog: SrfDialog): void {
    dialog.on('destroy', (_request, reason) => this.#tell(`over: ${reason ?? ''}`));
    for (const method of ['info', 'message', 'options']) {
      dialog.on(method, (_request: SrfRequest, response: SrfResponse) => {
        this.#tell(method);
        response.send(200);
      });
    }
    for (const method of ['modify', 'update']) {
      dialog.on(method, (_request: SrfRequest, response: SrfResponse) => {
        this.#tell(method);
        response.send(200, { headers: WITH_SDP, body: SDP });
      });
    }
  }

  async #callOut({ uri, proxy }: Callee): Promise<SrfDialog> {
    const dialog = await this.srf.createUAC(uri, {
      localSdp: SDP,
      ...(proxy === undefined ? {} : { proxy }),
    });
    this.#follow(dialog);
    return dialog;
  }

  async #act(dialog: SrfDialog): Promise<void> {
    await dialog.modify(SDP);
    const update = await dialog.request({ method: 'UPDATE', headers: WITH_SDP, body: SDP });
    const info = await dialog.request({ method: 'INFO' });
    if (update.status !== 200 || info.status !== 200) {
      throw new Error(`UPDATE ${update.status}, INFO ${info.status}`);
    }
    await dialog.destroy();
    this.#tell('acted');
  }

  async #subscribed(request: SrfRequest, response: SrfResponse): Promise<void> {
    const dialog = await this.srf.createUAS(request, response, { headers: { Expires: '60' } });
    dialog.on('unsubscribe', () => this.#watch(pause(OVERTAKING).then(() => dialog.destroy())));
    await pause(OVERTAKING);
    const headers = { ...SUMMARY, 'Subscription-State': 'active;expires=60' };
    const { status } = await dialog.request({ method: 'NOTIFY', headers });
    if (status !== 200) throw new Error(`NOTIFY ${status}`);
    this.#tell('notified');
  }

  #tell(what: string): void {
    this.#told.set(what, this.count(what) + 1);
  }

  #watch(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.failures.push(error));
  }
}

/** Does something so many times a second, and resolves with how often it came out how; what it throws counts by its message. */
export async function paced(
  count: number,
  ratePerSecond: number,
  act: (index: number) => Promise<number | undefined>,
): Promise<Record<string, number>> {
  const outcomes = new Map<string, number>();
  const begun = performance.now();
  const settle = (outcome: string): void => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await pause(begun + (index * 1_000) / ratePerSecond - performance.now());
      try {
        settle(String((await withDeadline(systemClock, ACT_WITHIN, 'the act', act(index))) ?? 'done'));
      } catch (error) {
        settle(asError(error).message);
      }
    }),
  );
  return Object.fromEntries(outcomes);
}

function statusOf(error: unknown): number {
  if (error instanceof Error && 'status' in error && typeof error.status === 'number') return error.status;
  throw error;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
