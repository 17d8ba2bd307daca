import { MalformedCoding, decodeTransferEncoding } from '../im/content-coding.ts';
import { parseContentType } from '../im/content-type.ts';
import { receivedBody } from './body.ts';
import type { DrachtioRequest } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import { SipRefusal } from './refusal.ts';

/**
 * The session description a message carries, be it one part of several (RFC 2046 §5.1: some proxies put their own beside it);
 * undefined when it has no body.
 * @throws SipRefusal 400, 413, 415
 */
export async function sdpOf(message: Pick<DrachtioRequest, 'body' | 'get'>): Promise<string | undefined> {
  if (message.body === undefined || message.body === '') return undefined;
  const type = parseContentType(message.get('Content-Type')?.trim() ?? '');
  const isMultipart = type?.mime.startsWith('multipart/') === true;
  if (type?.mime !== 'application/sdp' && !isMultipart) throw unsupported();
  const body = (await receivedBody(message, SIP_LIMITS.receivedSdp)).toString('utf8');
  if (!isMultipart) return body;
  const sdp = sdpAmong(body, type.parameters.get('boundary') ?? '');
  if (sdp === undefined) throw unsupported();
  return sdp;
}

/*
 * RFC 2046 §5.1.1: parts stand between lines "--" boundary; the last is followed by "--" boundary "--". A part is headers, an
 * empty line and its content.
 */
function sdpAmong(body: string, boundary: string): string | undefined {
  if (boundary === '') return undefined;
  const parts = `\r\n${body}`.split(`\n--${boundary}`).slice(1);
  for (const part of parts.slice(0, SIP_LIMITS.bodyParts)) {
    if (part.startsWith('--')) return undefined;
    const [, head, content] = /^[ \t]*\r?\n((?:[^\r\n]+\r?\n)*)\r?\n([\s\S]*)$/.exec(part) ?? [];
    if (head === undefined || content === undefined) continue;
    const headers = head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/);
    if (parseContentType(headerIn(headers, 'content-type'))?.mime !== 'application/sdp') continue;
    const coding = headerIn(headers, 'content-transfer-encoding');
    return decoded(content, coding);
  }
  return undefined;
}

function decoded(content: string, coding: string): string {
  try {
    return decodeTransferEncoding(Buffer.from(content, 'utf8'), coding).toString('utf8');
  } catch (cause) {
    if (cause instanceof MalformedCoding) throw new SipRefusal(400, 'Unreadable body', {}, { cause });
    throw cause;
  }
}

function headerIn(headers: readonly string[], name: string): string {
  const line = headers.find((each) => each.toLowerCase().startsWith(`${name}:`));
  return line?.slice(line.indexOf(':') + 1).trim() ?? '';
}

function unsupported(): SipRefusal {
  return new SipRefusal(415, 'Unsupported Media Type', { Accept: 'application/sdp' });
}
