import { singleLine } from '../im/control-characters.ts';
import type { CpimAddress, CpimHeader, CpimMessage } from '../im/cpim.ts';
import { MalformedCpim, emptyCpim, nameWithin } from '../im/cpim.ts';
import { parseCpim } from '../im/cpim-parser.ts';
import { formatCpim } from '../im/cpim-writer.ts';
import { IMDN_CPIM_NAMESPACE, imdnHeaders } from '../im/imdn.ts';
import { MAILBOX_LIMITS } from './limits.ts';
import type { Disposition, ReceiptRequest } from './ports.ts';

/** What became of a wrapper: kept `whole`; `without` headers that only some clients know, as it was too long; or not at all. */
export type WrapperKept = 'whole' | 'without foreign headers' | 'not';

/** The headers of the message/cpim a text came in, to be kept beside it, at most `MAILBOX_LIMITS.wrapper` bytes. */
export function keepWrapper(wrapper: CpimMessage): {
  readonly bytes: Buffer | null;
  readonly kept: WrapperKept;
} {
  const whole = formatCpim({ ...wrapper, content: Buffer.alloc(0) });
  if (canBeRead(whole)) return { bytes: whole, kept: 'whole' };
  const known = formatCpim(withoutForeign(wrapper));
  if (canBeRead(known)) return { bytes: known, kept: 'without foreign headers' };
  return { bytes: null, kept: 'not' };
}

/** One message/cpim in another may bring more headers than one may have. */
function canBeRead(bytes: Buffer): boolean {
  return bytes.length <= MAILBOX_LIMITS.wrapper && tryParse(bytes) !== null;
}

/** Without Require too: what it asks to be known is not there any more. */
function withoutForeign(wrapper: CpimMessage): CpimMessage {
  return {
    ...wrapper,
    namespaces: new Map(
      [...wrapper.namespaces].filter(([, uri]) => uri.toLowerCase() === IMDN_CPIM_NAMESPACE),
    ),
    require: [],
    headers: wrapper.headers.filter((header) => imdnName(wrapper, header) !== undefined),
    mimeHeaders: [],
    content: Buffer.alloc(0),
  };
}

/** The headers that were kept; none when there was no wrapper. */
export function readWrapper(bytes: Buffer | null): CpimMessage {
  // A text must not wait for ever for the sake of its headers.
  return (bytes === null ? null : tryParse(bytes)) ?? emptyCpim;
}

function tryParse(bytes: Buffer): CpimMessage | null {
  try {
    return parseCpim(bytes);
  } catch (error) {
    if (error instanceof MalformedCpim) return null;
    throw error;
  }
}

const DISPOSITIONS: readonly Disposition[] = [
  'positive-delivery',
  'negative-delivery',
  'processing',
  'display',
];

/** What a text's sender asks to be told of it (RFC 5438 §6.2); null when nothing, or when she gave the text no name. */
export function receiptRequest(wrapper: CpimMessage, returnHop: string): ReceiptRequest | null {
  const { messageId, dispositions } = imdnHeaders(wrapper);
  const asked = new Set(dispositions.map(dispositionOf));
  const known = DISPOSITIONS.filter((disposition) => asked.has(disposition));
  if (messageId === null || known.length === 0) return null;
  return { dispositions: known, messageId, dateTime: wrapper.dateTimeText, returnHop };
}

/** RFC 5438 §6.2: parameters may follow it. */
function dispositionOf(request: string): string {
  return (request.split(';')[0] ?? '').trim().toLowerCase();
}

/** What of a wrapper's message headers the owner's client gets, besides From and To. */
export type PassedOn = Pick<CpimMessage, 'cc' | 'subjects' | 'namespaces' | 'require' | 'headers'>;

/**
 * The headers that speak to the owner. Of what the sender asks to be told only `display` does: whether the text came is what we
 * tell her ourselves (RFC 5438 §7), and she is not to hear it twice; and that only where `asksDisplay`, which is where the
 * answer of the owner's client would be passed on. Where NS doesn't name the IMDN headers, it does now.
 */
export function passedOn(wrapper: CpimMessage, { asksDisplay }: { readonly asksDisplay: boolean }): PassedOn {
  const { subjects } = wrapper;
  const headers = wrapper.headers.flatMap((header) => passHeader(wrapper, header, asksDisplay));
  const gone = wrapper.headers.filter(({ name }) => !headers.some((header) => header.name === name));
  const goneNames = new Set(gone.map(({ name }) => name.toLowerCase()));
  const isImdn = headers.some((header) => imdnName(wrapper, header) !== undefined);
  const isNamed = [...wrapper.namespaces.values()].some((uri) => uri.toLowerCase() === IMDN_CPIM_NAMESPACE);
  const named: [string, string][] = isImdn && !isNamed ? [['imdn', IMDN_CPIM_NAMESPACE]] : [];
  return {
    cc: wrapper.cc.map(shown),
    subjects,
    namespaces: new Map([...wrapper.namespaces, ...named]),
    require: wrapper.require.filter((name) => !goneNames.has(name.toLowerCase())),
    headers,
  };
}

function passHeader(wrapper: CpimMessage, header: CpimHeader, asksDisplay: boolean): CpimHeader[] {
  if (imdnName(wrapper, header) !== 'disposition-notification') return [header];
  if (!asksDisplay) return [];
  const display = header.value.split(',').filter((request) => dispositionOf(request) === 'display');
  return display.length === 0
    ? []
    : [{ ...header, value: display.map((request) => request.trim()).join(', ') }];
}

function imdnName(wrapper: CpimMessage, header: CpimHeader): string | undefined {
  return nameWithin(wrapper, header, IMDN_CPIM_NAMESPACE, 'imdn');
}

/** An address as the owner may see it: its name can neither end a line nor turn the direction of writing. */
export function shown({ displayName, uri }: CpimAddress): CpimAddress {
  return { displayName: singleLine(displayName), uri };
}
