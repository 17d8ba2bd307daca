import { parseContentType } from './content-type.ts';
import { MalformedXml, childOf, parseXml } from './xml.ts';

/** MIME type of a typing mark (RFC 3994). */
export const IS_COMPOSING_TYPE = 'application/im-iscomposing+xml';

/** That somebody is, or no longer is, writing (RFC 3994). */
export interface IsComposing {
  readonly state: 'active' | 'idle';
  /** MIME type of what is being written; null when it does not say. */
  readonly contentType: string | null;
  /** Seconds until the next mark at the latest; null when it does not say. */
  readonly refresh: number | null;
  /** When something was last written, as the mark has it. */
  readonly lastActive: string | null;
}

/** True for the MIME type of a typing mark, with any parameters. */
export function isComposing(contentType: string): boolean {
  return parseContentType(contentType)?.mime === IS_COMPOSING_TYPE;
}

/** Reads a typing mark. @throws MalformedXml */
export function parseIsComposing(bytes: Uint8Array): IsComposing {
  const root = parseXml(bytes);
  if (root.name.toLowerCase() !== 'iscomposing') throw new MalformedXml('it is no isComposing');
  const state = childOf(root, 'state')?.text;
  if (state === undefined || state === '') throw new MalformedXml('it has no state');
  const refresh = childOf(root, 'refresh')?.text ?? '';
  return {
    // Any state other than active counts as idle.
    state: state === 'active' ? 'active' : 'idle',
    contentType: childOf(root, 'contenttype')?.text ?? null,
    refresh: /^\d{1,9}$/.test(refresh) ? Number(refresh) : null,
    lastActive: childOf(root, 'lastactive')?.text ?? null,
  };
}
