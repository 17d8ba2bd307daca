import { create } from 'xmlbuilder2';
import { MailboxError } from '../core/errors.ts';
import { decodeText } from './charset.ts';
import { IM_LIMITS } from './limits.ts';

/** A body that is no XML, or XML of a kind no peer of ours has reason to send. */
export class MalformedXml extends MailboxError {
  constructor(reason: string, options?: { cause?: unknown }) {
    super('MALFORMED_XML', `cannot read the XML body: ${reason}`, options);
  }
}

/** An element: what a reader of small documents needs of it. */
export interface XmlElement {
  /** Without its prefix. */
  readonly name: string;
  /** '' when it is in none. */
  readonly namespace: string;
  /** Values of the attributes that are in no namespace, by name. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** All text within, blanks at its ends left out. */
  readonly text: string;
}

/** What we use of a DOM node. */
interface DomNode {
  readonly nodeType: number;
  readonly localName?: string | null;
  readonly namespaceURI?: string | null;
  readonly textContent: string | null;
  readonly childNodes: Iterable<DomNode>;
  readonly attributes?: Iterable<DomAttribute>;
}

interface DomAttribute {
  readonly localName: string;
  readonly namespaceURI: string | null;
  readonly value: string;
}

/** How large a document may be. */
export interface XmlBounds {
  readonly bytes: number;
  /** Tags, attributes, comments and the like. */
  readonly markup: number;
}

const SMALL: XmlBounds = { bytes: IM_LIMITS.xmlBytes, markup: IM_LIMITS.xmlMarkup };

const ELEMENT_NODE = 1;

/**
 * Reads a small document. Size and markup are counted before the parser sees a byte, and a document type is refused as
 * such: so there are no entities to expand (RFC 3023 §10) and no nesting that exhausts the stack.
 * @throws MalformedXml
 */
export function parseXml(bytes: Uint8Array, bounds: XmlBounds = SMALL): XmlElement {
  if (bytes.length > bounds.bytes) throw new MalformedXml(`more than ${bounds.bytes} bytes`);
  const text = decodeText(bytes).trim();
  if (!text.startsWith('<')) throw new MalformedXml('it does not begin with markup');
  if (/<!DOCTYPE|<!ENTITY/i.test(text)) throw new MalformedXml('it has a document type');
  // The parser looks at an element's attributes once for each of them.
  if (count(text, '<') + count(text, '=') > bounds.markup) throw new MalformedXml('too much markup');
  const root = [...parseDocument(text).childNodes].find(({ nodeType }) => nodeType === ELEMENT_NODE);
  if (root === undefined) throw new MalformedXml('it has no element');
  return readElement(root);
}

function count(text: string, mark: string): number {
  return text.split(mark).length - 1;
}

function parseDocument(text: string): DomNode {
  try {
    return create(text).node;
  } catch (cause) {
    throw new MalformedXml('its markup is broken', { cause });
  }
}

function readElement(node: DomNode): XmlElement {
  return {
    name: node.localName ?? '',
    namespace: node.namespaceURI ?? '',
    attributes: new Map(
      [...(node.attributes ?? [])]
        .filter(({ namespaceURI }) => namespaceURI === null)
        .map(({ localName, value }) => [localName, value]),
    ),
    children: [...node.childNodes].filter(({ nodeType }) => nodeType === ELEMENT_NODE).map(readElement),
    text: (node.textContent ?? '').trim(),
  };
}

/** The first child of that name, if any. */
export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name);
}
