import { folded } from '../commands/folded.ts';
import type { Doing } from './task.ts';
import { when } from './task.ts';
import { languageOf, phrasesIn } from '../phrases/languages.ts';
import type { Language } from '../phrases/phrases.ts';
import { LANGUAGES } from '../phrases/phrases.ts';

/** What callers read. */
export const showGreeting: Doing<'show greeting'> = async ({ visit, profile }) => {
  await visit.say(profile.phrases.greetingIs(profile.greeting));
};

export const setGreeting: Doing<'set greeting'> = async ({ desk, visitor, visit, profile }, { text }) => {
  await desk.store.setPreferences(visitor.owner, { greeting: text });
  await visit.say(profile.phrases.greetingSet(text));
};

export const resetGreeting: Doing<'reset greeting'> = async ({ desk, visitor, visit, profile }) => {
  await desk.store.setPreferences(visitor.owner, { greeting: null });
  await visit.say(profile.phrases.greetingReset(profile.usualGreeting));
};

/** The answer is in the new language. */
export const setLanguage: Doing<'language'> = async ({ desk, visitor, visit, profile }, { tag }) => {
  const language = tag === null ? undefined : languageNamed(tag);
  if (language === undefined) {
    await visit.say(profile.phrases.languageIs(LANGUAGES));
    return;
  }
  await desk.store.setPreferences(visitor.owner, { language });
  await visit.say(phrasesIn(language).languageSet);
};

export const setTimeZone: Doing<'timezone'> = async ({ desk, visitor, visit, profile }, { name }) => {
  const now = desk.clock.now();
  const { phrases } = profile;
  if (name === null) {
    await visit.say(phrases.timeZoneIs(profile.timeZone, when(profile, now, now)));
    return;
  }
  const timeZone = knownTimeZone(name);
  if (timeZone === undefined) {
    await visit.say(phrases.noSuchTimeZone(name));
    return;
  }
  await desk.store.setPreferences(visitor.owner, { timeZone });
  await visit.say(phrases.timeZoneSet(timeZone, when({ ...profile, timeZone }, now, now)));
};

/** By its tag, or by its name in any language that is spoken here. */
function languageNamed(name: string): Language | undefined {
  const wanted = folded(name.trim());
  const isCalled = (language: Language, reader: Language): boolean =>
    folded(new Intl.DisplayNames(reader, { type: 'language' }).of(language) ?? '') === wanted;
  return (
    languageOf(wanted) ?? LANGUAGES.find((language) => LANGUAGES.some((reader) => isCalled(language, reader)))
  );
}

/**
 * As the IANA time zone database writes it; undefined when it has none of that name. An offset such as `+02:00` is none: it
 * would be wrong half of the year.
 */
function knownTimeZone(name: string): string | undefined {
  const wanted = name.trim().replace(/\s+/g, '_');
  if (!/^[a-z]/i.test(wanted)) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: wanted }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}
