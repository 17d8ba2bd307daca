import { de } from './de.ts';
import { en } from './en.ts';
import { es } from './es.ts';
import { fr } from './fr.ts';
import { LANGUAGES } from './phrases.ts';
import type { Language, Phrases } from './phrases.ts';

const PHRASES: Readonly<Record<Language, Phrases>> = { en, es, de, fr };

/** What the mailbox says in a language. */
export function phrasesIn(language: Language): Phrases {
  return PHRASES[language];
}

/** The language a tag stands for, whatever its region (`es-MX`); undefined when the mailbox does not speak it. */
export function languageOf(tag: string): Language | undefined {
  const primary = tag.trim().toLowerCase().split(/[-_]/)[0];
  return LANGUAGES.find((language) => language === primary);
}
