import { parse, write } from 'sdp-transform';
import type { ChatTransport } from '../mailbox/session-mode.ts';
import { SipRefusal } from './refusal.ts';

/** Our part in setting up the MSRP connection (RFC 4145 §4, RFC 6135 §4.2). */
export type SetupRole = 'active' | 'passive';

/** The chat in an offer: one m=message line that can be answered (RFC 4975 §8). */
export interface ChatOffer {
  readonly transport: ChatTransport;
  /** a=path, from the peer's nearest hop to the peer. */
  readonly path: readonly string[];
  /** The role left to us. */
  readonly role: SetupRole;
  readonly acceptTypes: readonly string[];
  /** Types the peer takes inside message/cpim; empty when it did not say. */
  readonly acceptWrappedTypes: readonly string[];
  /** Which m-line of the offer it is. */
  readonly line: number;
  readonly lines: readonly MediaLine[];
}

interface MediaLine {
  readonly type: string;
  readonly port: number;
  readonly protocol: string;
  readonly payloads: string;
}

/** What we take in a session, most wanted first: real clients need both first types spelled out. */
const ACCEPT_TYPES = 'message/cpim text/plain application/im-iscomposing+xml';
const ACCEPT_WRAPPED_TYPES = 'text/plain text/html message/imdn+xml application/im-iscomposing+xml';

const TRANSPORTS: Readonly<Record<string, ChatTransport>> = {
  'TCP/MSRP': 'tcp',
  'TCP/TLS/MSRP': 'tls',
};

/** 488 with a Warning that says why (RFC 3261 §20.43: 304 media type, 305 incompatible format, 399 other). */
export function notAcceptable(code: number, why: string): SipRefusal {
  return new SipRefusal(488, 'Not Acceptable Here', { Warning: `${code} mailbox "${why}"` });
}

/**
 * Finds the chat in an offer.
 * @param transports what our MSRP listeners speak
 * @throws SipRefusal 488 when there is none we can answer
 */
export function parseChatOffer(sdp: string, transports: ReadonlySet<ChatTransport>): ChatOffer {
  const session = parseSdp(sdp);
  const lines = mediaLines(sdp);
  if (lines.length !== session.media.length) throw new SipRefusal(400, 'Unreadable SDP');
  const chats = session.media
    .map((media, line) => ({ media, line, offered: lines[line] }))
    .map(({ media, line, offered }) => ({
      media,
      line,
      offered,
      transport: TRANSPORTS[offered?.protocol.toUpperCase() ?? ''],
    }))
    .filter(({ offered }) => offered?.type === 'message' && offered.port !== 0);
  if (chats.length === 0) throw notAcceptable(304, 'Only MSRP chat (m=message) is taken here');
  const chat = chats.find(
    ({ transport, media }) =>
      transport !== undefined && transports.has(transport) && attribute(media, 'file-selector') === undefined,
  );
  if (chat?.transport === undefined) {
    throw notAcceptable(
      302,
      `No chat over ${[...transports].join(' or ')} without a file transfer in the offer`,
    );
  }
  const path = words(attribute(chat.media, 'path'));
  if (path.length === 0) throw notAcceptable(399, 'The MSRP offer has no path');
  return {
    transport: chat.transport,
    path,
    role: roleFor(chat.media.setup),
    acceptTypes: words(attribute(chat.media, 'accept-types')).map((type) => type.toLowerCase()),
    acceptWrappedTypes: words(attribute(chat.media, 'accept-wrapped-types')).map((type) =>
      type.toLowerCase(),
    ),
    line: chat.line,
    lines,
  };
}

/*
 * RFC 6135 §4.2.2: an offer without a=setup is an old client that connects itself. `active` from us is for those only
 * that insist on being passive.
 */
function roleFor(setup: string | undefined): SetupRole {
  return setup === 'passive' ? 'active' : 'passive';
}

/**
 * The answer to `offer`: as many m-lines as were offered (RFC 3264 §6), all but the chat with port 0. No direction
 * attribute: with one, clients were seen to refuse our reports.
 */
export function chatAnswer(
  offer: ChatOffer,
  local: { readonly path: string; readonly host: string; readonly port: number },
  sessionId: number,
): string {
  const version = local.host.includes(':') ? 6 : 4;
  return write({
    version: 0,
    origin: {
      username: '-',
      sessionId,
      sessionVersion: 1,
      netType: 'IN',
      ipVer: version,
      address: local.host,
    },
    name: '-',
    connection: { version, ip: local.host },
    timing: { start: 0, stop: 0 },
    media: offer.lines.map(({ type, protocol, payloads }, line) =>
      line === offer.line
        ? {
            type,
            protocol,
            payloads: '*',
            port: local.port,
            rtp: [],
            fmtp: [],
            setup: offer.role,
            invalid: [
              { value: `accept-types:${ACCEPT_TYPES}` },
              { value: `accept-wrapped-types:${ACCEPT_WRAPPED_TYPES}` },
              { value: `path:${local.path}` },
            ],
          }
        : { type, protocol, payloads, port: 0, rtp: [], fmtp: [] },
    ),
  });
}

/*
 * RFC 4566 §9: media-field = "m=" media SP port ["/" integer] SP proto 1*(SP fmt) CRLF. Read here, because every line has to
 * come back in the answer, those too that the SDP library does not know.
 */
function mediaLines(sdp: string): MediaLine[] {
  return sdp
    .split(/\r?\n/)
    .filter((line) => line.startsWith('m='))
    .map((line) => {
      const match = /^m=(\S+) (\d{1,5})(?:\/\d+)? (\S+) (\S.*)$/.exec(line);
      if (match === null) throw new SipRefusal(400, 'Unreadable SDP');
      const [, type = '', port = '', protocol = '', payloads = ''] = match;
      return { type, port: Number(port), protocol, payloads: payloads.trim() };
    });
}

type Session = ReturnType<typeof parse>;
type Media = Session['media'][number];

function parseSdp(sdp: string): Session {
  try {
    return parse(sdp);
  } catch (cause) {
    throw new SipRefusal(400, 'Unreadable SDP', {}, { cause });
  }
}

/** An attribute the SDP library does not know by name. */
function attribute(media: Media, name: string): string | undefined {
  const prefix = `${name}:`;
  return media.invalid?.find(({ value }) => value.startsWith(prefix))?.value.slice(prefix.length);
}

function words(value: string | undefined): string[] {
  return value === undefined ? [] : value.split(/\s+/).filter((word) => word !== '');
}
