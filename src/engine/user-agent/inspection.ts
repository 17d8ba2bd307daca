import { DIALOG_LIMITS } from '../dialog/limits.ts';
import type { SipRequest } from '../message/sip-message.ts';
import { DIALOG_CREATING } from './compose-response.ts';

/** Why a request is refused before any application sees it. */
export interface Objection {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Schemes somebody on the other side of a user agent may serve: SIP, telephone numbers, RFC 3859, 3860 and 5031. */
const SERVED_SCHEMES: ReadonlySet<string> = new Set(['sip', 'sips', 'tel', 'im', 'pres', 'urn']);

/** RFC 3262 is not spoken: whoever insists on it cannot be served, whatever the application understands. */
const NEVER_SUPPORTED = '100rel';

/**
 * RFC 3261 §8.2.2 and §8.2.2.3, in their order: what of a request outside of a dialog speaks against it. Undefined when
 * nothing does. Proxy-Require is for proxies and means nothing here (§20.29).
 * @param extensions option tags applications understand, in lower case; undefined: they judge for themselves
 */
export function inspect(
  request: SipRequest,
  extensions: ReadonlySet<string> | undefined,
): Objection | undefined {
  return hops(request) ?? scheme(request) ?? extensionObjection(request, extensions) ?? remembrance(request);
}

/**
 * A method that reads as another once its escapes are resolved, which it has not (RFC 4475 §3.1.1.5). Threat: drachtio-srf
 * resolves them, so that `%42YE` in a dialog would end it for the application and not for us.
 */
const SEEMS_ESCAPED = /%(?:u[\dA-Fa-f]{4}|[\dA-Fa-f]{2})/;

/**
 * What speaks against a request in a dialog as well: a method that cannot be told to an application; an extension that is
 * required and not understood (§8.2.2.3). ACK and CANCEL are never refused for one.
 */
export function extensionObjection(
  { method, headers }: SipRequest,
  extensions: ReadonlySet<string> | undefined,
): Objection | undefined {
  if (SEEMS_ESCAPED.test(method)) return { status: 501, headers: [] };
  if (!headers.has('Require')) return undefined;
  const unsupported = headers.all('Require').filter((value) => {
    const tag = value.trim().toLowerCase();
    if (tag === '') return false;
    return tag === NEVER_SUPPORTED || (extensions !== undefined && !extensions.has(tag));
  });
  if (unsupported.length === 0) return undefined;
  return { status: 420, headers: [['Unsupported', unsupported.join(', ')]] };
}

/*
 * §16.3: no hops are left. We are where it ends, and need none (RFC 4475 §3.3.11); but an application may send on what it
 * gets, by a request of its own, and this is what ends such a ring. OPTIONS asks just this of us (§11).
 */
function hops({ method, headers }: SipRequest): Objection | undefined {
  if (method === 'OPTIONS' || !/^\s*0+\s*$/.test(headers.get('Max-Forwards') ?? '')) return undefined;
  return { status: 483, headers: [] };
}

/** §8.2.2.1: a scheme nobody here can do anything with. */
function scheme({ uri }: SipRequest): Objection | undefined {
  const [, name = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(uri) ?? [];
  return SERVED_SCHEMES.has(name.toLowerCase()) ? undefined : { status: 416, headers: [] };
}

/** Threat: dialogs, which may live for hours, each with a route and addresses as long as a message may be. */
function remembrance({ method, headers }: SipRequest): Objection | undefined {
  if (!DIALOG_CREATING.has(method)) return undefined;
  let length = 0;
  for (const name of ['From', 'To', 'Call-ID', 'Contact', 'Record-Route']) {
    for (const value of headers.fields(name)) length += value.length;
  }
  return length > DIALOG_LIMITS.state ? { status: 513, headers: [] } : undefined;
}
