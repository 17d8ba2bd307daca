import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../doubles/package-root.ts';

/** The page of the docs that shows a retrieval. */
export const TRANSCRIPT_PAGE = join(packageRoot, 'docs/transcript.md');

const BLOCK = /(<!-- played by `make transcript` -->\n\n```text\n)[^]*?(\n```\n)/;

/** The transcript as the page has it. @throws Error when the page has no place for one */
export function shownTranscript(): string {
  const page = readFileSync(TRANSCRIPT_PAGE, 'utf8');
  const match = BLOCK.exec(page);
  if (match === null) throw new Error('docs/transcript.md lacks the block of the transcript');
  const [whole, begin = '', end = ''] = match;
  return whole.slice(begin.length, whole.length - end.length);
}

/** Puts a transcript into the page. */
export function showTranscript(transcript: string): void {
  const page = readFileSync(TRANSCRIPT_PAGE, 'utf8');
  writeFileSync(
    TRANSCRIPT_PAGE,
    page.replace(BLOCK, (_whole, begin: string, end: string) => `${begin}${transcript}${end}`),
  );
}
