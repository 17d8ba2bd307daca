/** Words of several lines in as few pieces as hold them, each of at most `maxBytes` of UTF-8, cut at line ends where possible. */
export function inPieces(words: string, maxBytes: number): string[] {
  const pieces: string[] = [];
  let piece: string | undefined;
  for (const line of words.split('\n').flatMap((each) => cut(each, maxBytes))) {
    const longer: string = piece === undefined ? line : `${piece}\n${line}`;
    if (piece === undefined || Buffer.byteLength(longer) <= maxBytes) piece = longer;
    else {
      pieces.push(piece);
      piece = line;
    }
  }
  return piece === undefined ? pieces : [...pieces, piece];
}

function cut(line: string, maxBytes: number): string[] {
  if (Buffer.byteLength(line) <= maxBytes) return [line];
  const parts: string[] = [];
  let part = '';
  let bytes = 0;
  for (const character of line) {
    const size = Buffer.byteLength(character);
    if (part !== '' && bytes + size > maxBytes) {
      parts.push(part);
      part = '';
      bytes = 0;
    }
    part += character;
    bytes += size;
  }
  return [...parts, part];
}
