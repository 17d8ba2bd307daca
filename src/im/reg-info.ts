import { MailboxError } from '../core/errors.ts';
import { IM_LIMITS } from './limits.ts';
import type { XmlElement } from './xml.ts';
import { MalformedXml, parseXml } from './xml.ts';

/** MIME type of registration information (RFC 3680 §5). */
export const REG_INFO_TYPE = 'application/reginfo+xml';
/** Namespace of its elements. */
export const REG_INFO_NAMESPACE = 'urn:ietf:params:xml:ns:reginfo';

/** What registrations there are, or those that changed. */
export interface RegInfo {
  /** One more with each document of a subscription. */
  readonly version: number;
  /** `full`: there are no other registrations; `partial`: those not named are as they were. */
  readonly state: 'full' | 'partial';
  readonly registrations: readonly RegisteredAddress[];
}

/** An address of record and what is registered for it. */
export interface RegisteredAddress {
  /** URI. */
  readonly aor: string;
  /** Tells it from others in the same subscription. */
  readonly id: string;
  readonly state: 'init' | 'active' | 'terminated';
  readonly contacts: readonly RegisteredContact[];
}

/** One contact. */
export interface RegisteredContact {
  /** Tells it from others of the same registration. */
  readonly id: string;
  readonly state: 'active' | 'terminated';
  /** Why it is as it is: `registered`, `created`, `refreshed`, `unregistered`, …; '' when it is not told. */
  readonly event: string;
  /** Seconds it has left; null when it is not told. */
  readonly expires: number | null;
  /** Call-ID of its REGISTER; null when it is not told. */
  readonly callId: string | null;
  readonly uri: string;
  /** SIP methods the contact takes, upper case (RFC 3840 `methods`); null: it did not say. */
  readonly methods: readonly string[] | null;
}

/** A body that is no registration information. */
export class MalformedRegInfo extends MailboxError {
  constructor(reason: string, options?: { cause?: unknown }) {
    super('MALFORMED_REG_INFO', `cannot read the registration information: ${reason}`, options);
  }
}

/*
 * RFC 3680 §5.1: reginfo (version, state) holds any number of registration (aor, id, state), which hold any number of contact
 * (id, state, event, and by choice expires, callid, …), each with one uri and any number of unknown-param. Elements of other
 * namespaces, such as the GRUUs of RFC 5628, and attributes not named here are for others.
 */

/** Reads it. @throws MalformedRegInfo */
export function parseRegInfo(bytes: Uint8Array): RegInfo {
  const root = readXml(bytes);
  if (!isOurs(root, 'reginfo')) throw new MalformedRegInfo('its root is no reginfo');
  const registrations = childrenOf(root, 'registration').map(readRegistration);
  const size = registrations.reduce((sum, { contacts }) => sum + contacts.length, registrations.length);
  if (size > IM_LIMITS.regInfoContacts)
    throw new MalformedRegInfo(`more than ${IM_LIMITS.regInfoContacts} contacts`);
  return {
    version: wholeNumber(root, 'version'),
    state: oneOf(root, 'state', ['full', 'partial']),
    registrations,
  };
}

function readXml(bytes: Uint8Array): XmlElement {
  try {
    return parseXml(bytes, { bytes: IM_LIMITS.regInfoBytes, markup: IM_LIMITS.regInfoMarkup });
  } catch (cause) {
    if (cause instanceof MalformedXml) throw new MalformedRegInfo(cause.message, { cause });
    throw cause;
  }
}

function readRegistration(element: XmlElement): RegisteredAddress {
  return {
    aor: required(element, 'aor'),
    id: required(element, 'id'),
    state: oneOf(element, 'state', ['init', 'active', 'terminated']),
    contacts: childrenOf(element, 'contact').map(readContact),
  };
}

function readContact(element: XmlElement): RegisteredContact {
  const uri = childrenOf(element, 'uri')[0]?.text ?? '';
  if (uri === '') throw new MalformedRegInfo('a contact has no uri');
  const callId = attribute(element, 'callid');
  return {
    id: required(element, 'id'),
    state: oneOf(element, 'state', ['active', 'terminated']),
    event: attribute(element, 'event'),
    expires: secondsLeft(element),
    callId: callId === '' ? null : callId,
    uri,
    methods: readMethods(element),
  };
}

/** RFC 3680 §5.3.3: a parameter of Contact that has no element of its own; its value may still stand in quotes. */
function readMethods(contact: XmlElement): readonly string[] | null {
  const parameter = childrenOf(contact, 'unknown-param').find(
    (each) => attribute(each, 'name').toLowerCase() === 'methods',
  );
  if (parameter === undefined) return null;
  const methods = parameter.text
    .replace(/^"(.*)"$/s, '$1')
    .split(',')
    .map((method) => method.trim().toUpperCase())
    .filter((method) => /^[A-Z0-9\-.!%*_+`'~]+$/.test(method));
  return methods.length === 0 ? null : [...new Set(methods)];
}

/** Kamailio counts on below zero for a contact that is over. */
function secondsLeft(contact: XmlElement): number | null {
  const value = attribute(contact, 'expires');
  if (value === '') return null;
  if (/^-\d+$/.test(value)) return 0;
  return wholeNumber(contact, 'expires');
}

function wholeNumber(element: XmlElement, name: string): number {
  const value = attribute(element, name);
  if (!/^\d+$/.test(value)) throw new MalformedRegInfo(`the ${name} of ${element.name} is no number`);
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER);
}

function oneOf<T extends string>(element: XmlElement, name: string, values: readonly T[]): T {
  const found = values.find((value) => value === attribute(element, name));
  if (found === undefined)
    throw new MalformedRegInfo(`the ${name} of ${element.name} is none of ${values.join(', ')}`);
  return found;
}

function required(element: XmlElement, name: string): string {
  const value = attribute(element, name);
  if (value === '') throw new MalformedRegInfo(`a ${element.name} has no ${name}`);
  return value;
}

function attribute(element: XmlElement, name: string): string {
  return element.attributes.get(name)?.trim() ?? '';
}

function isOurs(element: XmlElement, name: string): boolean {
  return element.namespace === REG_INFO_NAMESPACE && element.name === name;
}

function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child) => isOurs(child, name));
}
