import { write } from 'sdp-transform';
import type { ChatTransport } from '../mailbox/session-mode.ts';
import type { Direction } from './chat-media.ts';
import { protocolOf } from './chat-media.ts';
import type { AgreedLines, ChatDescription } from './chat-offer.ts';
import { notAcceptable } from './chat-offer.ts';
import { SIP_LIMITS } from './limits.ts';
import type { SetupRole } from './setup-role.ts';

/** Our side of a chat as the peer has to know it. */
export interface OwnMedia {
  readonly path: string;
  readonly host: string;
  readonly port: number;
  /** Of our certificate, over TLS. */
  readonly fingerprint: string | undefined;
}

export interface OwnDescriptionOptions {
  readonly media: OwnMedia;
  readonly transport: ChatTransport;
  /** Number for the o= line. */
  readonly sessionId: number;
  /** Longest message we take, bytes. */
  readonly maxSize: number;
}

/** What we take in a session, most wanted first: real clients need both first types spelled out. */
const ACCEPT_TYPES = 'message/cpim text/plain application/im-iscomposing+xml';
const ACCEPT_WRAPPED_TYPES = 'text/plain text/html message/imdn+xml application/im-iscomposing+xml';

/** RFC 3264 §6.1: what we say of a direction the peer has named. */
const DIRECTIONS: Readonly<Record<Direction, Direction>> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

/** Our session description through a call: the answers and offers we send, each change with the next version (RFC 3264 §8). */
export class OwnDescription {
  readonly #options: OwnDescriptionOptions;
  #agreed: AgreedLines;
  #version = 1;
  #sent = '';
  #current = '';

  constructor(options: OwnDescriptionOptions) {
    this.#options = options;
    const { transport } = options;
    const protocol = protocolOf(transport);
    this.#agreed = { transport, line: 0, lines: [{ type: 'message', port: 9, protocol, payloads: '*' }] };
  }

  /** The m-lines as they were last agreed on, or are offered. */
  get agreed(): AgreedLines {
    return this.#agreed;
  }

  /** What was sent last, to be sent again where nothing is to change. */
  get current(): string {
    return this.#current;
  }

  /**
   * The answer to an offer: as many m-lines as were offered (RFC 3264 §6), all but the chat with port 0.
   * @throws SipRefusal 488 when it would be longer than can be sent
   */
  answer({ media, line, lines }: ChatDescription, role: SetupRole): string {
    const agreed = { ...this.#agreed, line, lines };
    const sdp = this.#describe(agreed, role, DIRECTIONS[media.direction], media.anchor !== null);
    this.#agreed = agreed;
    return sdp;
  }

  /**
   * Our offer: `actpass`, so that a peer that cannot be reached connects itself. Over WebSockets the browser does in any case.
   */
  offer(): string {
    const { transport } = this.#options;
    const webSocket = transport === 'ws' || transport === 'wss';
    return this.#describe(this.#agreed, webSocket ? 'passive' : 'actpass', 'sendrecv', true);
  }

  #describe(
    { lines, line }: AgreedLines,
    setup: SetupRole | 'actpass',
    direction: Direction,
    isCema: boolean,
  ): string {
    const { media: own, maxSize } = this.#options;
    const attributes = [
      `setup:${setup}`,
      `accept-types:${ACCEPT_TYPES}`,
      `accept-wrapped-types:${ACCEPT_WRAPPED_TYPES}`,
      `max-size:${maxSize}`,
      `path:${own.path}`,
      ...(own.fingerprint === undefined ? [] : [`fingerprint:${own.fingerprint}`]),
      ...(isCema ? ['msrp-cema'] : []),
      // With one that is not needed clients were seen to refuse our reports.
      ...(direction === 'sendrecv' ? [] : [direction]),
    ];
    const media = lines.map(({ type, protocol, payloads }, index) => ({
      ...{ type, protocol, rtp: [], fmtp: [] },
      ...(index === line
        ? { payloads: '*', port: own.port, invalid: attributes.map((value) => ({ value })) }
        : { payloads, port: 0 }),
    }));
    const changed = JSON.stringify(media);
    const version = this.#sent === '' || this.#sent === changed ? this.#version : this.#version + 1;
    const sdp = this.#write(media, version);
    if (Buffer.byteLength(sdp) > SIP_LIMITS.sdp) throw notAcceptable(399, 'Too many media');
    this.#version = version;
    this.#sent = changed;
    this.#current = sdp;
    return sdp;
  }

  #write(media: Parameters<typeof write>[0]['media'], sessionVersion: number): string {
    const { media: own, sessionId } = this.#options;
    const ipVer = own.host.includes(':') ? 6 : 4;
    return write({
      version: 0,
      origin: { username: '-', sessionId, sessionVersion, netType: 'IN', ipVer, address: own.host },
      name: '-',
      connection: { version: ipVer, ip: own.host },
      timing: { start: 0, stop: 0 },
      media,
    });
  }
}
