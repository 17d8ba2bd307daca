import {
  DecodedTooLarge,
  MalformedCoding,
  UnsupportedContentCoding,
  decodeContent,
  decodeTransferEncoding,
} from '../im/content-coding.ts';
import type { DrachtioRequest } from './drachtio.ts';
import { SipRefusal } from './refusal.ts';

/**
 * The body of a request as the sender meant it. A client of the control protocol reads frames as UTF-8, so the built-in
 * engine hands up a body that is none in base64 (Content-Transfer-Encoding); Content-Encoding is the sender's own.
 * @param maxBytes longest body after decoding
 * @throws SipRefusal 400, 413, 415
 */
export async function receivedBody(
  request: Pick<DrachtioRequest, 'body' | 'get'>,
  maxBytes: number,
): Promise<Buffer> {
  try {
    const carried = decodeTransferEncoding(
      Buffer.from(request.body ?? '', 'utf8'),
      request.get('Content-Transfer-Encoding') ?? '',
    );
    if (carried.length > maxBytes) throw new DecodedTooLarge(maxBytes);
    return await decodeContent(carried, request.get('Content-Encoding') ?? '', maxBytes);
  } catch (cause) {
    if (cause instanceof UnsupportedContentCoding) {
      const headers = { 'Accept-Encoding': 'identity, deflate, gzip' };
      throw new SipRefusal(415, 'Unsupported Content-Encoding', headers, { cause });
    }
    if (cause instanceof DecodedTooLarge) throw new SipRefusal(413, 'Text too long', {}, { cause });
    if (cause instanceof MalformedCoding) throw new SipRefusal(400, 'Unreadable body', {}, { cause });
    throw cause;
  }
}
