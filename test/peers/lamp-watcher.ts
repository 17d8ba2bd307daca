import { setTimeout as pause } from 'node:timers/promises';

import { hexToken, systemRandom } from '../../src/core/random.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { PhoneDialog, PhoneMessage } from '../doubles/sip-phone.ts';
import { until } from './until.ts';

/** What one NOTIFY told a watcher. */
export interface LampNotice {
  /** ms since the watcher was opened. */
  readonly at: number;
  /** The body, verbatim; '' when there was none. */
  readonly body: string;
  /** Subscription-State, without its parameters. */
  readonly state: string;
  /** How many subscriptions the watcher had made when it came, this one among them. */
  readonly subscription: number;
}

export interface LampWatcherOptions {
  /** UDP port of the presence server on 127.0.0.1. */
  readonly server: number;
  /** Whose lamp: `sip:alice@example.test`. */
  readonly address: string;
  /** Seconds to ask for. Default: 600. */
  readonly expires?: number;
  /** ms between two refreshes; each one is answered by a NOTIFY. Default: half of what was granted. */
  readonly refreshEvery?: number;
}

/** What a watcher waits before it subscribes again after it could not, and between two looks at what came, ms. */
const RETRY = 500;
const LOOK = 50;

/**
 * A phone that watches the lamp of its user as phones do: it subscribes, answers every NOTIFY, refreshes, and subscribes
 * anew when the presence server ended the subscription or knows nothing of it. It keeps every body it was told, in order.
 */
export class LampWatcher {
  readonly #options: LampWatcherOptions;
  readonly #phone: SipPhone;
  readonly #opened = performance.now();
  readonly #notices: LampNotice[] = [];
  readonly #stopping = new AbortController();
  #callId = '';
  #subscriptions = 0;
  #kept: Promise<void> = Promise.resolve();

  private constructor(options: LampWatcherOptions, phone: SipPhone) {
    this.#options = options;
    this.#phone = phone;
    phone.answerTo = (request) => this.#answer(request);
  }

  /** Subscribes and resolves when the first NOTIFY is in. @throws Error when the first SUBSCRIBE is refused */
  static async open(options: LampWatcherOptions): Promise<LampWatcher> {
    const phone = await SipPhone.open({ address: options.address, server: options.server });
    const watcher = new LampWatcher(options, phone);
    try {
      const first = await watcher.#subscribe();
      watcher.#kept = watcher.#keep(first);
      await until(`a first NOTIFY for ${options.address}`, 5_000, () => watcher.notices().length > 0);
      return watcher;
    } catch (reason) {
      await watcher.stop();
      throw reason;
    }
  }

  get address(): string {
    return this.#options.address;
  }

  /** What every NOTIFY told, oldest first. */
  notices(): readonly LampNotice[] {
    return this.#notices;
  }

  /** Every body, oldest first; '' for a NOTIFY without one. */
  bodies(): string[] {
    return this.notices().map(({ body }) => body);
  }

  /** What the lamp showed in turn: the bodies, without those that told the same again. */
  shown(): string[] {
    return this.bodies().filter((body, index, all) => index === 0 || body !== all[index - 1]);
  }

  /** Resolves when the last body is `body`; rejects after `deadline` ms with all that was seen. */
  async until(body: string, deadline = 5_000): Promise<void> {
    await until(
      `${this.address} is told ${JSON.stringify(body)}`,
      deadline,
      () => this.notices().at(-1)?.body === body,
      () => this.transcript(),
    );
  }

  /** All notices, one a line, for a person who looks why a test failed. */
  transcript(): string {
    return this.notices()
      .map(
        ({ at, body, state, subscription }) =>
          `${(at / 1000).toFixed(2)} s #${subscription} ${state} ${JSON.stringify(body)}`,
      )
      .join('\n');
  }

  /** Watches no longer, without a word to the presence server. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#kept;
    await this.#phone.close();
  }

  #answer(request: PhoneMessage): string {
    if (!request.startLine.startsWith('NOTIFY ')) return '405 Method Not Allowed';
    // RFC 6665 §4.1.3: a NOTIFY of a subscription that we gave up is none of ours.
    if (request.header('Call-ID') !== this.#callId) return '481 Subscription Does Not Exist';
    const state = (request.header('Subscription-State') ?? '').replace(/;.*/, '').trim();
    const at = performance.now() - this.#opened;
    this.#notices.push({ at, body: request.body, state, subscription: this.#subscriptions });
    return '200 OK';
  }

  async #subscribe(): Promise<PhoneDialog> {
    // The first NOTIFY may come before the 200.
    this.#callId = hexToken(systemRandom, 64);
    this.#subscriptions++;
    return await this.#phone.dialog('SUBSCRIBE', this.address, {
      ...this.#headers(),
      'Call-ID': this.#callId,
    });
  }

  #headers(): Record<string, string> {
    return {
      Event: 'message-summary',
      Accept: 'application/simple-message-summary',
      Expires: String(this.#options.expires ?? 600),
    };
  }

  async #keep(first: PhoneDialog): Promise<void> {
    let dialog: PhoneDialog | undefined = first;
    while (!this.#stopping.signal.aborted) {
      if (dialog === undefined) {
        dialog = await this.#subscribe().catch(() => undefined);
        if (dialog === undefined) await this.#rest(RETRY);
      } else {
        dialog = await this.#refreshed(dialog);
      }
    }
  }

  /** Waits until the subscription is to be refreshed and does it; undefined when there is none any more. */
  async #refreshed(dialog: PhoneDialog): Promise<PhoneDialog | undefined> {
    const granted = Number(/\d+/.exec(dialog.answer.header('Expires') ?? '')?.[0] ?? 0) * 1000;
    await this.#rest(this.#options.refreshEvery ?? granted / 2);
    while (!this.#stopping.signal.aborted) {
      if (this.#isTerminated()) return undefined;
      const answer = await dialog.request('SUBSCRIBE', this.#headers()).catch(() => undefined);
      if (answer?.startLine.startsWith('SIP/2.0 2') === true) return dialog;
      // Any refusal makes a phone try with a new subscription; silence does not end this one.
      if (answer !== undefined) return undefined;
    }
    return dialog;
  }

  #isTerminated(): boolean {
    const last = this.#notices.at(-1);
    return last?.subscription === this.#subscriptions && last.state === 'terminated';
  }

  /** Waits `ms`, or less when the subscription ends or the watching does. */
  async #rest(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (performance.now() < end && !this.#stopping.signal.aborted && !this.#isTerminated()) {
      await pause(Math.min(LOOK, Math.max(0, end - performance.now())));
    }
  }
}
