import type { RawMsrpFrame } from '../doubles/raw-msrp-client.ts';
import { RawMsrpClient, msrpReport, msrpRequest, msrpResponse } from '../doubles/raw-msrp-client.ts';

/** A client that reaches the world through the relay only: it asked for a path there, and keeps that connection. */
export class RelayedClient {
  readonly #relay: RawMsrpClient;
  readonly own: string;
  readonly usePath: string;

  private constructor(relay: RawMsrpClient, own: string, usePath: string) {
    this.#relay = relay;
    this.own = own;
    this.usePath = usePath;
  }

  static async open(port: number, name: string): Promise<RelayedClient> {
    const relay = await RawMsrpClient.connect(port);
    const own = `msrp://127.0.0.1:9/${name};tcp`;
    const to = `msrp://127.0.0.1:${port};tcp`;
    const headers = ['Expires: 600'];
    await relay.sendBytes(msrpRequest({ transactId: `auth${name}`, method: 'AUTH', to, from: own, headers }));
    const answer = await relay.nextFrame();
    if (answer.status !== 200) throw new Error(`AUTH: ${answer.text}`);
    return new RelayedClient(relay, own, answer.header('Use-Path'));
  }

  /** For SDP: from the relay to the client. */
  get path(): string {
    return `${this.usePath} ${this.own}`;
  }

  async send(to: string, transactId: string, more: readonly string[], body?: string): Promise<void> {
    const headers = [`Message-ID: m${transactId}`, ...more];
    const request = { transactId, to: `${this.usePath} ${to}`, from: this.own, headers };
    await this.#relay.sendBytes(msrpRequest(body === undefined ? request : { ...request, body }));
  }

  /** The next request that reaches the client; the relay's own answers are passed over. */
  async nextRequest(): Promise<RawMsrpFrame> {
    for (;;) {
      const frame = await this.#relay.nextFrame();
      if (frame.method !== '') return frame;
      if (frame.status !== 200) throw new Error(frame.text);
    }
  }

  /** Answers 200. */
  async answer(frame: RawMsrpFrame): Promise<void> {
    await this.#relay.sendBytes(msrpResponse(frame, '200 OK', this.own));
  }

  /** Answers 200 and reports success. */
  async acknowledge(frame: RawMsrpFrame): Promise<void> {
    await this.answer(frame);
    await this.#relay.sendBytes(msrpReport(frame, '000 200 OK', this.own));
  }

  close(): void {
    this.#relay.close();
  }
}
