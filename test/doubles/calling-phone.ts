import type { RawMessage } from './raw-sip-client.ts';
import {
  RawSipClient,
  contactOf,
  isRequest,
  rawInDialog,
  rawRequest,
  rawResponse,
  uniqueWord,
} from './raw-sip-client.ts';

/** Headers and body of a message; the type of a body is SDP unless it is said otherwise. */
export interface Parts {
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** A phone that sends the INVITEs, UPDATEs and ACKs a test spells out, over UDP, and answers nothing by itself. */
export class CallingPhone {
  readonly client: RawSipClient;
  readonly #address: string;

  private constructor(client: RawSipClient, address: string) {
    this.client = client;
    this.#address = address;
  }

  /** @param port UDP port of the mailbox on 127.0.0.1 */
  static async open(address: string, port: number): Promise<CallingPhone> {
    return new CallingPhone(await RawSipClient.connect('udp', port), address);
  }

  /** The final answer to an INVITE, which is not acknowledged yet. */
  async invite(to: string, parts: Parts = {}): Promise<{ bytes: Buffer; answer: RawMessage }> {
    const bytes = this.inviteBytes(to, parts);
    this.client.send(bytes);
    return { bytes, answer: await this.#final('INVITE') };
  }

  inviteBytes(to: string, { headers = [], body = '' }: Parts = {}): Buffer {
    return rawRequest({
      method: 'INVITE',
      uri: to,
      client: this.client,
      from: `<${this.#address}>;tag=${uniqueWord()}`,
      headers: [contactOf(this.client), ...typed(headers, body)],
      body,
    });
  }

  /** A call that is answered and acknowledged, by an ACK with the body `ack` makes of the answer where one is wanted. */
  async call(to: string, parts: Parts = {}, ack?: (sdp: string) => string): Promise<Call> {
    const { bytes, answer } = await this.invite(to, parts);
    if (answer.status !== 200) throw new Error(`INVITE: ${answer.text}`);
    const call = this.established(bytes, answer);
    call.acknowledge(1, ack?.(answer.body.toString()) ?? '');
    return call;
  }

  /** The dialog that a 2xx to an INVITE made. */
  established(invite: Buffer, answer: RawMessage): Call {
    return new Call(this.client, invite, answer);
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  async #final(method: string): Promise<RawMessage> {
    return await this.client.nextMessage(
      (message) => message.status >= 200 && message.header('CSeq').endsWith(` ${method}`),
    );
  }
}

/** A dialog that an INVITE of the phone made. */
export class Call {
  readonly answer: RawMessage;
  readonly #client: RawSipClient;
  readonly #invite: Buffer;
  #cseq = 1;

  constructor(client: RawSipClient, invite: Buffer, answer: RawMessage) {
    this.#client = client;
    this.#invite = invite;
    this.answer = answer;
  }

  get sdp(): string {
    return this.answer.body.toString();
  }

  acknowledge(cseq: number, body = ''): void {
    this.#send('ACK', cseq, { body });
  }

  /** Sends a request in the dialog; its final answer. A 2xx to INVITE is acknowledged, with `ack` of its body when given. */
  async request(method: string, parts: Parts = {}, ack?: (sdp: string) => string): Promise<RawMessage> {
    const cseq = this.send(method, parts);
    const answer = await this.answerTo(cseq);
    if (method === 'INVITE' && answer.status < 300)
      this.acknowledge(cseq, ack?.(answer.body.toString()) ?? '');
    return answer;
  }

  /** Sends a request in the dialog and leaves the rest to the test; its CSeq number. */
  send(method: string, parts: Parts = {}): number {
    this.#send(method, ++this.#cseq, parts);
    return this.#cseq;
  }

  /** The final answer to the request with this CSeq number. */
  async answerTo(cseq: number): Promise<RawMessage> {
    return await this.#client.nextMessage(
      (message) => message.status >= 200 && message.header('CSeq').startsWith(`${cseq} `),
    );
  }

  /** The next request of the mailbox in the dialog. */
  async next(method: string): Promise<RawMessage> {
    return await this.#client.nextMessage(isRequest(method));
  }

  respond(request: RawMessage, status: number, { headers = [], body = '' }: Parts = {}): void {
    const all = [contactOf(this.#client), ...typed(headers, body)];
    this.#client.send(rawResponse(request, status, 'Whatever', { headers: all, body }));
  }

  #send(method: string, cseq: number, { headers = [], body = '' }: Parts): void {
    const all = method === 'ACK' ? typed(headers, body) : [contactOf(this.#client), ...typed(headers, body)];
    const dialog = { request: this.#invite, response: this.answer };
    this.#client.send(rawInDialog(this.#client, method, dialog, cseq, { headers: all, body }));
  }
}

function typed(headers: readonly string[], body: string): string[] {
  const isTyped = headers.some((header) => header.toLowerCase().startsWith('content-type:'));
  return body === '' || isTyped ? [...headers] : [...headers, 'Content-Type: application/sdp'];
}
