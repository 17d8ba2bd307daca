import { createHash } from 'node:crypto';
import { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { StoreUnavailable } from '../mailbox/ports.ts';
import type { OnlineIntake } from '../mailbox/push/ports.ts';
import type { Route } from './agent.ts';
import { deltaSeconds } from './delta-seconds.ts';
import type { DrachtioRequest } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import type { NameAddress } from './name-address.ts';
import { headerSafe, parseNameAddress, splitHeaderList } from './name-address.ts';
import { previousHop } from './own-address.ts';
import { SipRefusal, unavailable } from './refusal.ts';
import { tagOf } from './tag.ts';
import type { TrustedProxies } from './trust.ts';

export interface RegisterRouteOptions {
  readonly users: OnlineIntake;
  readonly domains: ReadonlySet<string>;
  readonly trustedProxies: Pick<TrustedProxies, 'trusts'>;
  readonly clock: Clock;
}

/** Seconds a binding lasts whose REGISTER does not say (RFC 3261 §10.2.1.1 leaves it to the registrar). */
const USUAL_EXPIRES = 3600;

/** RFC 3261 §10.3: `*` removes every binding. */
interface Binding extends NameAddress {
  /** Seconds; 0: it is removed. */
  readonly expires: number;
}

/**
 * Takes a REGISTER that a trusted proxy passes on, which tells that a user is online. Two forms are known by From:
 *   replicated   the phone's own request: From is To, each Contact a phone's, with `methods` of RFC 3840 §9
 *   third-party  the registrar's (3GPP TS 24.229 §5.4.1.7): From is its own, and so is Contact
 * We are no registrar: nothing is looked up here, and no Contact is kept.
 */
export function registerRoute(options: RegisterRouteOptions): Route {
  return async ({ request, response }) => {
    if (!options.trustedProxies.trusts(request.source_address)) {
      throw new SipRefusal(403, 'Registrations are learnt from trusted proxies only');
    }
    const user = userOf(request, options.domains);
    const bindings = bindingsOf(request);
    if (bindings === undefined) {
      response.send(200, 'OK', {});
      return;
    }
    const seconds = Math.max(0, ...bindings.map(({ expires }) => expires));
    try {
      if (seconds === 0) await options.users.offline(user, whoLeft(request, bindings));
      else {
        await options.users.online({
          user,
          name: nameOf(request),
          until: options.clock.now() + seconds * 1000,
          methods: isThirdParty(request) ? null : methodsOf(request, bindings),
          hop: previousHop(request),
        });
      }
    } catch (error) {
      throw error instanceof StoreUnavailable ? unavailable(error) : error;
    }
    const contacts = echoedAll(bindings);
    response.send(200, 'OK', {
      headers: {
        Expires: String(seconds),
        ...(contacts === '' ? {} : { Contact: contacts }),
      },
    });
  };
}

/** RFC 3261 §10.3 step 5. @throws SipRefusal 400, 404 */
function userOf(request: DrachtioRequest, domains: ReadonlySet<string>): AddressOfRecord {
  const to = parseNameAddress(request.get('To') ?? '');
  if (to === undefined) throw new SipRefusal(400, 'Unreadable To');
  const user = AddressOfRecord.tryParse(to.uri);
  if (user === undefined || !domains.has(user.host)) {
    throw new SipRefusal(404, 'No user of a domain served here');
  }
  return user;
}

/**
 * RFC 3261 §10.3 step 6: `*` stands alone and ends everything. Undefined for a request without Contact, which only asks.
 * @throws SipRefusal 400
 */
function bindingsOf(request: DrachtioRequest): Binding[] | undefined {
  const said = request.get('Expires');
  const usual = said === undefined ? USUAL_EXPIRES : (deltaSeconds(said) ?? USUAL_EXPIRES);
  const values = splitHeaderList(request.get('Contact') ?? '');
  if (values.length === 0) return undefined;
  if (values.length > SIP_LIMITS.contacts) throw new SipRefusal(400, 'Too many contacts');
  if (values.some((value) => value.trim() === '*')) {
    if (values.length > 1 || usual !== 0) throw new SipRefusal(400, 'Contact * is for removing all');
    return [];
  }
  return values.map((value) => {
    const contact = parseNameAddress(value);
    if (contact === undefined) throw new SipRefusal(400, 'Unreadable Contact');
    return { ...contact, expires: deltaSeconds(parameter(contact, 'expires')) ?? usual };
  });
}

/** The registration that ends; undefined: all of hers, by `Contact: *` or by the registrar's word. */
function whoLeft(request: DrachtioRequest, bindings: readonly Binding[]): string | undefined {
  return bindings.length === 0 || isThirdParty(request) ? undefined : nameOf(request);
}

function isThirdParty(request: DrachtioRequest): boolean {
  const uriOf = (header: string): string => parseNameAddress(request.get(header) ?? '')?.uri ?? '';
  const from = AddressOfRecord.tryParse(uriOf('From'));
  const to = AddressOfRecord.tryParse(uriOf('To'));
  return from === undefined || to === undefined || !from.equals(to);
}

/** RFC 3261 §10.2: a phone registers anew under a Call-ID of its own. What a registrar tells is one of From's dialogs. */
function nameOf(request: DrachtioRequest): string {
  const tag = isThirdParty(request) ? tagOf(request.get('From')) : '';
  return createHash('sha256')
    .update(`${request.get('Call-ID') ?? ''}\n${tag}`)
    .digest('hex');
}

/** What all phones together take; null when one of them does not say. */
function methodsOf(request: DrachtioRequest, bindings: readonly Binding[]): string[] | null {
  const allowed = request.get('Allow');
  const methods = new Set<string>();
  for (const binding of bindings.filter(({ expires }) => expires > 0)) {
    const said = parameter(binding, 'methods') ?? allowed;
    if (said === undefined) return null;
    for (const method of said.split(',').map((each) => each.trim().toUpperCase())) {
      if (/^[A-Z]{1,15}$/.test(method)) methods.add(method);
    }
  }
  return methods.size === 0 ? null : [...methods].slice(0, SIP_LIMITS.methods);
}

/** RFC 3261 §25.1: generic-param, its value a token or a quoted string. */
function parameter({ parameters }: NameAddress, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^\\s;,"]+))`, 'i').exec(parameters);
  return match?.[1] ?? match?.[2];
}

/** RFC 3261 §10.3 step 8 wants them repeated; a proxy that passes a REGISTER on looks at none. '' when there are none, or too many. */
function echoedAll(bindings: readonly Binding[]): string {
  const contacts = bindings.filter(({ expires }) => expires > 0).map(echoed);
  const all = contacts.join(', ');
  return Buffer.byteLength(all) > SIP_LIMITS.echoedContacts ? '' : all;
}

function echoed({ uri, expires }: Binding): string {
  return `<${headerSafe(uri, SIP_LIMITS.headerValue)}>;expires=${expires}`;
}
