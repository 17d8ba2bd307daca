import { LANGUAGES } from '../../phrases/phrases.ts';
import type { Language } from '../../phrases/phrases.ts';
import { folded, foldedWithUmlauts } from '../folded.ts';
import type { CommandWords, Verb } from './command-words.ts';
import { de } from './de.ts';
import { en } from './en.ts';
import { es } from './es.ts';
import { fr } from './fr.ts';

/** How commands are said in each language. */
export const WORDS: Readonly<Record<Language, CommandWords>> = { en, es, de, fr };

/** What a word means to a reader of one language; words are {@link folded}. */
export interface Vocabulary {
  readonly verbs: ReadonlyMap<string, Verb>;
  readonly all: ReadonlySet<string>;
  readonly off: ReadonlySet<string>;
  readonly idle: ReadonlySet<string>;
}

const VOCABULARIES = Object.fromEntries(
  LANGUAGES.map((language) => [language, vocabularyFor(language)]),
) as Readonly<Record<Language, Vocabulary>>;

/** Words of all languages. A word that two of them have means what it means in the reader's own, else in the first. */
export function vocabularyOf(language: Language): Vocabulary {
  return VOCABULARIES[language];
}

function vocabularyFor(reader: Language): Vocabulary {
  const tables = [reader, ...LANGUAGES].map((language) => WORDS[language]);
  const verbs = new Map<string, Verb>();
  for (const table of tables) {
    for (const [verb, synonyms] of Object.entries(table.verbs) as [Verb, readonly string[]][]) {
      for (const word of spellings(synonyms)) {
        if (!verbs.has(word)) verbs.set(word, verb);
      }
    }
  }
  return {
    verbs,
    all: new Set(tables.flatMap(({ all }) => spellings(all))),
    off: new Set(tables.flatMap(({ off }) => spellings(off))),
    idle: new Set(tables.flatMap(({ idle }) => spellings(idle))),
  };
}

function spellings(words: readonly string[]): string[] {
  return words.flatMap((word) => [folded(word), foldedWithUmlauts(word)]);
}
