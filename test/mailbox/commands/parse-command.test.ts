import { expect } from 'chai';
import fc from 'fast-check';
import type { Command, Mistake } from '../../../src/mailbox/commands/command.ts';
import { COMMAND_LIMITS } from '../../../src/mailbox/commands/limits.ts';
import { exampleOf, parseCommand } from '../../../src/mailbox/commands/parse-command.ts';
import type { Verb, VerbWithWords } from '../../../src/mailbox/commands/words/command-words.ts';
import { WORDS } from '../../../src/mailbox/commands/words/vocabulary.ts';
import { folded } from '../../../src/mailbox/commands/folded.ts';
import { phrasesIn } from '../../../src/mailbox/phrases/languages.ts';
import { LANGUAGES } from '../../../src/mailbox/phrases/phrases.ts';
import type { Language } from '../../../src/mailbox/phrases/phrases.ts';

type Row = readonly [line: string, expected: Command | Mistake];

const TABLES: Readonly<Record<Language, readonly Row[]>> = {
  en: [
    ['help', { kind: 'help' }],
    ['HELP', { kind: 'help' }],
    ['/help', { kind: 'help' }],
    ['Help!', { kind: 'help' }],
    ['?', { kind: 'help' }],
    ['help me with delete', { kind: 'help' }],
    ['new', { kind: 'new' }],
    ['  New texts, please. ', { kind: 'new' }],
    ['old', { kind: 'old', count: null }],
    ['old 10', { kind: 'old', count: 10 }],
    ['last 5 messages', { kind: 'old', count: 5 }],
    ['old 100000', { kind: 'usage', example: 'old 10' }],
    ['old 9999', { kind: 'old', count: COMMAND_LIMITS.old }],
    ['old all', { kind: 'old', count: COMMAND_LIMITS.old }],
    ['old 0', { kind: 'usage', example: 'old 10' }],
    ['old ten', { kind: 'usage', example: 'old 10' }],
    ['from bob', { kind: 'from', who: 'bob' }],
    ['From Bob Smith.', { kind: 'from', who: 'Bob Smith' }],
    ['from “Bob”', { kind: 'from', who: 'Bob' }],
    ['from sip:bob@example.org', { kind: 'from', who: 'sip:bob@example.org' }],
    ['from "Bob" <sip:bob@example.org>', { kind: 'from', who: '"Bob" <sip:bob@example.org>' }],
    ['from', { kind: 'usage', example: 'from bob' }],
    ['delete 3', { kind: 'delete', texts: [3] }],
    ['delete 3,4 5', { kind: 'delete', texts: [3, 4, 5] }],
    ['delete 3-5', { kind: 'delete', texts: [3, 4, 5] }],
    ['delete 5 – 3', { kind: 'delete', texts: [3, 4, 5] }],
    ['delete\u00a03,\u00a0\u00a04', { kind: 'delete', texts: [3, 4] }],
    ['delete #3 and #5, please', { kind: 'delete', texts: [3, 5] }],
    ['delete 3 3 3', { kind: 'delete', texts: [3] }],
    ['delete all', { kind: 'delete', texts: 'all' }],
    ['delete everything!', { kind: 'delete', texts: 'all' }],
    ['delete', { kind: 'usage', example: 'delete 3' }],
    ['delete 0', { kind: 'usage', example: 'delete 3' }],
    ['delete -3', { kind: 'usage', example: 'delete 3' }],
    ['delete 1-100', { kind: 'delete', texts: Array.from({ length: 100 }, (_, index) => index + 1) }],
    ['delete 1-101', { kind: 'usage', example: 'delete 3' }],
    ['delete 1-100 101', { kind: 'usage', example: 'delete 3' }],
    ['delete all from bob', { kind: 'usage', example: 'delete 3' }],
    ['delete all 3', { kind: 'usage', example: 'delete 3' }],
    ['delete 3 if you like', { kind: 'usage', example: 'delete 3' }],
    ['keep 2', { kind: 'keep', texts: [2] }],
    ['save all', { kind: 'keep', texts: 'all' }],
    ['reply 3 On my way', { kind: 'reply', number: 3, text: 'On my way' }],
    ['Reply to 3: “On  my way”\nBob ', { kind: 'reply', number: 3, text: '“On  my way”\nBob' }],
    ['reply #3 /help', { kind: 'reply', number: 3, text: '/help' }],
    ['reply 3', { kind: 'usage', example: 'reply 3 I will call you' }],
    ['reply bob hello', { kind: 'usage', example: 'reply 3 I will call you' }],
    ['reply 3rd floor', { kind: 'usage', example: 'reply 3 I will call you' }],
    ['block bob', { kind: 'block', who: 'bob' }],
    ['block #3', { kind: 'block', who: '3' }],
    ['unblock bob', { kind: 'unblock', who: 'bob' }],
    ['blocked', { kind: 'blocked' }],
    ['greeting', { kind: 'show greeting' }],
    ['greeting: I’m  away.', { kind: 'set greeting', text: 'I’m  away.' }],
    ['greeting off', { kind: 'reset greeting' }],
    ['greeting Off.', { kind: 'reset greeting' }],
    ['greeting off to Spain', { kind: 'set greeting', text: 'off to Spain' }],
    ['language', { kind: 'language', tag: null }],
    ['language de', { kind: 'language', tag: 'de' }],
    ['language Español.', { kind: 'language', tag: 'Español' }],
    ['timezone', { kind: 'timezone', name: null }],
    ['time zone America/New_York', { kind: 'timezone', name: 'America/New_York' }],
    ['remind me tomorrow 9:00 call mum', { kind: 'remind', words: 'tomorrow 9:00 call mum' }],
    ['remind', { kind: 'usage', example: 'remind tomorrow 9:00 call the dentist' }],
    ['reminders', { kind: 'reminders' }],
    ['bye', { kind: 'bye' }],
    ['Good bye!', { kind: 'bye' }],
    ['new phone, who is this', { kind: 'unknown', words: 'new phone, who is this' }],
    ['hello', { kind: 'unknown', words: 'hello' }],
    ['', { kind: 'unknown', words: '' }],
    ['constructor', { kind: 'unknown', words: 'constructor' }],
  ],
  es: [
    ['¿Ayuda?', { kind: 'help' }],
    ['nuevos', { kind: 'new' }],
    ['Mensajes', { kind: 'unknown', words: 'Mensajes' }],
    ['nuevos mensajes, por favor', { kind: 'new' }],
    ['antiguos 10', { kind: 'old', count: 10 }],
    ['viejos', { kind: 'old', count: null }],
    ['leidos 3', { kind: 'old', count: 3 }],
    ['de ana', { kind: 'from', who: 'ana' }],
    ['borrar 3', { kind: 'delete', texts: [3] }],
    ['borra 3 y 4', { kind: 'delete', texts: [3, 4] }],
    ['borrar todo', { kind: 'delete', texts: 'all' }],
    ['borrar', { kind: 'usage', example: 'borrar 3' }],
    ['guardar 3', { kind: 'keep', texts: [3] }],
    ['responder 3 Ya voy', { kind: 'reply', number: 3, text: 'Ya voy' }],
    ['reply 3', { kind: 'usage', example: 'responder 3 Te llamo luego' }],
    ['bloquear a ana', { kind: 'block', who: 'ana' }],
    ['desbloquear ana', { kind: 'unblock', who: 'ana' }],
    ['bloqueados', { kind: 'blocked' }],
    ['saludo', { kind: 'show greeting' }],
    ['saludo Vuelvo el lunes', { kind: 'set greeting', text: 'Vuelvo el lunes' }],
    ['saludo quitar', { kind: 'reset greeting' }],
    ['idioma de', { kind: 'language', tag: 'de' }],
    ['zona horaria Europe/Madrid', { kind: 'timezone', name: 'Europe/Madrid' }],
    ['recordar mañana 9:00 pan', { kind: 'remind', words: 'mañana 9:00 pan' }],
    ['RECUERDAME mañana pan', { kind: 'remind', words: 'mañana pan' }],
    ['recordatorios', { kind: 'reminders' }],
    ['adios', { kind: 'bye' }],
  ],
  de: [
    ['Hilfe', { kind: 'help' }],
    ['neu', { kind: 'new' }],
    ['neue Nachrichten bitte', { kind: 'new' }],
    ['alte 10', { kind: 'old', count: 10 }],
    ['von Anna', { kind: 'from', who: 'Anna' }],
    ['lösche 3', { kind: 'delete', texts: [3] }],
    ['loesche 3 und 5', { kind: 'delete', texts: [3, 5] }],
    ['losche alles', { kind: 'delete', texts: 'all' }],
    ['LÖSCHE alles', { kind: 'delete', texts: 'all' }],
    ['behalte 3', { kind: 'keep', texts: [3] }],
    ['antworte 3 Bis gleich', { kind: 'reply', number: 3, text: 'Bis gleich' }],
    ['antworte auf 3: Bis gleich', { kind: 'reply', number: 3, text: 'Bis gleich' }],
    ['blockiere anna', { kind: 'block', who: 'anna' }],
    ['entsperre anna', { kind: 'unblock', who: 'anna' }],
    ['gesperrt', { kind: 'blocked' }],
    ['begruessung aus', { kind: 'reset greeting' }],
    ['begrüßung Bin im Urlaub', { kind: 'set greeting', text: 'Bin im Urlaub' }],
    ['sprache es', { kind: 'language', tag: 'es' }],
    ['zeitzone Europe/Berlin', { kind: 'timezone', name: 'Europe/Berlin' }],
    ['erinnere mich morgen 9:00 an Brot', { kind: 'remind', words: 'morgen 9:00 an Brot' }],
    ['erinnerungen', { kind: 'reminders' }],
    ['tschuess', { kind: 'bye' }],
    ['Tschüß!', { kind: 'bye' }],
    ['erinnere', { kind: 'usage', example: 'erinnere morgen 9:00 Zahnarzt anrufen' }],
  ],
  fr: [
    ['aide', { kind: 'help' }],
    ['nouveaux messages', { kind: 'new' }],
    ['anciens 10', { kind: 'old', count: 10 }],
    ['de Anne', { kind: 'from', who: 'Anne' }],
    ['d’Anne', { kind: 'from', who: 'Anne' }],
    ['supprimer 3', { kind: 'delete', texts: [3] }],
    ["supprimer 3 et 5 s'il vous plaît", { kind: 'delete', texts: [3, 5] }],
    ['supprimer tout !', { kind: 'delete', texts: 'all' }],
    ['garder 3', { kind: 'keep', texts: [3] }],
    ['repondre 3 J’arrive', { kind: 'reply', number: 3, text: 'J’arrive' }],
    ['bloquer anne', { kind: 'block', who: 'anne' }],
    ['débloquer anne', { kind: 'unblock', who: 'anne' }],
    ['bloqués', { kind: 'blocked' }],
    ['accueil', { kind: 'show greeting' }],
    ['accueil aucun', { kind: 'reset greeting' }],
    ['langue de', { kind: 'language', tag: 'de' }],
    ['fuseau Europe/Paris', { kind: 'timezone', name: 'Europe/Paris' }],
    ['rappelle-moi demain 9h le pain', { kind: 'remind', words: 'demain 9h le pain' }],
    ['rappeler demain le pain', { kind: 'remind', words: 'demain le pain' }],
    ['rappels', { kind: 'reminders' }],
    ['Au  revoir !', { kind: 'bye' }],
    ['garder', { kind: 'usage', example: 'garder 3' }],
  ],
};

