const MARKS = /\p{M}/gu;
const HIDDEN = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]/g;
const UMLAUTS: Readonly<Record<string, string>> = { ä: 'ae', ö: 'oe', ü: 'ue' };

/**
 * Words as they are compared: lower case, without accents and marks nobody sees, every apostrophe and dash the ASCII one. As a
 * phone's keyboard and a hurried writer may have left them.
 */
export function folded(words: string): string {
  return words
    .toLowerCase()
    .replace(HIDDEN, '')
    .normalize('NFKD')
    .replace(MARKS, '')
    .replace(/ß/g, 'ss')
    .replace(/[‘’‛´`]/g, "'")
    .replace(/[\u2010-\u2015\u2212]/g, '-');
}

/** As {@link folded}, with the umlauts written out: `loesche`. */
export function foldedWithUmlauts(words: string): string {
  return folded(
    words
      .toLowerCase()
      .normalize('NFC')
      .replace(/[äöü]/g, (umlaut) => UMLAUTS[umlaut] ?? umlaut),
  );
}
