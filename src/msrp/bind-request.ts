import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { wholeByteRange } from './byte-range.ts';
import { serializeRequest } from './serializer.ts';

/** The empty SEND by which the active side binds a session to the connection it made (RFC 6135 §4.2). */
export function bindRequest(transactId: string, toPath: string, fromPath: string, random: Random): Buffer {
  return serializeRequest({
    transactId,
    method: 'SEND',
    headers: [
      ['To-Path', toPath],
      ['From-Path', fromPath],
      ['Message-ID', hexToken(random, 96)],
      ['Byte-Range', wholeByteRange(0)],
    ],
  });
}
