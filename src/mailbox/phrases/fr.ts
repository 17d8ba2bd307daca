import type { ListedText, Phrases } from './phrases.ts';

// A colon, a question mark and guillemets have a space that does not break: \u00a0.

const list = (texts: readonly ListedText[]): string =>
  texts.map(({ number, author, when }) => `${number} ${author}, ${when}`).join('\n');

// Zero is singular in French.
const messages = (count: number): string => (count < 2 ? `${count} message` : `${count} messages`);

/** `d'Anne`, `de Bob`. */
const of = (who: string): string =>
  /^[aeiouyàâéèêëîïôöûü]/i.test(who) && !who.includes(':') ? `d'${who}` : `de ${who}`;

export const fr: Phrases = {
  language: 'fr',
  greeting: 'Je ne suis pas en ligne, mais vous pouvez me laisser un message',
  mailboxFull: "La boîte est pleine\u00a0: votre message n'a pas été conservé.",
  blockedByOwner: "Cette personne n'accepte pas vos messages.",
  noNewTexts: "Vous n'avez pas de nouveaux messages.",
  fetchedElsewhere: 'Vos nouveaux messages sont en cours de remise sur un autre de vos appareils.',
  cannotFetch: 'Impossible de relever vos messages pour le moment, veuillez réessayer.',
  textTooLong: 'Un message est trop long pour cette application et en attend une autre.',
  fetchOnly: 'Cette adresse ne fait que remettre vos messages.',
  helpHint: 'Écrivez aide pour voir ce que vous pouvez faire.',
  help: [
    'nouveaux\u00a0: vos nouveaux messages',
    'anciens 10\u00a0: les 10 derniers messages lus',
    "de anne\u00a0: ce qu'Anne a écrit",
    'répondre 3 TEXTE\u00a0: répondre au message 3',
    "garder 3\u00a0: garder le message 3 jusqu'à ce que vous le supprimiez",
    'supprimer 3, supprimer tout\u00a0: supprimer les messages lus',
    'rappeler demain 9h TEXTE, rappels',
    'bloquer anne, débloquer anne, bloqués',
    'accueil TEXTE, accueil aucun\u00a0: ce que lisent vos correspondants',
    'langue en, fuseau Europe/Paris',
    'au revoir\u00a0: terminer',
  ].join('\n'),
  newTextsShown: (shown) =>
    `Vos nouveaux messages\u00a0:\n${list(shown)}\nÉcrivez aide pour voir ce que vous pouvez faire.`,
  readTextsShown: (shown) => `Messages lus\u00a0:\n${list(shown)}`,
  noReadTexts: "Il n'y a pas de messages déjà lus.",
  noTextsFrom: (who) => `Il n'y a pas de messages ${of(who)}.`,
  whoOf: (authors) => `Lequel\u00a0: ${authors.join(', ')}\u00a0?`,
  deleted: (count) => `${messages(count)} ${count < 2 ? 'supprimé' : 'supprimés'}.`,
  saved: (count) =>
    count < 2
      ? `${messages(count)} gardé jusqu'à ce que vous le supprimiez.`
      : `${messages(count)} gardés jusqu'à ce que vous les supprimiez.`,
  noSuchNumber: (number) => `Il n'y a pas de message ${number}.`,
  nothingShownYet: "Écrivez d'abord nouveaux ou anciens\u00a0: les messages ont un numéro une fois affichés.",
  numbersChanged: 'Les numéros ont changé entre-temps. Écrivez anciens pour les voir.',
  replied: (to) => `Envoyé à ${to}.`,
  replyKept: (to) => `${to} n'est pas en ligne\u00a0; votre message attend dans sa boîte.`,
  replyFailed: (to) => `Votre message n'a pas pu être envoyé à ${to}.`,
  tooLong: (most) => `C'est trop long\u00a0: ${most} caractères au plus peuvent être envoyés.`,
  blocked: (who) => `Vous avez bloqué ${who}.`,
  unblocked: (who) => `Vous avez débloqué ${who}.`,
  notBlocked: (who) => `Vous n'aviez pas bloqué ${who}.`,
  blockedAuthors: (authors) => `Bloqués\u00a0: ${authors.join(', ')}`,
  nobodyBlocked: "Vous n'avez bloqué personne.",
  tooManyBlocked: 'Vous ne pouvez plus bloquer personne.',
  greetingIs: (greeting) => `Vos correspondants lisent\u00a0: ${greeting}`,
  greetingSet: (greeting) => `Vos correspondants lisent maintenant\u00a0: ${greeting}`,
  greetingReset: (greeting) => `Vos correspondants lisent de nouveau\u00a0: ${greeting}`,
  languageIs: (languages) => `Écrivez par exemple\u00a0: langue ${languages.join(', langue ')}`,
  languageSet: 'Je parle maintenant français.',
  timeZoneIs: (zone, now) => `Votre fuseau horaire est ${zone} (${now}).`,
  timeZoneSet: (zone, now) => `Votre fuseau horaire est maintenant ${zone} (${now}).`,
  noSuchTimeZone: (zone) =>
    `Je ne connais pas le fuseau horaire ${zone}. Essayez par exemple\u00a0: fuseau Europe/Paris`,
  reminderAuthor: 'Rappel',
  reminderSet: (when, text) => `Je vous le rappellerai ${when}\u00a0: ${text}`,
  reminders: (shown) => shown.map(({ number, when, text }) => `${number} ${when}\u00a0: ${text}`).join('\n'),
  noReminders: "Il n'y a pas de rappels.",
  timeNotUnderstood: 'Quand\u00a0? Par exemple\u00a0: rappeler demain 9h appeler le dentiste',
  timeIsPast: 'Cette heure est déjà passée.',
  timeTooFar: "C'est trop loin dans le temps.",
  remindersOff: "Il n'y a pas de rappels ici.",
  notUnderstood: (words) =>
    words === ''
      ? 'Écrivez aide pour voir ce que vous pouvez faire.'
      : `Je ne comprends pas «\u00a0${words}\u00a0». Écrivez aide pour voir ce que vous pouvez faire.`,
  usage: (example) => `Écrivez par exemple\u00a0: ${example}`,
  bye: 'Au revoir.',
};
