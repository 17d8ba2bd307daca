import { create } from 'xmlbuilder2';
import { parseContentType } from './content-type.ts';
import { plainText } from './control-characters.ts';
import type { CpimMessage } from './cpim.ts';
import { MalformedXml, childOf, parseXml } from './xml.ts';

/** MIME type of an instant message disposition notification (RFC 5438). */
export const IMDN_TYPE = 'message/imdn+xml';
/** Namespace of the notification’s XML. */
export const IMDN_XML_NAMESPACE = 'urn:ietf:params:xml:ns:imdn';
/** Namespace of the CPIM headers that ask for one; prefixed `imdn` by custom. */
export const IMDN_CPIM_NAMESPACE = 'urn:ietf:params:imdn';

/** What a notification speaks of, and the statuses each may report. */
export const IMDN_STATUSES = {
  delivery: ['delivered', 'failed', 'forbidden', 'error'],
  processing: ['processed', 'stored', 'forbidden', 'error'],
  display: ['displayed', 'forbidden', 'error'],
} as const;

/** The stage a notification speaks of. */
export type ImdnKind = keyof typeof IMDN_STATUSES;

/** A disposition notification: what became of a message (RFC 5438). */
export interface Imdn {
  /** imdn.Message-ID of the message it is about. */
  readonly messageId: string;
  /** When that message was sent, as the notification has it; null when it does not say. */
  readonly dateTime: string | null;
  readonly recipientUri: string | null;
  readonly originalRecipientUri: string | null;
  readonly kind: ImdnKind;
  readonly status: string;
}

/** What a CPIM message says about notifications for itself. */
export interface ImdnHeaders {
  /** imdn.Message-ID; null when there is none. */
  readonly messageId: string | null;
  /** imdn.Disposition-Notification, such as `positive-delivery` and `display`. */
  readonly dispositions: readonly string[];
}

/** True for the MIME type of a notification, with any parameters. */
export function isImdn(contentType: string): boolean {
  return parseContentType(contentType)?.mime === IMDN_TYPE;
}

/** Reads a notification. @throws MalformedXml */
export function parseImdn(bytes: Uint8Array): Imdn {
  const root = parseXml(bytes);
  if (root.name !== 'imdn') throw new MalformedXml('it is no IMDN');
  const messageId = childOf(root, 'message-id')?.text ?? '';
  if (messageId === '') throw new MalformedXml('it names no message');
  for (const kind of ['delivery', 'processing', 'display'] as const) {
    const status = childOf(childOf(root, `${kind}-notification`), 'status')?.children[0]?.name;
    if (status === undefined) continue;
    return {
      messageId,
      dateTime: childOf(root, 'datetime')?.text ?? null,
      recipientUri: childOf(root, 'recipient-uri')?.text ?? null,
      originalRecipientUri: childOf(root, 'original-recipient-uri')?.text ?? null,
      kind,
      status,
    };
  }
  throw new MalformedXml('it reports no status');
}

/** Writes a notification. */
export function formatImdn(imdn: Imdn): Buffer {
  const root = create({ version: '1.0', encoding: 'UTF-8' }).ele(IMDN_XML_NAMESPACE, 'imdn');
  const field = (name: string, value: string | null): void => {
    if (value !== null) root.ele(IMDN_XML_NAMESPACE, name).txt(plainText(value));
  };
  field('message-id', imdn.messageId);
  field('datetime', imdn.dateTime);
  field('recipient-uri', imdn.recipientUri);
  field('original-recipient-uri', imdn.originalRecipientUri);
  root
    .ele(IMDN_XML_NAMESPACE, `${imdn.kind}-notification`)
    .ele(IMDN_XML_NAMESPACE, 'status')
    .ele(IMDN_XML_NAMESPACE, imdn.status);
  return Buffer.from(root.end(), 'utf8');
}

/**
 * The IMDN headers of a message, under whatever prefix its NS header gave the namespace (RFC 3862 §3.4); where it gave none,
 * under `imdn`, as clients that leave NS out mean it.
 */
export function imdnHeaders(message: CpimMessage): ImdnHeaders {
  const prefixes = [...message.namespaces].filter(([, uri]) => uri.toLowerCase() === IMDN_CPIM_NAMESPACE);
  const names = prefixes.length === 0 ? ['imdn'] : prefixes.map(([prefix]) => prefix);
  const values = (name: string): string[] => {
    const wanted = names.map((prefix) => (prefix === '' ? name : `${prefix}.${name}`).toLowerCase());
    return message.headers
      .filter((header) => wanted.includes(header.name.toLowerCase()))
      .map(({ value }) => value);
  };
  const messageId = values('Message-ID')[0];
  return {
    messageId: messageId === undefined || messageId === '' ? null : messageId,
    dispositions: values('Disposition-Notification')
      .flatMap((value) => value.split(','))
      .map((disposition) => disposition.trim().toLowerCase())
      .filter((disposition) => disposition !== ''),
  };
}
