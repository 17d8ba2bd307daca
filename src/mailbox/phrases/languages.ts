import { en } from './en.ts';
import type { Language, Phrases } from './phrases.ts';

const PHRASES: Readonly<Record<Language, Phrases>> = { en, es: en, de: en, fr: en };

/** What the mailbox says in a language. */
export function phrasesIn(language: Language): Phrases {
  return PHRASES[language];
}

/** The language a tag stands for, whatever its region (`es-MX`); undefined when the mailbox does not speak it. */
export function languageOf(tag: string): Language | undefined {
  const primary = tag.trim().toLowerCase().split('-')[0] ?? '';
  return primary in PHRASES ? (primary as Language) : undefined;
}
