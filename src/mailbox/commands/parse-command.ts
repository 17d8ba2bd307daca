import { singleLine } from '../../im/control-characters.ts';
import type { Language } from '../phrases/phrases.ts';
import type { Command, Mistake } from './command.ts';
import { folded } from './folded.ts';
import { COMMAND_LIMITS } from './limits.ts';
import { readTextNumbers } from './text-numbers.ts';
import type { Verb, VerbWithWords } from './words/command-words.ts';
import { WORDS, vocabularyOf } from './words/vocabulary.ts';
import type { Vocabulary } from './words/vocabulary.ts';

/*
 *   line    = *mark verb [ marks ] [ blanks words ]
 *   verb    = a word or two of a vocabulary, in any case, with or without accents
 *   mark    = "/" and what phones put before or behind a word
 */
const LEADING_MARKS = /^[\s/\\!¡¿?.,:;"'“”„‘’«»()*\u200b-\u200f\u2060\ufeff-]+/u;
const TRAILING_MARKS = /[.,:;!?…"”“»)*]+$/u;
// An apostrophe ends a word, for d'anne.
const WORD = /[^\s'’]+['’]?|['’]/gu;
const MOST_WORDS_OF_A_VERB = 3;

/** What `line` asks for. Never throws; takes time in proportion to the length of the line. */
export function parseCommand(line: string, language: Language): Command | Mistake {
  if (line.length > COMMAND_LIMITS.line) return unknown(line);
  if (line.trim() === '?') return { kind: 'help' };
  const vocabulary = vocabularyOf(language);
  const found = findVerb(line.replace(LEADING_MARKS, ''), vocabulary);
  if (found === null) return unknown(line);
  const { verb, rest } = found;
  const most = MOST[verb] ?? Infinity;
  if (rest.length > most) return { kind: 'too long', most };
  return readArguments(verb, rest, vocabulary) ?? mistake(verb, line, language);
}

/** An example of a command in the reader's words. */
export function exampleOf(verb: VerbWithWords, language: Language): string {
  return WORDS[language].examples[verb];
}

/** Of what she writes to be kept. */
const MOST: Partial<Readonly<Record<Verb, number>>> = {
  greeting: COMMAND_LIMITS.greeting,
  remind: COMMAND_LIMITS.reminder,
};

function findVerb(line: string, { verbs }: Vocabulary): { verb: Verb; rest: string } | null {
  let found: { verb: Verb; rest: string } | null = null;
  let head = '';
  let words = 0;
  for (const match of line.matchAll(WORD)) {
    if (++words > MOST_WORDS_OF_A_VERB || match[0].length > COMMAND_LIMITS.verb) break;
    const word = folded(match[0]);
    const marks = TRAILING_MARKS.exec(word)?.[0].length ?? 0;
    head = head === '' ? word : `${head} ${word}`;
    const verb = verbs.get(head.slice(0, head.length - marks));
    if (verb !== undefined) found = { verb, rest: line.slice(match.index + match[0].length).trim() };
  }
  return found;
}

/** Null when the verb does not go with what follows it. */
function readArguments(verb: Verb, rest: string, vocabulary: Vocabulary): Command | null {
  switch (verb) {
    case 'help':
      return { kind: verb };
    case 'new':
    case 'blocked':
    case 'reminders':
    case 'bye':
      return isIdle(rest, vocabulary) ? { kind: verb } : null;
    case 'old':
      return readOld(rest, vocabulary);
    case 'from':
    case 'block':
    case 'unblock': {
      const who = readWho(rest);
      return who === null ? null : { kind: verb, who };
    }
    case 'delete':
    case 'keep': {
      const texts = readTextNumbers(rest, vocabulary);
      return texts === null ? null : { kind: verb, texts };
    }
    case 'reply':
      return readReply(rest);
    case 'greeting':
      return readGreeting(rest, vocabulary);
    case 'language': {
      const tag = readName(rest);
      return tag.length > COMMAND_LIMITS.name ? null : { kind: verb, tag: tag === '' ? null : tag };
    }
    case 'timezone': {
      const name = readName(rest);
      return name.length > COMMAND_LIMITS.name ? null : { kind: verb, name: name === '' ? null : name };
    }
    case 'remind':
      return rest === '' ? null : { kind: verb, words: rest };
  }
}

function readOld(rest: string, vocabulary: Vocabulary): Command | null {
  if (isIdle(rest, vocabulary)) return { kind: 'old', count: null };
  const numbers = readTextNumbers(rest, vocabulary);
  if (numbers === 'all') return { kind: 'old', count: COMMAND_LIMITS.old };
  const [count, ...others] = numbers ?? [];
  if (count === undefined || others.length > 0) return null;
  return { kind: 'old', count: Math.min(count, COMMAND_LIMITS.old) };
}

/*
 * Whatever follows the number and the mark behind it is the text, in all its lines.
 */
const REPLY = /^#?(\d{1,6})(?:[:,]\s*|\s+)(\S[^]*)$/u;

function readReply(rest: string): Command | null {
  const [, digits, text] = REPLY.exec(rest) ?? [];
  if (text === undefined) return null;
  const number = Number(digits);
  return number < 1 || number > COMMAND_LIMITS.number ? null : { kind: 'reply', number, text };
}

function readGreeting(rest: string, vocabulary: Vocabulary): Command | null {
  if (rest === '') return { kind: 'show greeting' };
  const word = folded(rest).replace(TRAILING_MARKS, '');
  return vocabulary.off.has(word) ? { kind: 'reset greeting' } : { kind: 'set greeting', text: rest };
}

const QUOTED = /^(["'“”„‘’«])\s*([^"'“”„‘’«»]+?)\s*["'“”‘’»]$/u;

function readWho(rest: string): string | null {
  const who = readName(rest).replace(/^#(?=\d+$)/, '');
  return who === '' || who.length > COMMAND_LIMITS.who ? null : who;
}

/** One line, without the marks of a sentence's end and without quotes around all of it. */
function readName(rest: string): string {
  const name = singleLine(rest.slice(0, 2 * COMMAND_LIMITS.who)).replace(/[.,;:!?…\s]+$/u, '');
  return QUOTED.exec(name)?.[2] ?? name;
}

function isIdle(rest: string, { idle }: Vocabulary): boolean {
  if (rest.length > COMMAND_LIMITS.name) return false;
  return folded(rest)
    .split(/[\s,.!?]+/u)
    .every((word) => word === '' || idle.has(word));
}

function mistake(verb: Verb, line: string, language: Language): Mistake {
  switch (verb) {
    case 'help':
    case 'new':
    case 'blocked':
    case 'reminders':
    case 'bye':
      return unknown(line);
    default:
      return { kind: 'usage', example: exampleOf(verb, language) };
  }
}

function unknown(line: string): Mistake {
  const { quoted } = COMMAND_LIMITS;
  const words = singleLine(line.slice(0, 4 * quoted));
  if (words.length <= quoted) return { kind: 'unknown', words };
  // Half a pair of surrogates is no character.
  return { kind: 'unknown', words: `${words.slice(0, quoted - 1).replace(/[\ud800-\udbff]$/, '')}…` };
}
