import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import { readConfig } from '../../src/config.ts';
import { storeSettings } from '../../src/store-settings.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';
import { until } from '../peers/until.ts';
import { fetchTexts } from './fetch-texts.ts';
import { JumpingClock } from './jumping-clock.ts';
import { MsrpChat, chatOffer, pathOf } from './msrp-chat.ts';
import { quiet } from './quiet.ts';
import type { RunningApp } from './running-app.ts';
import { runApp } from './running-app.ts';
import type { PhoneMessage } from './sip-phone.ts';
import { SipPhone } from './sip-phone.ts';

export const ALICE = 'sip:alice@example.test';
export const BOB = 'sip:bob@example.test';
export const MAILBOX = 'sip:mailbox@example.test';

/** The lamp of an owner, as her phone is told of it. */
export interface Lamp {
  /** What it showed so far, in turn: `1/0`. */
  shown(): string[];
  /** Resolves when the last it showed is `count`. */
  until(count: string): Promise<void>;
}

/** The program with a clock that can be put forward, and those who leave texts at it. */
export class SendingSite {
  readonly app: RunningApp;
  readonly clock: JumpingClock;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #open: { close(): unknown }[] = [];
  /** Phones that watch their lamps. */
  readonly #watching: SipPhone[] = [];

  private constructor(app: RunningApp, clock: JumpingClock, environment: Readonly<Record<string, string>>) {
    this.app = app;
    this.clock = clock;
    this.#environment = environment;
  }

  static async open(
    environment: Readonly<Record<string, string>> = {},
    clock = new JumpingClock(),
  ): Promise<SendingSite> {
    const app = await runApp({ SESSION_IDLE_SECONDS: '600', ...environment }, clock);
    return new SendingSite(app, clock, environment);
  }

  async close(): Promise<void> {
    for (const each of this.#open.splice(0).reverse()) await each.close();
    await this.app.stop();
  }

  /** Puts the clock forward by `ms`, once nothing of the lamps is under way: what waits for an answer would wait in vain. */
  async jump(ms: number): Promise<void> {
    await quiet(this.app, this.#watching);
    this.clock.jump(ms);
  }

  async phone(address = BOB): Promise<SipPhone> {
    return this.#keep(await SipPhone.open({ address, server: this.app.udp }));
  }

  /** A chat with an offline user, bound and not greeted yet. */
  async chat(from: SipPhone, to = ALICE): Promise<MsrpChat> {
    const path = MsrpChat.localPath();
    const call = await from.dialog('INVITE', to, { 'Content-Type': 'application/sdp' }, chatOffer(path));
    return this.#keep(await MsrpChat.open(path, pathOf(call.answer.body)));
  }

  /** The status of the answer to a call. */
  async callStatus(from: SipPhone, to = ALICE): Promise<string> {
    const headers = { 'Content-Type': 'application/sdp', Contact: from.contact };
    const answer = await from.request('INVITE', to, headers, chatOffer(MsrpChat.localPath()));
    return answer.startLine;
  }

  async lamp(address = ALICE): Promise<Lamp> {
    const owner = await this.phone(address);
    this.#watching.push(owner);
    await owner.dialog('SUBSCRIBE', address, {
      Event: 'message-summary',
      Accept: 'application/simple-message-summary',
      Expires: '3600',
    });
    const counts = ({ startLine, body }: PhoneMessage): string[] => {
      const count = /Text-Message: (\d+\/\d+)/.exec(body)?.[1];
      return startLine.startsWith('NOTIFY ') && count !== undefined ? [count] : [];
    };
    const shown = (): string[] =>
      owner.received.flatMap(counts).filter((count, index, all) => count !== all[index - 1]);
    return {
      shown,
      until: async (count) => {
        await until(
          `the lamp to show ${count}`,
          15_000,
          () => shown().at(-1) === count,
          () => shown().join(', '),
        );
      },
    };
  }

  /** What the owner is handed in a chat. */
  async fetch(address = ALICE): Promise<string[]> {
    const owner = await this.phone(address);
    return await fetchTexts(owner, MAILBOX);
  }

  /** The database of the program, opened a second time. */
  async store<T>(work: (store: Store) => Promise<T>): Promise<T> {
    const config = readConfig({
      DATABASE_URL: `sqlite:${this.app.folder}/mailbox.db`,
      ...this.#environment,
    });
    const store = await openStore({
      ...storeSettings(config),
      clock: this.clock,
      random: systemRandom,
      logger: silentLogger,
      metrics: noMetrics,
      onSummaryDirty: () => undefined,
    });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  #keep<T extends { close(): unknown }>(each: T): T {
    this.#open.push(each);
    return each;
  }
}

/** The MESSAGEs a phone was sent. */
export function messagesTo(phone: SipPhone): readonly PhoneMessage[] {
  return phone.received.filter(({ startLine }) => startLine.startsWith('MESSAGE '));
}

export function address(uri: string): AddressOfRecord {
  return AddressOfRecord.parse(uri);
}
