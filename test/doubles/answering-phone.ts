import type { Parts } from './calling-phone.ts';
import type { RawMessage } from './raw-sip-client.ts';
import {
  RawSipClient,
  contactOf,
  isRequest,
  isResponse,
  rawRequest,
  rawResponse,
  uniqueWord,
} from './raw-sip-client.ts';

/** A phone that is called over UDP, and says to an INVITE what a test spells out; nothing by itself but 180. */
export class AnsweringPhone {
  readonly client: RawSipClient;

  private constructor(client: RawSipClient) {
    this.client = client;
  }

  /** @param port UDP port of who calls on 127.0.0.1, or of the proxy on the way */
  static async open(port: number): Promise<AnsweringPhone> {
    return new AnsweringPhone(await RawSipClient.connect('udp', port));
  }

  /** The SIP URI it is reached at. */
  get uri(): string {
    return `sip:127.0.0.1:${this.client.port}`;
  }

  /** Says at the registrar that `address` is reached here. */
  async register(address: string): Promise<void> {
    const domain = /@(.+)$/.exec(address)?.[1] ?? '';
    this.client.send(
      rawRequest({
        method: 'REGISTER',
        uri: `sip:${domain}`,
        client: this.client,
        from: `<${address}>;tag=${uniqueWord()}`,
        to: `<${address}>`,
        headers: [contactOf(this.client), 'Expires: 600'],
      }),
    );
    await this.client.nextMessage(isResponse(200, 'REGISTER'));
  }

  /** The next call that comes; it rings. */
  async rings(deadline?: number): Promise<IncomingCall> {
    const invite = await this.client.nextMessage(isNewCall, deadline);
    const call = new IncomingCall(this.client, invite);
    call.respond(180);
    return call;
  }

  /** How many calls came; a retransmission is none. */
  get calls(): number {
    return new Set(this.client.received.filter(isNewCall).map(({ bytes }) => bytes.toString())).size;
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}

/** A call that came to a phone. */
export class IncomingCall {
  readonly invite: RawMessage;
  readonly #client: RawSipClient;
  readonly #tag = uniqueWord();
  #cseq = 0;

  constructor(client: RawSipClient, invite: RawMessage) {
    this.#client = client;
    this.invite = invite;
  }

  /** The SDP in the INVITE. */
  get offer(): string {
    return this.invite.body.toString();
  }

  /** Responds to the INVITE, with a Contact from 2xx on unless the headers say none; the type of a body is SDP. */
  respond(status: number, parts: Parts & { readonly contact?: boolean; readonly tag?: string } = {}): void {
    const { headers = [], body = '', contact = status < 300, tag = this.#tag } = parts;
    const all = [...(contact ? [contactOf(this.#client)] : []), ...headers, ...typed(body)];
    this.#client.send(rawResponse(this.invite, status, 'Whatever', { tag, headers: all, body }));
  }

  /** Answers with this SDP; resolves when the ACK has come. */
  async answer(body: string, headers: readonly string[] = []): Promise<RawMessage> {
    this.respond(200, { body, headers });
    return await this.next('ACK');
  }

  /** The next request of the caller in this call. */
  async next(method: string, deadline?: number): Promise<RawMessage> {
    const callId = this.invite.header('Call-ID');
    return await this.#client.nextMessage(
      (message) => isRequest(method)(message) && message.header('Call-ID') === callId,
      deadline,
    );
  }

  /** Answers another request than the INVITE. */
  reply(request: RawMessage, status = 200, { headers = [], body = '' }: Parts = {}): void {
    this.#client.send(
      rawResponse(request, status, 'Whatever', {
        tag: this.#tag,
        headers: [...headers, ...typed(body)],
        body,
      }),
    );
  }

  /** The caller hangs up, and is told that we heard; its BYE. */
  async bye(deadline?: number): Promise<RawMessage> {
    const bye = await this.next('BYE', deadline);
    this.reply(bye);
    return bye;
  }

  /** Sends a request in the dialog; its final answer. A 2xx to INVITE is acknowledged. */
  async request(method: string, parts: Parts = {}): Promise<RawMessage> {
    const cseq = ++this.#cseq;
    this.#send(method, cseq, parts);
    const answer = await this.#client.nextMessage(
      (message) => message.status >= 200 && message.header('CSeq') === `${cseq} ${method}`,
    );
    if (method === 'INVITE' && answer.status < 300) this.#send('ACK', cseq, {});
    return answer;
  }

  /** RFC 3261 §12.1.1: the roles of From and To are the other way round, and the route is that of the INVITE. */
  #send(method: string, cseq: number, { headers = [], body = '' }: Parts): void {
    const { invite } = this;
    this.#client.send(
      rawRequest({
        method,
        uri: /<([^>]+)>/.exec(invite.header('Contact'))?.[1] ?? 'sip:nobody@invalid',
        client: this.#client,
        from: `${invite.header('To')};tag=${this.#tag}`,
        to: invite.header('From'),
        callId: invite.header('Call-ID'),
        cseq,
        headers: [
          contactOf(this.#client),
          ...invite.headers('Record-Route').map((route) => `Route: ${route}`),
          ...headers,
          ...typed(body),
        ],
        body,
      }),
    );
  }
}

function isNewCall(message: RawMessage): boolean {
  return message.method === 'INVITE' && !message.header('To').includes('tag=');
}

function typed(body: string): string[] {
  return body === '' ? [] : ['Content-Type: application/sdp'];
}
