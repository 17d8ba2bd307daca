import { expect } from 'chai';
import fc from 'fast-check';
import { COMMAND_LIMITS } from '../../../src/mailbox/commands/limits.ts';
import { exampleOf, parseCommand } from '../../../src/mailbox/commands/parse-command.ts';
import { readReminder } from '../../../src/mailbox/commands/reminder-time.ts';
import type { Reminder } from '../../../src/mailbox/commands/reminder-time.ts';
import { wallClockAt } from '../../../src/mailbox/commands/wall-clock.ts';
import { phrasesIn } from '../../../src/mailbox/phrases/languages.ts';
import { LANGUAGES } from '../../../src/mailbox/phrases/phrases.ts';
import type { Language } from '../../../src/mailbox/phrases/phrases.ts';

/** Wednesday, 18 November, 10:00 in Madrid. */
const NOW = Date.parse('2026-11-18T09:00:00Z');
const ZONE = 'Europe/Madrid';

/** What to be reminded of, and when, as clocks in `zone` show it. */
function shown(reminder: Reminder, zone = ZONE): string {
  if (typeof reminder === 'string') return reminder;
  const wall = new Date(wallClockAt(reminder.at, zone)).toISOString().replace('T', ' ');
  return `${wall.slice(0, wall.endsWith(':00.000Z') ? 16 : 23)} ${reminder.text}`;
}

type Row = readonly [words: string, expected: string];

