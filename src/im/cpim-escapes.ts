/*
 * RFC 3862 §2.3.1: in a header a backslash, backspace, tab, line feed and carriage return are written `\\`, `\b`, `\t`, `\n`,
 * `\r`, other control characters `\uXXXX`, a double quote `\"` within double quotes, and nothing else is escaped. We escape a
 * little more, which readers are to undo as well: C1 controls and the separators U+2028 and U+2029, at which some clients part
 * lines. A reader takes a backslash before anything else for that character, and leaves out one at the very end.
 */
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\b', '\\b'],
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\r', '\\r'],
]);
const ESCAPED: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['t', '\t'],
  ['n', '\n'],
  ['r', '\r'],
]);

/** Text as the value of a header: nothing in it can end the line. */
export function escapeCpim(text: string): string {
  return escapeControls(text.replaceAll('\\', '\\\\'));
}

/** The same for a value whose escapes stand in it already. */
export function escapeControls(value: string): string {
  return value.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (control) => {
    const code = control.charCodeAt(0).toString(16).padStart(4, '0');
    return ESCAPES.get(control) ?? `\\u${code}`;
  });
}

/** Undoes the escapes of a value. */
export function unescapeCpim(value: string): string {
  return value.replace(/\\(?:u([0-9A-Fa-f]{4})|(.?))/gsu, (_, hex?: string, single = '') => {
    if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
    return ESCAPED.get(String(single)) ?? String(single);
  });
}
