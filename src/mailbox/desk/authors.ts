import { AddressOfRecord } from '../../core/address-of-record.ts';
import { normalTelUri } from '../../core/tel-uri.ts';
import { singleLine } from '../../im/control-characters.ts';
import { folded } from '../commands/folded.ts';

/** Somebody who wrote, as her texts have her. */
export interface Author {
  /** A URI. */
  readonly author: string;
  /** '' when she gave no name. */
  readonly authorName: string;
}

/** What an author is called: her name, else her address. A name is one line, and cannot pass itself off as an address. */
export function nameOf({ author, authorName }: Author): string {
  const name = singleLine(authorName).replace(/[<>"]/g, '').trim();
  return name === '' || name.includes('@') ? addressOf(author) : name;
}

/** The address as people write it: `bob@example.com`, `tel:+34911234567`. */
export function addressOf(author: string): string {
  return singleLine(author).replace(/^sips?:/i, '');
}

/**
 * Whom words mean among `authors`: who has exactly this address, else user part or name, else a word of her name. Several when
 * the words fit them equally well. Upper case, accents and `sip:` don't matter.
 */
export function authorsMeant<A extends Author>(words: string, authors: readonly A[]): A[] {
  const wanted = folded(addressOf(addressIn(words) ?? words.trim()));
  if (wanted === '') return [];
  for (const fits of WAYS) {
    const found = authors.filter((author) => fits(author, wanted));
    if (found.length > 0) return unique(found);
  }
  return [];
}

const WAYS: readonly ((author: Author, wanted: string) => boolean)[] = [
  ({ author }, wanted) => folded(addressOf(author)) === wanted,
  ({ author, authorName }, wanted) =>
    folded(userOf(author)) === wanted || folded(authorName.trim()) === wanted,
  ({ authorName }, wanted) => folded(authorName).split(/\s+/u).includes(wanted),
];

function userOf(author: string): string {
  return addressOf(author).split('@')[0] ?? '';
}

function unique<A extends Author>(authors: readonly A[]): A[] {
  const byUri = new Map<string, A>();
  for (const author of authors) if (!byUri.has(author.author)) byUri.set(author.author, author);
  return [...byUri.values()];
}

/** A URI out of words that spell an address, as deposits have it; undefined when they spell none. */
export function addressIn(words: string): string | undefined {
  const address = words.trim().replace(/^<(.*)>$/, '$1');
  const tel = normalTelUri(address);
  if (tel !== undefined) return tel;
  if (!address.includes('@')) return undefined;
  const uri = /^sips?:/i.test(address) ? address : `sip:${address}`;
  return AddressOfRecord.tryParse(uri)?.toString();
}