const TABLES: Readonly<Record<Language, readonly Row[]>> = {
  en: [
    ['tomorrow 9:00 call mum', '2026-11-19 09:00 call mum'],
    ['call mum tomorrow at 9:00', '2026-11-19 09:00 call mum'],
    ['9:00 call mum', '2026-11-19 09:00 call mum'],
    ['9am call mum', '2026-11-19 09:00 call mum'],
    ['friday call', '2026-11-20 09:00 call'],
    ['on friday at 5pm call', '2026-11-20 17:00 call'],
    ['in 20 minutes call mum', '2026-11-18 10:20 call mum'],
    ['in 2 hours call mum', '2026-11-18 12:00 call mum'],
    ['in 3 days call mum', '2026-11-21 09:00 call mum'],
    ['2026-12-24 18:00 call mum', '2026-12-24 18:00 call mum'],
    ['2026-12-24T18:00:00+02:00 call mum', '2026-12-24 17:00 call mum'],
    ['24 dec 6pm call mum', '2026-12-24 18:00 call mum'],
    ['24/12 18:00 call mum', '2026-12-24 18:00 call mum'],
    ['24.12. 18:00 call mum', '2026-12-24 18:00 call mum'],
    ['tonight call mum', '2026-11-18 20:00 call mum'],
    ['at noon call mum', '2026-11-18 12:00 call mum'],
    ['in half an hour call mum', '2026-11-18 10:30 call mum'],
    ['in an hour call mum', '2026-11-18 11:00 call mum'],
    ['next week call mum', '2026-11-25 09:00 call mum'],
    ['call bob at 5', '2026-11-19 05:00 call bob'],
    ['5 call', 'not understood'],
    ['buy 3 eggs tomorrow', '2026-11-19 09:00 buy 3 eggs'],
    ['today 18:00 meet may', '2026-11-18 18:00 meet may'],
    ['sunday call may', '2026-11-22 09:00 call may'],
    ['in 1 month call mum', '2026-12-18 09:00 call mum'],
    ['tomorrow morning call mum', '2026-11-19 09:00 call mum'],
    ['at 25:00 call mum', 'not understood'],
    ['monday 9-10 meeting', '2026-11-23 09:00 9-10 meeting'],
    ['tomorrow call mum at 9:00', '2026-11-19 09:00 call mum'],
    ['to call mum friday at noon', '2026-11-20 12:00 call mum'],
    ['tomorrow 9:00 met anna', '2026-11-19 09:00 met anna'],
    ['May call tomorrow', '2026-11-19 09:00 May call'],
    ['the day after tomorrow 10:00 call mum', '2026-11-20 10:00 call mum'],
    ['on the 24th at 9:00 call mum', '2026-11-24 09:00 call mum'],
    ['mañana a las 9 call mum', '2026-11-19 09:00 call mum'],
    ['9:00 UTC call mum', '2026-11-19 10:00 call mum'],
    ['tomorrow', 'no text'],
    ['call mum', 'not understood'],
    ['2026-11-01 9:00 call mum', 'past'],
    ['12:00 call mum', '2026-11-18 12:00 call mum'],
    ['next friday call mum', '2026-11-27 09:00 call mum'],
    ['next friday 9:00 call mum', '2026-11-27 09:00 call mum'],
    ['in 1 hour 30 minutes call mum', '2026-11-18 11:30 call mum'],
    ['in a week call mum', '2026-11-25 09:00 call mum'],
    ['do laundry', 'not understood'],
    ['tomorrow night call mum', '2026-11-19 20:00 call mum'],
    ['friday 17:00 - pay rent', '2026-11-20 17:00 pay rent'],
    ['call bob tomorrow at 9 about the party', '2026-11-19 09:00 call bob about the party'],
    ['wednesday 9:00 call mum', '2026-11-25 09:00 call mum'],
    ['wednesday 11:00 call mum', '2026-11-18 11:00 call mum'],
    ['18/11 9:00 call mum', 'past'],
    ['18/11 11:00 call mum', '2026-11-18 11:00 call mum'],
    ['1/2 11:00 call mum', '2027-02-01 11:00 call mum'],
    ['half past 9 call mum', '2026-11-19 09:30 call mum'],
    ['at 5pm buy milk', '2026-11-18 17:00 buy milk'],
    ['5pm: call mum', '2026-11-18 17:00 call mum'],
    ['at midnight call mum', '2026-11-19 00:00 call mum'],
    ["tomorrow at 9 o'clock call mum", '2026-11-19 09:00 call mum'],
    ['2026-12-24T18:00:00Z call mum', '2026-12-24 19:00 call mum'],
    ['2026-12-24 18:00+02:00 call mum', '2026-12-24 17:00 call mum'],
    ['tonight at 8 call mum', '2026-11-18 20:00 call mum'],
    ['tomorrow 9:00 a walk', '2026-11-19 09:00 a walk'],
    ['tomorrow evening at 7:30 call mum', '2026-11-19 19:30 call mum'],
    ['tomorrow night at 9 call mum', '2026-11-19 21:00 call mum'],
    ['today call mum', 'not understood'],
    ['friday afternoon call mum', '2026-11-20 15:00 call mum'],
    ['at 8 tonight call mum', '2026-11-18 20:00 call mum'],
    ['tomorrow morning at 7 call mum', '2026-11-19 07:00 call mum'],
  ],
  es: [
    ['mañana 9:00 llamar', '2026-11-19 09:00 llamar'],
    ['mañana a las 9 llamar', '2026-11-19 09:00 llamar'],
    ['manana a las 9 llamar a mamá', '2026-11-19 09:00 llamar a mamá'],
    ['llamar a ana mañana a las 9', '2026-11-19 09:00 llamar a ana'],
    ['el viernes a las 17h llamar a mamá', '2026-11-20 17:00 llamar a mamá'],
    ['en 20 minutos llamar a mamá', '2026-11-18 10:20 llamar a mamá'],
    ['en 2 horas llamar a mamá', '2026-11-18 12:00 llamar a mamá'],
    ['dentro de 20 minutos llamar a mamá', '2026-11-18 10:20 llamar a mamá'],
    ['dentro de 2 horas llamar a mamá', '2026-11-18 12:00 llamar a mamá'],
    ['24/12 18:00 llamar a mamá', '2026-12-24 18:00 llamar a mamá'],
    ['24 de diciembre a las 18:00 llamar a mamá', '2026-12-24 18:00 llamar a mamá'],
    ['2026-12-24 18:00 llamar a mamá', '2026-12-24 18:00 llamar a mamá'],
    ['esta noche llamar a mamá', '2026-11-18 21:00 llamar a mamá'],
    ['hoy a las 18 llamar a mamá', '2026-11-18 18:00 llamar a mamá'],
    ['a las 9 de la noche llamar a mamá', '2026-11-18 21:00 llamar a mamá'],
    ['pasado mañana 9:00 llamar a mamá', '2026-11-20 09:00 llamar a mamá'],
    ['en una hora llamar a mamá', '2026-11-18 11:00 llamar a mamá'],
    ['en media hora llamar a mamá', '2026-11-18 10:30 llamar a mamá'],
    ['a mediodía llamar a mamá', '2026-11-18 12:00 llamar a mamá'],
    ['el lunes llamar a mamá', '2026-11-23 09:00 llamar a mamá'],
    ['mañana por la mañana llamar a mamá', '2026-11-19 09:00 llamar a mamá'],
    ['mañana a las 9 de la mañana llamar a mamá', '2026-11-19 09:00 llamar a mamá'],
    ['24.12. 18:00 llamar a mamá', '2026-12-24 18:00 llamar a mamá'],
    ['mañana a las 9 y media llamar a mamá', '2026-11-19 09:30 llamar a mamá'],
    ['el miércoles llamar a mamá', '2026-11-25 09:00 llamar a mamá'],
    ['el sábado a las 10 llamar a mamá', '2026-11-21 10:00 llamar a mamá'],
    ['que llame a mamá mañana a las 9', '2026-11-19 09:00 llame a mamá'],
    ['el 24 a las 9 llamar a mamá', '2026-11-24 09:00 llamar a mamá'],
    ['el viernes por la tarde llamar a mamá', '2026-11-20 16:00 llamar a mamá'],
    ['en una semana llamar a mamá', '2026-11-25 09:00 llamar a mamá'],
    ['el próximo viernes llamar a mamá', '2026-11-20 09:00 llamar a mamá'],
    ['el viernes que viene a las 10 llamar a mamá', '2026-11-20 10:00 llamar a mamá'],
    ['el próximo miércoles a las 11 llamar a mamá', '2026-11-25 11:00 llamar a mamá'],
    ['mañana por la noche llamar a mamá', '2026-11-19 21:00 llamar a mamá'],
    ['esta tarde llamar a mamá', '2026-11-18 16:00 llamar a mamá'],
    ['comprar pan a las 5 de la tarde', '2026-11-18 17:00 comprar pan'],
    ['en un cuarto de hora llamar a mamá', '2026-11-18 10:15 llamar a mamá'],
    ['el 24 de diciembre llamar a mamá', '2026-12-24 09:00 llamar a mamá'],
    ['dentro de 3 días llamar a mamá', '2026-11-21 09:00 llamar a mamá'],
    ['mañana 9:00 a misa', '2026-11-19 09:00 a misa'],
    ['el 24 a las 9:30 a misa', '2026-11-24 09:30 a misa'],
    ['hoy llamar a mamá', 'not understood'],
    ['esta noche a las 9 llamar a mamá', '2026-11-18 21:00 llamar a mamá'],
    ['mañana por la noche a las 9 llamar a mamá', '2026-11-19 21:00 llamar a mamá'],
    ['a las 12 de la noche llamar a mamá', '2026-11-19 00:00 llamar a mamá'],
    ['mañana por la tarde a las 5 llamar a mamá', '2026-11-19 17:00 llamar a mamá'],
  ],
  de: [
    ['morgen 9:00 Mama anrufen', '2026-11-19 09:00 Mama anrufen'],
    ['morgen um 9 Uhr Mama anrufen', '2026-11-19 09:00 Mama anrufen'],
    ['morgen um 9 Mama anrufen', '2026-11-19 09:00 Mama anrufen'],
    ['24.12. 18 Uhr Mama anrufen', '2026-12-24 18:00 Mama anrufen'],
    ['24.12.2026 18:00 Mama anrufen', '2026-12-24 18:00 Mama anrufen'],
    ['am 24. Dezember um 18 Uhr Mama anrufen', '2026-12-24 18:00 Mama anrufen'],
    ['in 20 Minuten Mama anrufen', '2026-11-18 10:20 Mama anrufen'],
    ['in 2 Stunden Mama anrufen', '2026-11-18 12:00 Mama anrufen'],
    ['in einer Stunde Mama anrufen', '2026-11-18 11:00 Mama anrufen'],
    ['in einer halben Stunde Mama anrufen', '2026-11-18 10:30 Mama anrufen'],
    ['übermorgen um 9 Mama anrufen', '2026-11-20 09:00 Mama anrufen'],
    ['uebermorgen 9:00 Mama anrufen', '2026-11-20 09:00 Mama anrufen'],
    ['am Freitag um 17 Uhr Mama anrufen', '2026-11-20 17:00 Mama anrufen'],
    ['Freitag Mama anrufen', '2026-11-20 09:00 Mama anrufen'],
    ['heute abend Mama anrufen', '2026-11-18 18:00 Mama anrufen'],
    ['heute um 18 Uhr Mama anrufen', '2026-11-18 18:00 Mama anrufen'],
    ['in 3 Tagen Mama anrufen', '2026-11-21 09:00 Mama anrufen'],
    ['2026-12-24 18:00 Mama anrufen', '2026-12-24 18:00 Mama anrufen'],
    ['18 Uhr Mama anrufen', '2026-11-18 18:00 Mama anrufen'],
    ['um 18:30 Uhr Mama anrufen', '2026-11-18 18:30 Mama anrufen'],
    ['morgen früh Mama anrufen', '2026-11-19 09:00 Mama anrufen'],
    ['nächste Woche Mama anrufen', '2026-11-25 09:00 Mama anrufen'],
    ['mittags Mama anrufen', '2026-11-18 12:00 Mama anrufen'],
    ['um 9 Mama anrufen', '2026-11-19 09:00 Mama anrufen'],
    ['am 24.12. um 18 Uhr Mama anrufen', '2026-12-24 18:00 Mama anrufen'],
    ['am 24. um 18 Uhr Mama anrufen', '2026-11-24 18:00 Mama anrufen'],
    ['um halb zehn Mama anrufen', '2026-11-19 09:30 Mama anrufen'],
    ['morgen 9:00 ist Meeting', '2026-11-19 09:00 ist Meeting'],
    ['tomorrow 9:00 Mama anrufen', '2026-11-19 09:00 Mama anrufen'],
    ['Zahnarzt anrufen am Freitag um 10 Uhr', '2026-11-20 10:00 Zahnarzt anrufen'],
    ['morgen an den Zahnarzt', '2026-11-19 09:00 den Zahnarzt'],
    ['in einer Viertelstunde Mama anrufen', '2026-11-18 10:15 Mama anrufen'],
    ['nächsten Freitag um 9 Mama anrufen', '2026-11-27 09:00 Mama anrufen'],
    ['Montag 9 Uhr 30 Mama anrufen', '2026-11-23 09:30 Mama anrufen'],
    ['morgen Abend Mama anrufen', '2026-11-19 18:00 Mama anrufen'],
    ['heute Nacht Mama anrufen', '2026-11-18 22:00 Mama anrufen'],
    ['24. Dezember Mama anrufen', '2026-12-24 09:00 Mama anrufen'],
    ['in einer Woche Mama anrufen', '2026-11-25 09:00 Mama anrufen'],
    ['am Mittwoch Mama anrufen', '2026-11-25 09:00 Mama anrufen'],
    ['um 9 am Freitag Mama anrufen', '2026-11-20 09:00 Mama anrufen'],
    ['heute Abend um 8 Mama anrufen', '2026-11-18 20:00 Mama anrufen'],
    ['morgen früh um 7 Mama anrufen', '2026-11-19 07:00 Mama anrufen'],
    ['am Freitag Abend um 8 Uhr Mama anrufen', '2026-11-20 20:00 Mama anrufen'],
    ['um 7 am Freitag Mama anrufen', '2026-11-20 07:00 Mama anrufen'],
    ['Freitag Nachmittag Mama anrufen', '2026-11-20 15:00 Mama anrufen'],
    ['morgen Vormittag Mama anrufen', '2026-11-19 10:00 Mama anrufen'],
    ['heute mittag Mama anrufen', '2026-11-18 12:00 Mama anrufen'],
  ],
  fr: [
    ['demain 9:00 appeler maman', '2026-11-19 09:00 appeler maman'],
    ['demain à 9h appeler maman', '2026-11-19 09:00 appeler maman'],
    ['demain à 9 h 30 appeler maman', '2026-11-19 09:30 appeler maman'],
    ['demain 9h30 appeler maman', '2026-11-19 09:30 appeler maman'],
    ['à 18h appeler maman', '2026-11-18 18:00 appeler maman'],
    ['dans 20 minutes appeler maman', '2026-11-18 10:20 appeler maman'],
    ['dans 2 heures appeler maman', '2026-11-18 12:00 appeler maman'],
    ['dans une heure appeler maman', '2026-11-18 11:00 appeler maman'],
    ['dans une demi-heure appeler maman', '2026-11-18 10:30 appeler maman'],
    ['après-demain à 9h appeler maman', '2026-11-20 09:00 appeler maman'],
    ['apres demain 9h appeler maman', '2026-11-20 09:00 appeler maman'],
    ['vendredi à 17h appeler maman', '2026-11-20 17:00 appeler maman'],
    ['vendredi prochain appeler maman', '2026-11-27 09:00 appeler maman'],
    ['le 24 décembre à 18h appeler maman', '2026-12-24 18:00 appeler maman'],
    ['24/12 18:00 appeler maman', '2026-12-24 18:00 appeler maman'],
    ['24.12. 18h appeler maman', '2026-12-24 18:00 appeler maman'],
    ['2026-12-24 18:00 appeler maman', '2026-12-24 18:00 appeler maman'],
    ['ce soir appeler maman', '2026-11-18 19:00 appeler maman'],
    ['demain matin appeler maman', '2026-11-19 09:00 appeler maman'],
    ["aujourd'hui à 18h appeler maman", '2026-11-18 18:00 appeler maman'],
    ['à midi appeler maman', '2026-11-18 12:00 appeler maman'],
    ['lundi appeler maman', '2026-11-23 09:00 appeler maman'],
    ['dans 3 jours appeler maman', '2026-11-21 09:00 appeler maman'],
    ['dans un quart d’heure appeler maman', '2026-11-18 10:15 appeler maman'],
    ['demain à 9 heures appeler maman', '2026-11-19 09:00 appeler maman'],
    ["d'appeler maman demain à 9h", '2026-11-19 09:00 appeler maman'],
    ['demain soir appeler maman', '2026-11-19 19:00 appeler maman'],
    ['le 24 à 9h appeler maman', '2026-11-24 09:00 appeler maman'],
    ['le 24 décembre appeler maman', '2026-12-24 09:00 appeler maman'],
    ['lundi prochain à 9h appeler maman', '2026-11-23 09:00 appeler maman'],
    ['dans une semaine appeler maman', '2026-11-25 09:00 appeler maman'],
    ['demain après-midi appeler maman', '2026-11-19 15:00 appeler maman'],
    ['appeler Anne vendredi à midi', '2026-11-20 12:00 appeler Anne'],
    ['à 9 heures et demie appeler maman', '2026-11-19 09:30 appeler maman'],
    ['le 1er janvier à minuit appeler maman', '2027-01-01 00:00 appeler maman'],
    ['8h le 24 décembre appeler maman', '2026-12-24 08:00 appeler maman'],
    ['ce soir à 8h appeler maman', '2026-11-18 20:00 appeler maman'],
    ['demain soir à 8 heures appeler maman', '2026-11-19 20:00 appeler maman'],
    ['demain matin à 8h appeler maman', '2026-11-19 08:00 appeler maman'],
    ['le 24 à 9h30 appeler maman', '2026-11-24 09:30 appeler maman'],
  ],
};

