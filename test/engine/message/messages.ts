import fc from 'fast-check';
import { SipHeaders } from '../../../src/engine/message/sip-message.ts';
import type { SipMessage } from '../../../src/engine/message/sip-message.ts';

const token = fc
  .array(fc.constantFrom(...Array.from("abcdefghijklmnopqrstuvwxyzABCXYZ0189-.!%*_+`'~")), {
    minLength: 1,
    maxLength: 12,
  })
  .map((characters) => characters.join(''));

/** A header value as it can stand on a line: nothing that ends it, no blanks around it, no half characters. */
const text = fc.string({ unit: 'binary', maxLength: 40 }).map((value) =>
  Buffer.from(value)
    .toString()
    .replace(/[\r\n\0]/g, '')
    .replace(/^[ \t]+|[ \t]+$/g, ''),
);

const MANDATORY = /^(?:v|via|f|from|t|to|i|call-id|cseq|l|content-length)$/i;
const others = fc.array(
  fc.tuple(
    token.filter((name) => !MANDATORY.test(name)),
    text,
  ),
  { maxLength: 6 },
);
const uri = fc
  .tuple(fc.constantFrom('sip', 'sips', 'tel', 'urn'), token)
  .map(([scheme, rest]) => `${scheme}:${rest}${scheme.startsWith('sip') ? '@example.test' : ''}`);
const body = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

const headers = (method: string): fc.Arbitrary<SipHeaders> =>
  fc
    .record({ branch: token, tag: token, callId: token, sequence: fc.nat(), others, first: fc.boolean() })
    .map(({ branch, tag, callId, sequence, others: more, first }) => {
      const mandatory: [string, string][] = [
        ['Via', `SIP/2.0/UDP 192.0.2.1;branch=${branch}`],
        ['From', `"a, \\"b\\"" <sip:bob@example.test>;tag=${tag}`],
        ['To', '<sip:alice@example.test>'],
        ['Call-ID', callId],
        ['CSeq', `${sequence} ${method}`],
      ];
      return SipHeaders.from(first ? [...more, ...mandatory] : [...mandatory, ...more]);
    });

const request: fc.Arbitrary<SipMessage> = token.chain((method) =>
  fc.record({
    kind: fc.constant('request' as const),
    method: fc.constant(method),
    uri,
    headers: headers(method),
    body,
  }),
);

const response: fc.Arbitrary<SipMessage> = fc.record({
  kind: fc.constant('response' as const),
  status: fc.integer({ min: 100, max: 699 }),
  reason: text,
  headers: headers('INVITE'),
  body,
});

/** Any message that can be written and read again. */
export const anyMessage: fc.Arbitrary<SipMessage> = fc.oneof(request, response);

/** A message as plain values, to compare; Content-Length is left out, for it is written anew. */
export function plain(message: SipMessage): unknown {
  const { headers: fields, body: bytes, ...start } = message;
  const kept = [...fields.entries()].filter(([name]) => name !== 'Content-Length');
  return { ...start, fields: kept.map(([name, value]) => [name, value]), body: bytes.toString('hex') };
}
