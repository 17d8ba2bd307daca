/** Elements whose content nobody is meant to read. */
const HIDDEN: ReadonlySet<string> = new Set(['script', 'style', 'head', 'title']);
/** Elements that begin a line of their own. */
const BREAKING: ReadonlySet<string> = new Set(
  ['br', 'p', 'div', 'li', 'tr', 'ul', 'ol', 'table', 'blockquote', 'pre', 'hr'].concat([
    'h1',
    'h2',
    'h3',
    'h4',
    'h5',
    'h6',
  ]),
);

/**
 * The words of an HTML text, for phones that show plain text only: tags go, block elements break lines, the common character
 * references are undone. Reads every character once, whatever the markup looks like.
 */
export function htmlToText(html: string): string {
  // Names of elements are ASCII; of other letters some change their length (İ), and every place would be another.
  const lowerCase = html.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  let text = '';
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open === -1) return tidy(text + html.slice(at));
    text += html.slice(at, open);
    if (html.startsWith('<!--', open)) {
      at = after(html, '-->', open);
      continue;
    }
    const tag = /^\/?([a-z][a-z0-9]*)/.exec(lowerCase.slice(open + 1, open + 20));
    if (tag === null && !/[!?]/.test(html.charAt(open + 1))) {
      text += '<';
      at = open + 1;
      continue;
    }
    const name = tag?.[1] ?? '';
    at = after(html, '>', open);
    if (BREAKING.has(name)) text += '\n';
    if (HIDDEN.has(name) && tag?.[0] === name) at = after(lowerCase, `</${name}`, at, 0);
  }
  return tidy(text);
}

/** Where `mark` ends (or begins, with `length` 0) at or after `from`; the end of the text when it is not there. */
function after(text: string, mark: string, from: number, length = mark.length): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? text.length : found + length;
}

const REFERENCES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
  ['nbsp', ' '],
]);

function tidy(text: string): string {
  return text
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,4}));/gi, (whole, decimal, hex, name) => {
      if (name !== undefined) return REFERENCES.get(String(name).toLowerCase()) ?? whole;
      const point = decimal === undefined ? parseInt(String(hex), 16) : Number(decimal);
      return point === 0 || point > 0x10ffff ? '\ufffd' : String.fromCodePoint(point);
    })
    .split(/\r?\n/)
    .map((line) => line.replace(/[ \t]+/g, ' ').trim())
    .filter((line) => line !== '')
    .join('\n');
}