describe('the time of a reminder', () => {
  for (const language of LANGUAGES) {
    describe(`in ${language}`, () => {
      for (const [words, expected] of TABLES[language]) {
        it(`takes ${JSON.stringify(words)} for ${expected}`, () => {
          expect(shown(readReminder(words, { language, timeZone: ZONE, now: NOW }))).to.equal(expected);
        });
      }

      it('is understood in the example, in help and in what is said when it was not', () => {
        const { help, timeNotUnderstood } = phrasesIn(language);
        const fromHelp = help
          .split('\n')
          .flatMap((line) => /^.*\d:?\d*h? TEXT[EO]?(?=,)/.exec(line)?.[0] ?? []);
        const examples = [
          exampleOf('remind', language),
          ...fromHelp,
          timeNotUnderstood.split(': ').at(-1) ?? '',
        ];
        expect(examples).to.have.lengthOf(3);
        for (const example of examples) {
          const command = parseCommand(example, language);
          if (command.kind !== 'remind') expect.fail(`${example} is ${command.kind}`);
          const reminder = shown(readReminder(command.words, { language, timeZone: ZONE, now: NOW }));
          expect(reminder).to.match(/^2026-11-19 09:00 \S/);
        }
      });
    });
  }

  it('in another language than the reader’s is understood too', () => {
    const words = ['tomorrow 9:00 x', 'mañana a las 9 x', 'morgen um 9 Uhr x', 'demain à 9h x'];
    for (const language of LANGUAGES) {
      for (const said of words) {
        expect(
          shown(readReminder(said, { language, timeZone: ZONE, now: NOW })),
          `${said} to ${language}`,
        ).to.equal('2026-11-19 09:00 x');
      }
    }
  });

  it('has no zone’s name that is a word: ist, met, art', () => {
    for (const word of ['ist', 'met', 'art', 'est', 'EST', 'MEZ']) {
      expect(shown(readReminder(`9:00 ${word} x`, { language: 'en', timeZone: ZONE, now: NOW }))).to.equal(
        `2026-11-19 09:00 ${word} x`,
      );
    }
  });

  it('keeps the lines and signs of the text', () => {
    const words = 'tomorrow 9:00 buy:\n- 2 “eggs”\n- 1\u00a0bread 😀';
    expect(shown(readReminder(words, { language: 'en', timeZone: ZONE, now: NOW }))).to.equal(
      '2026-11-19 09:00 buy:\n- 2 “eggs”\n- 1\u00a0bread 😀',
    );
  });

  it('is found at either end of a long text', () => {
    const text = 'a long story of eggs and bread '.repeat(20).trim();
    for (const words of [`tomorrow 9:00 ${text}`, `${text} tomorrow at 9:00`]) {
      expect(shown(readReminder(words, { language: 'en', timeZone: ZONE, now: NOW }))).to.equal(
        `2026-11-19 09:00 ${text}`,
      );
    }
    const inside = `${text} tomorrow at 9:00 ${text}`;
    expect(readReminder(inside, { language: 'en', timeZone: ZONE, now: NOW })).to.equal('not understood');
  });

  it('is the next such time: later today, tomorrow, next week, next month, next year', () => {
    const rows: readonly Row[] = [
      ['10:01 x', '2026-11-18 10:01 x'],
      ['10:00 x', '2026-11-19 10:00 x'],
      ['9:59 x', '2026-11-19 09:59 x'],
      ['wednesday 10:30 x', '2026-11-18 10:30 x'],
      ['wednesday 9:30 x', '2026-11-25 09:30 x'],
      ['on the 18th at 11:00 x', '2026-11-18 11:00 x'],
      ['on the 17th at 11:00 x', '2026-12-17 11:00 x'],
      ['17/11 11:00 x', '2027-11-17 11:00 x'],
      ['today 9:00 x', 'past'],
      ['18/11 9:00 x', 'past'],
      ['2026-11-18 9:59 x', 'past'],
      ['today x', 'not understood'],
    ];
    for (const [words, expected] of rows) {
      expect(shown(readReminder(words, { language: 'en', timeZone: ZONE, now: NOW })), words).to.equal(
        expected,
      );
    }
  });

  describe('when clocks change', () => {
    const rows: readonly (readonly [zone: string, now: string, words: string, at: string])[] = [
      ['Europe/Madrid', '2026-03-28T12:00Z', 'tomorrow 2:30 x', '2026-03-29T01:00Z'],
      ['Europe/Madrid', '2026-03-28T12:00Z', 'tomorrow 9:00 x', '2026-03-29T07:00Z'],
      ['Europe/Madrid', '2026-03-29T00:30Z', 'in 1 hour x', '2026-03-29T01:30Z'],
      ['Europe/Madrid', '2026-03-29T00:30Z', 'in 24 hours x', '2026-03-30T00:30Z'],
      ['Europe/Madrid', '2026-03-29T00:30Z', '3:15 x', '2026-03-29T01:15Z'],
      ['Europe/Madrid', '2026-10-24T12:00Z', 'tomorrow 2:30 x', '2026-10-25T00:30Z'],
      ['Europe/Madrid', '2026-10-25T00:15Z', '2:30 x', '2026-10-25T00:30Z'],
      ['Europe/Madrid', '2026-10-25T00:45Z', '2:30 x', '2026-10-26T01:30Z'],
      ['Europe/Madrid', '2026-10-25T00:45Z', 'in 30 minutes x', '2026-10-25T01:15Z'],
      ['America/New_York', '2026-03-07T17:00Z', 'tomorrow at 2:30am x', '2026-03-08T07:00Z'],
      ['America/New_York', '2026-10-31T17:00Z', 'tomorrow at 1:30am x', '2026-11-01T05:30Z'],
      ['America/New_York', '2026-10-31T17:00Z', 'in 3 days x', '2026-11-03T14:00Z'],
      ['Australia/Lord_Howe', '2026-10-03T01:00Z', 'tomorrow 2:15 x', '2026-10-03T15:30Z'],
      ['Australia/Lord_Howe', '2026-04-04T01:00Z', 'tomorrow 1:45 x', '2026-04-04T14:45Z'],
      ['Australia/Lord_Howe', '2026-04-04T01:00Z', 'tomorrow 9:00 x', '2026-04-04T22:30Z'],
      ['Pacific/Kiritimati', '2026-11-18T11:00Z', 'today 9:00 x', '2026-11-18T19:00Z'],
    ];
    // Where the server stands must not matter; chrono calculates with the clock of its system.
    for (const system of ['UTC', 'Europe/Madrid', 'America/Santiago', 'Australia/Lord_Howe']) {
      describe(`on a server in ${system}`, () => {
        const before = process.env['TZ'];
        beforeEach(() => {
          process.env['TZ'] = system;
        });
        afterEach(() => {
          if (before === undefined) delete process.env['TZ'];
          else process.env['TZ'] = before;
        });
        for (const [timeZone, now, words, at] of rows) {
          it(`takes "${words}" said at ${now} in ${timeZone} for ${at}`, () => {
            const reminder = readReminder(words, { language: 'en', timeZone, now: Date.parse(now) });
            if (typeof reminder === 'string') expect.fail(reminder);
            expect(new Date(reminder.at).toISOString()).to.equal(new Date(Date.parse(at)).toISOString());
          });
        }
      });
    }
  });

  it('is refused in words that are too long', () => {
    const words = (length: number): string => 'tomorrow 9:00 '.padEnd(length, 'x');
    const read = (length: number): Reminder =>
      readReminder(words(length), { language: 'en', timeZone: ZONE, now: NOW });
    expect(read(COMMAND_LIMITS.reminder)).to.be.an('object');
    expect(read(COMMAND_LIMITS.reminder + 1)).to.equal('not understood');
  });

  it('takes no time to find in hostile words: long rows of digits, blanks and marks', () => {
    const rows = [
      '1',
      ' ',
      '1 ',
      '1:',
      '1/',
      '-',
      'in ',
      'on ',
      'le ',
      'a las ',
      '1.',
      'mo ',
      '9 am ',
      '\u00a0',
      "d'",
      '9h',
      '1 - ',
    ];
    const hostile = rows.flatMap((row) => {
      const long = row.repeat(Math.floor(COMMAND_LIMITS.reminder / row.length) - 10);
      return [long, `${long} tomorrow`, `tomorrow ${long}`, long.slice(0, 2 * COMMAND_LIMITS.time)];
    });
    for (const words of hostile) {
      const started = performance.now();
      readReminder(words, { language: 'en', timeZone: ZONE, now: NOW });
      expect(performance.now() - started, words.slice(0, 20)).to.be.below(500);
    }
  });

  it('never throws, is never past, and has a text', () => {
    const words = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc
        .array(
          fc.constantFrom(
            ...[
              'tomorrow',
              'friday',
              '9:00',
              'at',
              '24.12.',
              '31.2.',
              'in',
              '99999',
              'minutes',
              'mañana',
              'a las',
              '25',
            ],
            ...[
              'Uhr',
              'halb',
              'zehn',
              'am',
              '2026-02-30',
              '0000-00-00',
              'le',
              '31',
              'à',
              '9h',
              'UTC',
              '+99:99',
              'x',
              'call',
            ],
          ),
          { maxLength: 10 },
        )
        .map((parts) => parts.join(' ')),
    );
    fc.assert(
      fc.property(words, fc.constantFrom(...LANGUAGES), (said, language) => {
        const reminder = readReminder(said, { language, timeZone: ZONE, now: NOW });
        if (typeof reminder === 'string') return;
        expect(Number.isSafeInteger(reminder.at)).to.equal(true);
        expect(reminder.at).to.be.above(NOW);
        expect(reminder.text.trim()).to.equal(reminder.text).and.not.to.equal('');
      }),
      { numRuns: 400 },
    );
  });
});
