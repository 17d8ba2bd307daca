import { CONTROL_LIMITS } from './limits.ts';

/** What an application asks of the engine. `id` is repeated in the answer. */
export type Command =
  | {
      readonly kind: 'authenticate';
      readonly id: string;
      readonly secret: string;
      /** What the application is called by its operator. */
      readonly tags: readonly string[];
    }
  | { readonly kind: 'route' | 'remove_route'; readonly id: string; readonly verb: string }
  | { readonly kind: 'ping'; readonly id: string }
  | {
      readonly kind: 'sip';
      readonly id: string;
      /** Id of the server transaction that is answered, or of the INVITE that is cancelled; '' for a request. */
      readonly transactionId: string;
      /** Id of the dialog a request belongs to; '' outside of one. */
      readonly dialogId: string;
      /** Next hop that leaves the Request-URI alone; '' for none. */
      readonly proxy: string;
      /** The raw SIP message, perhaps but a start line. */
      readonly message: Buffer;
    }
  | { readonly kind: 'unknown'; readonly id: string; readonly token: string };

/*
 * payload = id "|" token *( "|" field ) [ CRLF message ]
 */

/** Reads a frame's payload. Whatever it holds, some command comes out. */
export function parseCommand(payload: Buffer): Command {
  const lineEnd = payload.indexOf('\r\n');
  const line = payload.toString('utf8', 0, lineEnd < 0 ? payload.length : lineEnd);
  const [id = '', token = '', first = '', second = '', third = ''] = line.split('|', 5);
  switch (token) {
    case 'authenticate':
      return { kind: token, id, secret: first, tags: readTags(second) };
    case 'route':
    case 'remove_route':
      return { kind: token, id, verb: first.toLowerCase() };
    case 'ping':
      return { kind: token, id };
    case 'sip':
      return {
        kind: token,
        id,
        transactionId: first,
        dialogId: second,
        proxy: third,
        message: lineEnd < 0 ? Buffer.alloc(0) : payload.subarray(lineEnd + 2),
      };
    default:
      return { kind: 'unknown', id, token };
  }
}

/** Tags, within their bounds and without what might upset a log. */
function readTags(list: string): string[] {
  const { tags, tagLength } = CONTROL_LIMITS;
  return list
    .split(',')
    .filter((tag) => tag.length <= tagLength && /^[A-Za-z0-9\-_+@:]+$/.test(tag))
    .slice(0, tags);
}
