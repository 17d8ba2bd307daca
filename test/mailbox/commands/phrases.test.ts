import { expect } from 'chai';
import { languageOf, phrasesIn } from '../../../src/mailbox/phrases/languages.ts';
import { LANGUAGES } from '../../../src/mailbox/phrases/phrases.ts';
import type { Language, Phrases } from '../../../src/mailbox/phrases/phrases.ts';
import { exampleOf } from '../../../src/mailbox/commands/parse-command.ts';
import { WORDS } from '../../../src/mailbox/commands/words/vocabulary.ts';

/** A SIP MESSAGE carries 1,300 bytes with its headers. */
const HELP_BYTES = 1_000;

/** Truly the same in some languages. */
const SAME: readonly (keyof Phrases)[] = ['reminders'];

const ARGUMENTS: readonly (readonly unknown[])[] = [
  [1],
  [3],
  ['Anna'],
  ['Anna', 'Bob'],
  [['Anna', 'Bob']],
  [[{ number: 3, author: 'Anna', when: '14:03', text: 'x' }]],
];

/** What a phrase says, for whichever arguments it takes. */
function said(phrases: Phrases, name: keyof Phrases): string[] {
  const phrase: unknown = Reflect.get(phrases, name);
  if (typeof phrase !== 'function') return [String(phrase)];
  return ARGUMENTS.flatMap((args) => {
    try {
      return [String(Reflect.apply(phrase, phrases, args))];
    } catch (error) {
      if (error instanceof TypeError) return [];
      throw error;
    }
  });
}

const OTHERS = LANGUAGES.filter((language) => language !== 'en');
const NAMES = Object.keys(phrasesIn('en')) as (keyof Phrases)[];

describe('the phrases', () => {
  for (const language of OTHERS) {
    it(`are all there in ${language}, in its own words`, () => {
      const phrases = phrasesIn(language);
      expect(Object.keys(phrases)).to.have.members(NAMES);
      expect(phrases.language).to.equal(language);
      for (const name of NAMES.filter((phrase) => !SAME.includes(phrase))) {
        const [own, english] = [said(phrases, name), said(phrasesIn('en'), name)];
        expect(own, name).not.to.be.empty;
        own.forEach((words, index) => expect(words, name).not.to.equal(english[index]));
      }
    });
  }

  for (const language of LANGUAGES) {
    it(`have help that fits a SIP MESSAGE in ${language}`, () => {
      expect(Buffer.byteLength(phrasesIn(language).help)).to.be.at.most(HELP_BYTES);
    });

    it(`name commands of ${language}: help after a list, an example when a time was not understood`, () => {
      const phrases = phrasesIn(language);
      const help = new RegExp(String.raw`(?<=^|[\s])${WORDS[language].verbs.help[0]}(?=[\s.,])`);
      expect(phrases.helpHint).to.match(help);
      expect(phrases.newTextsShown([])).to.match(help);
      expect(phrases.notUnderstood('')).to.match(help);
      expect(phrases.notUnderstood('foo')).to.match(help).and.to.include('foo');
      expect(phrases.timeNotUnderstood).to.include(exampleOf('remind', language));
      expect(phrases.noSuchTimeZone('x')).to.include(exampleOf('timezone', language));
      expect(phrases.usage('EXAMPLE')).to.include('EXAMPLE');
      expect(phrases.languageIs(['es', 'de'])).to.include(`${WORDS[language].verbs.language[0]} de`);
    });
  }

  it('count one text and several', () => {
    const counted = (language: Language): string[] =>
      [1, 2].map((count) => phrasesIn(language).deleted(count));
    expect(counted('en')).to.deep.equal(['1 text deleted.', '2 texts deleted.']);
    expect(counted('es')).to.deep.equal(['1 mensaje borrado.', '2 mensajes borrados.']);
    expect(counted('de')).to.deep.equal(['1 Nachricht gelöscht.', '2 Nachrichten gelöscht.']);
    expect(counted('fr')).to.deep.equal(['1 message supprimé.', '2 messages supprimés.']);
    expect(phrasesIn('fr').deleted(0)).to.equal('0 message supprimé.');
    expect(phrasesIn('es').deleted(0)).to.equal('0 mensajes borrados.');
    expect(phrasesIn('de').saved(1)).to.equal('1 Nachricht wird aufgehoben, bis du sie löschst.');
    expect(phrasesIn('es').saved(2)).to.equal('2 mensajes guardados hasta que los borres.');
  });

  it('elide a French name, not an address', () => {
    expect(phrasesIn('fr').noTextsFrom('Anne')).to.equal("Il n'y a pas de messages d'Anne.");
    expect(phrasesIn('fr').noTextsFrom('Bob')).to.equal("Il n'y a pas de messages de Bob.");
    expect(phrasesIn('fr').noTextsFrom('anne:x')).to.equal("Il n'y a pas de messages de anne:x.");
  });

  it('belong to a language whatever its region or case; a word that is none has none', () => {
    expect(['en', 'ES', 'es-MX', 'de_AT', ' fr-CA '].map(languageOf)).to.deep.equal([
      'en',
      'es',
      'es',
      'de',
      'fr',
    ]);
    expect(['', 'pt', 'constructor', 'toString', 'english'].map(languageOf)).to.deep.equal(
      Array(5).fill(undefined),
    );
  });
});
