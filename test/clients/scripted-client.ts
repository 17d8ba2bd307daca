import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RawMsrpFrame, RawTransport } from '../doubles/raw-msrp-client.ts';
import { RawMsrpClient, msrpReport, msrpResponse } from '../doubles/raw-msrp-client.ts';
import type { RunningApp } from '../doubles/running-app.ts';
import { runApp } from '../doubles/running-app.ts';
import type { PhoneDialog } from '../doubles/sip-phone.ts';
import { SipPhone } from '../doubles/sip-phone.ts';

export const ALICE = 'sip:alice@example.test';
export const BOB = 'sip:bob@example.test';
export const MAILBOX = 'sip:mailbox@example.test';

const FOLDER = join(import.meta.dirname, '../../fixtures/msrp/clients');

/** What a client sends, out of `fixtures/msrp/clients`, with `{{name}}` filled in. */
export function script(file: string, values: Readonly<Record<string, string>>): Buffer {
  const text = readFileSync(join(FOLDER, file), 'latin1');
  const filled = text.replace(/\{\{([\w-]+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${file} wants {{${name}}}`);
    return value;
  });
  return Buffer.from(filled, 'latin1');
}

/** A call that was answered: its SDP and the dialog. */
export interface ScriptedCall {
  readonly dialog: PhoneDialog;
  readonly sdp: string;
  /** Our path, out of the answer. */
  readonly path: string;
}

/** The program, and clients that speak to it in the bytes of their scripts. */
export class ScriptedSite {
  readonly #app: RunningApp;
  readonly #phones: SipPhone[] = [];
  readonly #chats: RawMsrpClient[] = [];

  private constructor(app: RunningApp) {
    this.#app = app;
  }

  static async open(environment: Readonly<Record<string, string>> = {}): Promise<ScriptedSite> {
    return new ScriptedSite(await runApp(environment));
  }

  async phone(address: string): Promise<SipPhone> {
    const phone = await SipPhone.open({ address, server: this.#app.udp });
    this.#phones.push(phone);
    return phone;
  }

  /** Calls `to` with the offer of a script. */
  async call(from: SipPhone, to: string, offer: Buffer): Promise<ScriptedCall> {
    const headers = { 'Content-Type': 'application/sdp' };
    const dialog = await from.dialog('INVITE', to, headers, offer.toString('utf8'));
    const sdp = dialog.answer.body;
    return { dialog, sdp, path: /^a=path:(.+?)\r?$/m.exec(sdp)?.[1] ?? '' };
  }

  /** A connection to the MSRP port. */
  async connect(transport: RawTransport = 'tcp'): Promise<RawMsrpClient> {
    const port = this.#app.app.msrp.find((listener) => listener.transport === transport)?.port ?? 0;
    const chat = await RawMsrpClient.connect(port, transport);
    this.#chats.push(chat);
    return chat;
  }

  /** The texts a plain client of `owner` is handed, in order; acknowledges each. */
  async fetch(owner: SipPhone): Promise<Buffer[]> {
    const own = 'msrp://127.0.0.1:9/fetching;tcp';
    const call = await this.call(owner, MAILBOX, script('plain-offer.sdp', { path: own, setup: 'active' }));
    const chat = await this.connect();
    await chat.sendBytes(script('bind.msrp', { to: call.path, from: own, id: 'fetchbind1' }));
    const texts: Buffer[] = [];
    const ended = call.dialog.next('BYE').then(() => undefined);
    for (;;) {
      const frame = await Promise.race([ended, chat.nextFrame(5_000)]);
      if (frame === undefined) return texts;
      if (frame.method !== 'SEND') continue;
      await acknowledge(chat, frame, own);
      texts.push(frame.body);
    }
  }

  async close(): Promise<void> {
    for (const chat of this.#chats) chat.close();
    for (const phone of this.#phones) await phone.close();
    await this.#app.stop();
  }
}

/** Answers 200, and reports where a report was asked for. */
export async function acknowledge(chat: RawMsrpClient, frame: RawMsrpFrame, own: string): Promise<void> {
  await chat.sendBytes(msrpResponse(frame, '200 OK', own));
  if (frame.header('Success-Report') === 'yes') await chat.sendBytes(msrpReport(frame, '000 200 OK', own));
}

/** The next SEND of the other side that carries words; each is acknowledged. */
export async function nextWords(chat: RawMsrpClient, own: string): Promise<RawMsrpFrame> {
  for (;;) {
    const frame = await chat.nextFrame();
    if (frame.method !== 'SEND') continue;
    await acknowledge(chat, frame, own);
    return frame;
  }
}

/** The response to `transactId`; what else comes before is passed over. */
export async function responseTo(chat: RawMsrpClient, transactId: string): Promise<RawMsrpFrame> {
  for (;;) {
    const frame = await chat.nextFrame();
    if (frame.method === '' && frame.transactId === transactId) return frame;
  }
}

/** Every line of an SDP that begins with `start`. */
export function sdpLines(sdp: string, start: string): string[] {
  return sdp.split('\r\n').filter((line) => line.startsWith(start));
}
