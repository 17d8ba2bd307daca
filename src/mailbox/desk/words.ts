import { DESK_LIMITS } from './limits.ts';

/** What is kept of an owner's words until their turn comes. */
export function keptWords(written: string): string {
  const words = written.trim();
  if (words.length <= DESK_LIMITS.words) return words;
  // Copied: a slice would keep all of it in memory.
  return Buffer.from(words.slice(0, DESK_LIMITS.words), 'utf16le').toString('utf16le');
}
