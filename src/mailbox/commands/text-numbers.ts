import type { TextNumbers } from './command.ts';
import { folded } from './folded.ts';
import { COMMAND_LIMITS } from './limits.ts';
import type { Vocabulary } from './words/vocabulary.ts';

/*
 *   numbers = item *( separator item )
 *   item    = number / number "-" number
 *   number  = [ "#" ] 1*DIGIT
 *   separator = blanks, comma, semicolon, full stop, "&", "+", an idle word
 */
const SEPARATORS = /[\s,;.&+]+/u;
const ENDS = /^[("]+|[)"!?:]+$/g;
const ITEM = /^#?(\d{1,6})(?:-#?(\d{1,6}))?$/;

/** The texts that words name, or all of them; null when they name none, too many, or say something else too. */
export function readTextNumbers(words: string, vocabulary: Vocabulary): TextNumbers | 'all' | null {
  if (words.length > COMMAND_LIMITS.list) return null;
  const items = folded(words)
    .replace(/\s*-\s*/gu, '-')
    .split(SEPARATORS)
    .map((item) => item.replace(ENDS, ''))
    .filter((item) => item !== '' && !vocabulary.idle.has(item));
  const [only] = items;
  if (items.length === 1 && only !== undefined && vocabulary.all.has(only)) return 'all';
  const numbers = new Set<number>();
  for (const item of items) {
    const [, first, last] = ITEM.exec(item) ?? [];
    if (first === undefined) return null;
    const ends = [Number(first), Number(last ?? first)];
    const low = Math.min(...ends);
    const high = Math.max(...ends);
    if (low < 1 || high > COMMAND_LIMITS.number || high - low >= COMMAND_LIMITS.numbers) return null;
    for (let number = low; number <= high; number++) numbers.add(number);
    if (numbers.size > COMMAND_LIMITS.numbers) return null;
  }
  return numbers.size === 0 ? null : [...numbers];
}