/** What a line of help shows: `delete 3, delete all: what it does`. */
function commandsShown(line: string): string[] {
  return (line.split(/[\s\u00a0]*:\s/)[0] ?? '').split(', ');
}

describe('the commands of an owner', () => {
  for (const language of LANGUAGES) {
    describe(`in ${language}`, () => {
      for (const [line, expected] of TABLES[language]) {
        it(`takes ${JSON.stringify(line)} for ${expected.kind}`, () => {
          expect(parseCommand(line, language)).to.deep.equal(expected);
        });
      }

      it('are understood by every reader', () => {
        for (const [line, expected] of TABLES[language]) {
          if (expected.kind === 'usage') continue;
          for (const reader of LANGUAGES) expect(parseCommand(line, reader), line).to.deep.equal(expected);
        }
      });

      it('are what help shows, in words of the language, each of them', () => {
        const shown = phrasesIn(language).help.split('\n').flatMap(commandsShown);
        const kinds = shown.map((line) => {
          const command = parseCommand(line, language);
          expect(command.kind, line).not.to.be.oneOf(['unknown', 'usage']);
          return command.kind;
        });
        const all: Command['kind'][] = [
          'new',
          'old',
          'from',
          'reply',
          'keep',
          'delete',
          'remind',
          'reminders',
          'block',
          'unblock',
          'blocked',
          'set greeting',
          'reset greeting',
          'language',
          'timezone',
          'bye',
        ];
        expect([...new Set(kinds)]).to.have.members(all);
        const own = Object.values(WORDS[language].verbs).flat();
        for (const line of shown) {
          expect(
            own.some((verb) => line === verb || line.startsWith(`${verb} `)),
            line,
          ).to.equal(true);
        }
      });

      it('have examples that do what they show', () => {
        const { examples, verbs } = WORDS[language];
        for (const verb of Object.keys(examples) as VerbWithWords[]) {
          const command = parseCommand(exampleOf(verb, language), language);
          expect(command.kind).to.equal(verb === 'greeting' ? 'set greeting' : verb);
          expect(
            exampleOf(verb, language).startsWith(`${verbs[verb][0]} `),
            exampleOf(verb, language),
          ).to.equal(true);
        }
      });

      it('take nothing from each other: a word is one command', () => {
        const owners = new Map<string, Verb>();
        for (const [verb, words] of Object.entries(WORDS[language].verbs) as [Verb, readonly string[]][]) {
          for (const word of words.map(folded)) {
            expect(owners.get(word) ?? verb, word).to.equal(verb);
            owners.set(word, verb);
          }
        }
      });
    });
  }

  it('in English work for every reader: no language has their words for something else', () => {
    for (const [verb, words] of Object.entries(WORDS.en.verbs) as [Verb, readonly string[]][]) {
      for (const other of LANGUAGES) {
        const elsewhere = Object.entries(WORDS[other].verbs) as [Verb, readonly string[]][];
        for (const [meaning, synonyms] of elsewhere) {
          for (const word of words)
            if (meaning !== verb) expect(synonyms.map(folded)).not.to.include(folded(word));
        }
      }
    }
  });

  it('are refused one past each limit', () => {
    const long = (length: number): string => 'x'.repeat(length);
    expect(parseCommand(`from ${long(COMMAND_LIMITS.who)}`, 'en').kind).to.equal('from');
    expect(parseCommand(`from ${long(COMMAND_LIMITS.who + 1)}`, 'en').kind).to.equal('usage');
    expect(parseCommand(`greeting ${long(COMMAND_LIMITS.greeting)}`, 'en').kind).to.equal('set greeting');
    expect(parseCommand(`greeting ${long(COMMAND_LIMITS.greeting + 1)}`, 'en').kind).to.equal('too long');
    expect(parseCommand(`language ${long(COMMAND_LIMITS.name)}`, 'en').kind).to.equal('language');
    expect(parseCommand(`language ${long(COMMAND_LIMITS.name + 1)}`, 'en').kind).to.equal('usage');
    expect(parseCommand(`timezone ${long(COMMAND_LIMITS.name + 1)}`, 'en').kind).to.equal('usage');
    expect(parseCommand(`remind ${long(COMMAND_LIMITS.reminder)}`, 'en').kind).to.equal('remind');
    expect(parseCommand(`remind ${long(COMMAND_LIMITS.reminder + 1)}`, 'en').kind).to.equal('too long');
    expect(parseCommand(`delete ${COMMAND_LIMITS.number}`, 'en').kind).to.equal('delete');
    expect(parseCommand(`delete ${COMMAND_LIMITS.number + 1}`, 'en').kind).to.equal('usage');
    expect(parseCommand(`reply ${COMMAND_LIMITS.number + 1} x`, 'en').kind).to.equal('usage');
    const reply = 'reply 3 ';
    expect(parseCommand(reply + long(COMMAND_LIMITS.line - reply.length), 'en').kind).to.equal('reply');
    expect(parseCommand(reply + long(COMMAND_LIMITS.line - reply.length + 1), 'en').kind).to.equal('unknown');
  });

  it('quote what was not understood on one short line, never half a character', () => {
    const quoted = (line: string): string => {
      const mistake = parseCommand(line, 'en');
      return mistake.kind === 'unknown' ? mistake.words : 'understood';
    };
    expect(quoted('what\r\nis\u202e this')).to.equal('what is this');
    expect(quoted('y'.repeat(500))).to.have.lengthOf(COMMAND_LIMITS.quoted);
    expect(quoted(`x${'😀'.repeat(100)}`)).to.match(/^x(?:😀)+…$/u);
    expect(quoted('😀'.repeat(100))).to.match(/^(?:😀)+…$/u);
  });

  it('hold against hostile lines: long rows of blanks, marks and digits take no time', () => {
    const rows = [' ', '!', '.', '-', '"', "'", '3-', '3 ', '\u00a0', '?!', '😀', '“', 'a\u0301', ' - '];
    const lines = rows.flatMap((row) => {
      const long = row.repeat(Math.floor(COMMAND_LIMITS.line / row.length) - 20);
      return ['', 'delete ', 'from ', 'reply 3 ', 'greeting ', 'new ', 'old ', 'timezone '].flatMap(
        (verb) => [verb + long, `${verb}${long}a`],
      );
    });
    const started = performance.now();
    for (const line of lines) parseCommand(line, 'en');
    expect((performance.now() - started) / lines.length).to.be.below(50);
  });

  it('never throw, whatever is written', () => {
    const verb = fc.constantFrom(
      ...LANGUAGES.flatMap((language) => Object.values(WORDS[language].verbs).flat()),
    );
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.tuple(verb, fc.string({ unit: 'binary', maxLength: 100 })).map(([word, rest]) => `${word} ${rest}`),
      fc
        .tuple(verb, fc.string({ unit: fc.constantFrom(...Array.from('0123456789-,. #all')), maxLength: 40 }))
        .map((parts) => parts.join(' ')),
    );
    fc.assert(
      fc.property(anything, fc.constantFrom(...LANGUAGES), (line, language) => {
        const command = parseCommand(line, language);
        if (command.kind === 'unknown') expect(command.words.length).to.be.at.most(COMMAND_LIMITS.quoted);
        if ((command.kind === 'delete' || command.kind === 'keep') && command.texts !== 'all') {
          expect(command.texts.length).to.be.within(1, COMMAND_LIMITS.numbers);
          expect(new Set(command.texts).size).to.equal(command.texts.length);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('keep the text of a reply as it was written', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter((written) => {
      return written.trim() === written && written !== '';
    });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 999 }), (written, number) => {
        expect(parseCommand(`reply ${number} ${written}`, 'fr')).to.deep.equal({
          kind: 'reply',
          number,
          text: written,
        });
      }),
    );
  });
});
