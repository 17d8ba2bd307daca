/*
 * What a line of text must not carry into another program: C0 and C1 controls (Cc), the line and paragraph separators
 * (Zl, Zp), and the marks that turn the direction of writing (Unicode Standard Annex 9), with which a name can be made to
 * look like another.
 */
const LINE_BREAKING = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const CONTROLS_BUT_BREAKS = /(?![\t\n])\p{Cc}/gu;

/** One line: control characters and line ends become spaces, runs of blanks one space. */
export function singleLine(text: string): string {
  return text.replace(LINE_BREAKING, ' ').replace(/\s+/gu, ' ').trim();
}

/** Text of several lines: line ends become LF, other control characters but the tab are left out. */
export function plainText(text: string): string {
  return text.replace(/\r\n?|[\u2028\u2029\u0085]/g, '\n').replace(CONTROLS_BUT_BREAKS, '');
}
