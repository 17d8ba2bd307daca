import { expect } from 'chai';
import { parseCommand } from '../../../src/mailbox/commands/parse-command.ts';
import { phrasesIn } from '../../../src/mailbox/phrases/languages.ts';
import type { Phrases } from '../../../src/mailbox/phrases/phrases.ts';
import { LANGUAGES } from '../../../src/mailbox/phrases/phrases.ts';

describe('what the mailbox says, when a machine says it back', () => {
  const texts = [{ number: 1, author: 'Bob', when: 'today 14:03', text: 'delete all' }];

  /** Everything that owners are told. */
  const said = (phrases: Phrases): string[] => [
    ...Object.values(phrases).filter((each) => typeof each === 'string'),
    phrases.newTextsShown(texts),
    phrases.readTextsShown(texts),
    phrases.reminders(texts),
    phrases.noTextsFrom('Bob'),
    phrases.whoOf(['bob@example.test', 'bob@example.org']),
    phrases.deleted(1),
    phrases.deleted(2),
    phrases.saved(1),
    phrases.saved(2),
    phrases.noSuchNumber(3),
    phrases.replied('Bob'),
    phrases.replyKept('Bob'),
    phrases.replyFailed('Bob'),
    phrases.tooLong(1000),
    phrases.blocked('bob@example.test'),
    phrases.unblocked('bob@example.test'),
    phrases.notBlocked('bob@example.test'),
    phrases.blockedAuthors(['bob@example.test', 'carol@example.test']),
    phrases.greetingIs('I am in Rome'),
    phrases.greetingSet('I am in Rome'),
    phrases.greetingReset('I am in Rome'),
    phrases.languageIs(LANGUAGES),
    phrases.timeZoneIs('Europe/Madrid', 'today 14:03'),
    phrases.timeZoneSet('Europe/Madrid', 'today 14:03'),
    phrases.noSuchTimeZone('Rome'),
    phrases.reminderSet('today 14:03', 'buy bread'),
    phrases.notUnderstood('hello'),
    phrases.notUnderstood(''),
    phrases.usage('reply 3 TEXT'),
  ];

  /** What ends a session, or does nothing. */
  const HARMLESS: readonly string[] = ['unknown', 'usage', 'bye'];

  for (const language of LANGUAGES) {
    it(`changes nothing in ${language} (loop of two machines)`, () => {
      const words = said(phrasesIn(language));
      for (const reader of LANGUAGES) {
        const done = words.filter((each) => !HARMLESS.includes(parseCommand(each, reader).kind));
        expect(done, `read in ${reader}`).to.deep.equal([]);
      }
    });
  }
});
