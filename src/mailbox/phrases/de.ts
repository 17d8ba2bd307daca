import type { ListedText, Phrases } from './phrases.ts';

const list = (texts: readonly ListedText[]): string =>
  texts.map(({ number, author, when }) => `${number} ${author}, ${when}`).join('\n');

const messages = (count: number): string => (count === 1 ? '1 Nachricht' : `${count} Nachrichten`);

export const de: Phrases = {
  language: 'de',
  greeting: 'Ich bin gerade nicht da, aber du kannst mir eine Nachricht schreiben',
  mailboxFull: 'Das Postfach ist voll: Deine Nachricht wurde nicht aufgehoben.',
  blockedByOwner: 'Hier werden keine Nachrichten von dir angenommen.',
  noNewTexts: 'Du hast keine neuen Nachrichten.',
  fetchedElsewhere: 'Deine neuen Nachrichten werden gerade an ein anderes deiner Geräte übergeben.',
  cannotFetch: 'Deine Nachrichten können gerade nicht abgerufen werden, bitte versuche es noch einmal.',
  textTooLong: 'Eine Nachricht ist zu lang für dieses Programm und wartet auf ein anderes.',
  fetchOnly: 'Unter dieser Adresse kannst du nur deine Nachrichten abholen.',
  helpHint: 'Schreibe hilfe, um zu sehen, was du tun kannst.',
  help: [
    'neu: deine neuen Nachrichten',
    'alte 10: die 10 zuletzt gelesenen',
    'von anna: was Anna geschrieben hat',
    'antworte 3 TEXT: auf Nachricht 3 antworten',
    'behalte 3: Nachricht 3 aufheben, bis du sie löschst',
    'lösche 3, lösche alles: Gelesenes löschen',
    'erinnere morgen 9:00 TEXT, erinnerungen',
    'sperre anna, entsperre anna, gesperrt',
    'begrüßung TEXT, begrüßung aus: was andere lesen',
    'sprache en, zeitzone Europe/Berlin',
    'tschüss: beenden',
  ].join('\n'),
  newTextsShown: (shown) =>
    `Deine neuen Nachrichten:\n${list(shown)}\nSchreibe hilfe, um zu sehen, was du tun kannst.`,
  readTextsShown: (shown) => `Gelesene Nachrichten:\n${list(shown)}`,
  noReadTexts: 'Es gibt keine Nachrichten, die du schon gelesen hast.',
  noTextsFrom: (who) => `Es gibt keine Nachrichten von ${who}.`,
  whoOf: (authors) => `Wer davon: ${authors.join(', ')}?`,
  deleted: (count) => `${messages(count)} gelöscht.`,
  saved: (count) =>
    count === 1
      ? '1 Nachricht wird aufgehoben, bis du sie löschst.'
      : `${messages(count)} werden aufgehoben, bis du sie löschst.`,
  noSuchNumber: (number) => `Es gibt keine Nachricht ${number}.`,
  nothingShownYet: 'Schreibe zuerst neu oder alte: Nachrichten haben Nummern, sobald du sie gesehen hast.',
  numbersChanged: 'Die Nummern haben sich inzwischen geändert. Schreibe alte, um sie zu sehen.',
  replied: (to) => `An ${to} gesendet.`,
  replyKept: (to) => `${to} ist gerade nicht da; deine Nachricht liegt dort im Postfach.`,
  replyFailed: (to) => `Deine Nachricht konnte nicht an ${to} gesendet werden.`,
  tooLong: (most) => `Das ist zu lang: Höchstens ${most} Zeichen können gesendet werden.`,
  blocked: (who) => `${who} ist gesperrt.`,
  unblocked: (who) => `${who} ist nicht mehr gesperrt.`,
  notBlocked: (who) => `${who} ist nicht gesperrt.`,
  blockedAuthors: (authors) => `Gesperrt: ${authors.join(', ')}`,
  nobodyBlocked: 'Du hast niemanden gesperrt.',
  tooManyBlocked: 'Mehr kannst du nicht sperren.',
  greetingIs: (greeting) => `Andere lesen: ${greeting}`,
  greetingSet: (greeting) => `Andere lesen jetzt: ${greeting}`,
  greetingReset: (greeting) => `Andere lesen wieder: ${greeting}`,
  languageIs: (languages) => `Schreibe zum Beispiel: sprache ${languages.join(', sprache ')}`,
  languageSet: 'Ich spreche jetzt Deutsch.',
  timeZoneIs: (zone, now) => `Deine Zeitzone ist ${zone} (${now}).`,
  timeZoneSet: (zone, now) => `Deine Zeitzone ist jetzt ${zone} (${now}).`,
  noSuchTimeZone: (zone) =>
    `Die Zeitzone ${zone} kenne ich nicht. Versuche zum Beispiel: zeitzone Europe/Berlin`,
  reminderAuthor: 'Erinnerung',
  reminderSet: (when, text) => `Ich erinnere dich (${when}): ${text}`,
  reminders: (shown) => shown.map(({ number, when, text }) => `${number} ${when}: ${text}`).join('\n'),
  noReminders: 'Es gibt keine Erinnerungen.',
  timeNotUnderstood: 'Wann? Zum Beispiel: erinnere morgen 9:00 Zahnarzt anrufen',
  timeIsPast: 'Dieser Zeitpunkt ist schon vorbei.',
  timeTooFar: 'Das ist zu weit in der Zukunft.',
  remindersOff: 'Hier gibt es keine Erinnerungen.',
  notUnderstood: (words) =>
    words === ''
      ? 'Schreibe hilfe, um zu sehen, was du tun kannst.'
      : `Ich verstehe „${words}“ nicht. Schreibe hilfe, um zu sehen, was du tun kannst.`,
  usage: (example) => `Schreibe zum Beispiel: ${example}`,
  bye: 'Tschüss.',
};
