import { SipHeaders } from '../message/sip-message.ts';
import type { SipRequest } from '../message/sip-message.ts';
import { tagOf } from '../transaction/match.ts';
import type { ApplicationFields } from './application-fields.ts';
import { secureContact } from './secure-contact.ts';

/** A request to send, but for what depends on the way it takes. */
export interface RequestDraft {
  readonly method: string;
  readonly uri: string;
  readonly fields: ApplicationFields;
  readonly body: Buffer;
  readonly localTag: string;
  readonly callId: string;
  /** Outside of the dialogs known here, whom it is for when that is not its Request-URI, and its Route values. */
  readonly target?: string;
  readonly routes?: readonly string[];
  /** Route, From, To, Call-ID and CSeq of a dialog, which take the place of the application's. */
  readonly dialogHeaders?: readonly (readonly [string, string])[];
}

/** How a request goes out: what stands in Via, and the Contact the peer reaches us by. */
export interface Way {
  /** `UDP 127.0.0.1:5060` */
  readonly via: string;
  readonly branch: string;
  /** `<sip:127.0.0.1:5060;transport=tcp>` */
  readonly contact: string;
  /** `127.0.0.1:5060` */
  readonly hostPort: string;
}

/** Requests that may create a dialog or move our Contact in one. */
const WITH_CONTACT: ReadonlySet<string> = new Set(['INVITE', 'SUBSCRIBE', 'NOTIFY', 'UPDATE', 'REFER']);

/** Requests that always carry one of ours outside of a dialog (RFC 3261 §8.1.1.8, RFC 6665 §8.2). */
const NEEDS_CONTACT: ReadonlySet<string> = new Set(['INVITE', 'SUBSCRIBE', 'NOTIFY']);

/**
 * Fills in what a request needs (RFC 3261 §8.1.1). The application's From, To, Call-ID, CSeq, Contact and Max-Forwards
 * count outside of the dialogs known here, and its Route too when To has a tag: it goes on with a dialog of its own. Within
 * a dialog only its Contact and Max-Forwards count.
 */
export function composeRequest(draft: RequestDraft, way: Way): SipRequest {
  const { method, uri, fields, dialogHeaders } = draft;
  const { settable } = fields;
  const headers = SipHeaders.from([
    ['Via', `SIP/2.0/${way.via};branch=${way.branch};rport`],
    ['Max-Forwards', maxForwards(settable.get('max-forwards'))],
    ...(dialogHeaders ?? addressHeaders(draft, way)),
  ]);
  const contact = settable.get('contact');
  if (contact !== undefined) headers.append('Contact', withOwnHost(contact, way));
  else if ((dialogHeaders === undefined ? NEEDS_CONTACT : WITH_CONTACT).has(method)) {
    headers.append('Contact', secureContact(way.contact, headers.get('Route') ?? uri, uri));
  }
  for (const [name, value] of fields.others) {
    if (SUPPORTED.test(name)) appendSupported(headers, value);
    else headers.append(name, value);
  }
  return { kind: 'request', method, uri, headers, body: draft.body };
}

function addressHeaders(
  { method, uri, target = uri, routes, fields: { settable }, localTag, callId }: RequestDraft,
  way: Way,
): readonly (readonly [string, string])[] {
  const from = withOwnHost(settable.get('from') ?? `<sip:${way.hostPort}>`, way);
  const sequence = /^\d{1,10}/.exec(settable.get('cseq') ?? '')?.[0] ?? '1';
  const to = settable.get('to') ?? `<${target}>`;
  // The way of a dialog; of any other request the next hop is what the application says by `proxy`.
  const route = tagOf(to) === '' ? undefined : settable.get('route');
  return [
    ...(routes ?? (route === undefined ? [] : [route])).map((each) => ['Route', each] as const),
    ['From', tagOf(from) === '' ? `${nameAddressForm(from)};tag=${localTag}` : from],
    ['To', to],
    ['Call-ID', settable.get('call-id') ?? callId],
    ['CSeq', `${sequence} ${method}`],
  ];
}

const SUPPORTED = /^(?:supported|k)$/i;

/** An application may understand 100rel, but the engine between it and the peer does not (RFC 3262 §3). */
function appendSupported(headers: SipHeaders, value: string): void {
  const tags = value.split(',').map((tag) => tag.trim());
  const spoken = tags.filter((tag) => tag !== '' && tag.toLowerCase() !== '100rel');
  if (spoken.length > 0) headers.append('Supported', spoken.join(', '));
}

/** A bare URI is put in brackets, or its parameters would pass for the header's (RFC 3261 §20.10). */
function nameAddressForm(value: string): string {
  return value.includes('<') ? value : `<${value}>`;
}

function maxForwards(given: string | undefined): string {
  return given !== undefined && /^\d{1,3}$/.test(given) && Number(given) <= 255 ? given : '70';
}

/** Applications write `user@localhost` where they do not know the address the engine is reached by. */
function withOwnHost(value: string, { hostPort }: Way): string {
  return value.replace(/@localhost(?=[>;,\s]|$)/gi, `@${hostPort}`);
}
