import { expect } from 'chai';
import type { Call, Parts } from '../../doubles/calling-phone.ts';
import { CallingPhone } from '../../doubles/calling-phone.ts';
import { JumpingClock } from '../../doubles/jumping-clock.ts';
import type { ChatOptions } from '../../doubles/msrp-chat.ts';
import { MsrpChat, chatOffer, pathOf } from '../../doubles/msrp-chat.ts';
import type { RawMessage } from '../../doubles/raw-sip-client.ts';
import type { RunningApp } from '../../doubles/running-app.ts';
import { runApp } from '../../doubles/running-app.ts';
import { SipPhone } from '../../doubles/sip-phone.ts';

export const ALICE = 'sip:alice@example.test';
export const BOB = 'sip:bob@example.test';
export const MAILBOX = 'sip:mailbox@example.test';

/** The program, with a clock that can be put forward, and callers. */
export class CallerSite {
  readonly app: RunningApp;
  readonly clock: JumpingClock;
  readonly #open: { close(): unknown }[] = [];

  private constructor(app: RunningApp, clock: JumpingClock) {
    this.app = app;
    this.clock = clock;
  }

  static async open(environment: Readonly<Record<string, string>> = {}): Promise<CallerSite> {
    const clock = new JumpingClock();
    return new CallerSite(await runApp({ SESSION_IDLE_SECONDS: '600', ...environment }, clock), clock);
  }

  async close(): Promise<void> {
    for (const each of this.#open.reverse()) await each.close();
    await this.app.stop();
  }

  async phone(address = BOB): Promise<CallingPhone> {
    return this.#keep(await CallingPhone.open(address, this.app.udp));
  }

  async chat(own: string, sdp: string, options: ChatOptions = {}): Promise<MsrpChat> {
    return this.#keep(await MsrpChat.open(own, pathOf(sdp), options));
  }

  /** A call with a chat that is bound. */
  async chatting(
    to: string,
    parts: Parts = {},
    from = BOB,
  ): Promise<{ call: Call; chat: MsrpChat; own: string }> {
    const own = MsrpChat.localPath();
    const phone = await this.phone(from);
    const call = await phone.call(to, { body: chatOffer(own), ...parts });
    return { call, chat: await this.chat(own, call.sdp), own };
  }

  async leaveText(words: string): Promise<void> {
    const bob = this.#keep(await SipPhone.open({ address: BOB, server: this.app.udp }));
    expect((await bob.message(ALICE, words)).startLine).to.include('200');
  }

  /** Puts the clock forward, once what was sent in the call has arrived. */
  async jump(call: Call, ms: number): Promise<void> {
    expect((await call.request('OPTIONS')).status).to.equal(200);
    this.clock.jump(ms);
  }

  /** What is fetched by a plain call of the owner. */
  async texts(count: number): Promise<string[]> {
    const { call, chat } = await this.chatting(MAILBOX, {}, ALICE);
    const texts = await chat.waitForMessages(count);
    call.respond(await call.next('BYE'), 200);
    expect(chat.messages()).to.have.length(count);
    return texts.map(({ body }) => body);
  }

  #keep<T extends { close(): unknown }>(each: T): T {
    this.#open.push(each);
    return each;
  }
}

export function bodyOf(message: RawMessage): string {
  return message.body.toString();
}

/** The version in the o= line. */
export function versionOf(sdp: string): number {
  return Number(/^o=\S+ \d+ (\d+) /m.exec(sdp)?.[1] ?? -1);
}

/** An offer with further lines at the end of its only medium. */
export function offerWith(path: string, ...lines: string[]): string {
  return `${chatOffer(path)}${lines.map((line) => `${line}\r\n`).join('')}`;
}
