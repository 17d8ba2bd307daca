import { SipRefusal } from './refusal.ts';

/** One part of a session description: what stands before the first m= line, or an m= line with what follows it. */
export type SdpPart = readonly SdpLine[];

/** A line `type=value`. */
export interface SdpLine {
  readonly type: string;
  readonly value: string;
}

/** RFC 4566 §5.14: an m= line. Those of media nobody here knows come back in the answer as they were. */
export interface MediaLine {
  readonly type: string;
  /** 0 for one that is refused. */
  readonly port: number;
  readonly protocol: string;
  readonly payloads: string;
}

/** One medium and what is said of it. */
export interface MediaPart {
  readonly line: MediaLine;
  readonly part: SdpPart;
}

/** A session description (RFC 4566 §5). */
export interface SessionDescription {
  readonly session: SdpPart;
  readonly media: readonly MediaPart[];
}

/*
 * Read here and not by the SDP library: it keeps but one of several fingerprints, knows nothing of MSRP's attributes and drops
 * m= lines it does not understand, each of which needs its place in the answer.
 */

/**
 * Reads a session description; takes bare line feeds and blank lines at the end.
 * @throws SipRefusal 400
 */
export function parseSdp(text: string): SessionDescription {
  const lines = text
    .split(/\r\n|\n|\r/)
    .filter((line) => line.trim() !== '')
    .map(readLine);
  const [first] = lines;
  if (first?.type !== 'v' || first.value.trim() !== '0') throw unreadable();
  const starts = lines.flatMap(({ type }, index) => (type === 'm' ? [index] : []));
  return {
    session: lines.slice(0, starts[0]),
    media: starts.map((start, index) => {
      const part = lines.slice(start, starts[index + 1]);
      return { line: readMediaLine(part[0]?.value ?? ''), part };
    }),
  };
}

/** The value of the first attribute with this name: '' for one that has none, undefined when it is not there. */
export function attribute(part: SdpPart, name: string): string | undefined {
  return attributes(part, name)[0];
}

/** The values of all attributes with this name, in order. Names are compared to the letter (RFC 4566 §5). */
export function attributes(part: SdpPart, name: string): string[] {
  return part.flatMap(({ type, value }) => {
    if (type !== 'a') return [];
    const colon = value.indexOf(':');
    const found = (colon === -1 ? value : value.slice(0, colon)).trim();
    return found === name ? [colon === -1 ? '' : value.slice(colon + 1).trim()] : [];
  });
}

/** RFC 4566 §5.7: `c=IN IP4 host`, of the medium or else of the session. */
export function connectionHost(...parts: readonly SdpPart[]): string | undefined {
  for (const part of parts) {
    const value = part.find(({ type }) => type === 'c')?.value;
    const host = /^IN\s+IP[46]\s+([^\s/]+)/i.exec(value?.trim() ?? '')?.[1];
    if (host !== undefined) return host;
  }
  return undefined;
}

function readLine(line: string): SdpLine {
  const [, type, value] = /^([a-z])\s?=(.*)$/i.exec(line) ?? [];
  if (type === undefined || value === undefined) throw unreadable();
  return { type, value };
}

/*
 * RFC 4566 §9: media-field = "m=" media SP port ["/" integer] SP proto 1*(SP fmt) CRLF
 */
function readMediaLine(value: string): MediaLine {
  const match = /^(\S+) +(\d{1,5})(?:\/\d+)? +(\S+) +(\S.*)$/.exec(value.trim());
  if (match === null || Number(match[2]) > 65_535) throw unreadable();
  const [, type = '', port = '', protocol = '', payloads = ''] = match;
  return { type, port: Number(port), protocol, payloads: payloads.trim() };
}

function unreadable(): SipRefusal {
  return new SipRefusal(400, 'Unreadable SDP');
}
