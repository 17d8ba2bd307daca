import type { ListedText, Phrases } from './phrases.ts';

const list = (texts: readonly ListedText[]): string =>
  texts.map(({ number, author, when }) => `${number} ${author}, ${when}`).join('\n');

const messages = (count: number): string => (count === 1 ? '1 mensaje' : `${count} mensajes`);

export const es: Phrases = {
  language: 'es',
  greeting: 'No estoy en línea, pero puedes dejarme un mensaje',
  mailboxFull: 'El buzón está lleno: tu mensaje no se ha guardado.',
  blockedByOwner: 'Este usuario no acepta mensajes tuyos.',
  noNewTexts: 'No tienes mensajes nuevos.',
  fetchedElsewhere: 'Tus mensajes nuevos se están entregando en otro de tus dispositivos.',
  cannotFetch: 'Ahora no se pueden recoger tus mensajes; inténtalo de nuevo.',
  textTooLong: 'Un mensaje es demasiado largo para esta aplicación y espera a otra.',
  fetchOnly: 'Esta dirección solo entrega tus mensajes.',
  helpHint: 'Escribe ayuda para ver lo que puedes hacer.',
  help: [
    'nuevos: tus mensajes nuevos',
    'antiguos 10: los 10 últimos que leíste',
    'de ana: lo que escribió Ana',
    'responder 3 TEXTO: contestar al mensaje 3',
    'guardar 3: conservar el mensaje 3 hasta que lo borres',
    'borrar 3, borrar todo: borrar lo que leíste',
    'recordar mañana 9:00 TEXTO, recordatorios',
    'bloquear ana, desbloquear ana, bloqueados',
    'saludo TEXTO, saludo quitar: lo que leen quienes te escriben',
    'idioma en, zona Europe/Madrid',
    'adiós: terminar',
  ].join('\n'),
  newTextsShown: (shown) =>
    `Tus mensajes nuevos:\n${list(shown)}\nEscribe ayuda para ver lo que puedes hacer.`,
  readTextsShown: (shown) => `Mensajes que leíste:\n${list(shown)}`,
  noReadTexts: 'No hay mensajes que hayas leído antes.',
  noTextsFrom: (who) => `No hay mensajes de ${who}.`,
  whoOf: (authors) => `¿Cuál de ellos? ${authors.join(', ')}`,
  deleted: (count) => (count === 1 ? '1 mensaje borrado.' : `${messages(count)} borrados.`),
  saved: (count) =>
    count === 1
      ? '1 mensaje guardado hasta que lo borres.'
      : `${messages(count)} guardados hasta que los borres.`,
  noSuchNumber: (number) => `No hay ningún mensaje ${number}.`,
  nothingShownYet: 'Escribe primero nuevos o antiguos: los mensajes tienen número cuando los has visto.',
  numbersChanged: 'Los números han cambiado entretanto. Escribe antiguos para verlos.',
  replied: (to) => `Enviado a ${to}.`,
  replyKept: (to) => `${to} no está en línea; tu mensaje queda en su buzón.`,
  replyFailed: (to) => `No se ha podido enviar tu mensaje a ${to}.`,
  tooLong: (most) => `Es demasiado largo: se pueden enviar como mucho ${most} letras.`,
  blocked: (who) => `Has bloqueado a ${who}.`,
  unblocked: (who) => `Has desbloqueado a ${who}.`,
  notBlocked: (who) => `No tenías bloqueado a ${who}.`,
  blockedAuthors: (authors) => `Bloqueados: ${authors.join(', ')}`,
  nobodyBlocked: 'No has bloqueado a nadie.',
  tooManyBlocked: 'No puedes bloquear a nadie más.',
  greetingIs: (greeting) => `Quienes te escriben leen: ${greeting}`,
  greetingSet: (greeting) => `Quienes te escriben leen ahora: ${greeting}`,
  greetingReset: (greeting) => `Quienes te escriben vuelven a leer: ${greeting}`,
  languageIs: (languages) => `Escribe por ejemplo: idioma ${languages.join(', idioma ')}`,
  languageSet: 'Ahora hablo español.',
  timeZoneIs: (zone, now) => `Tu zona horaria es ${zone} (${now}).`,
  timeZoneSet: (zone, now) => `Tu zona horaria es ahora ${zone} (${now}).`,
  noSuchTimeZone: (zone) => `No conozco la zona horaria ${zone}. Prueba por ejemplo: zona Europe/Madrid`,
  reminderAuthor: 'Recordatorio',
  reminderSet: (when, text) => `Te lo recordaré (${when}): ${text}`,
  reminders: (shown) => shown.map(({ number, when, text }) => `${number} ${when}: ${text}`).join('\n'),
  noReminders: 'No hay recordatorios.',
  timeNotUnderstood: '¿Cuándo? Por ejemplo: recordar mañana 9:00 llamar al dentista',
  timeIsPast: 'Esa hora ya ha pasado.',
  timeTooFar: 'Falta demasiado tiempo para eso.',
  remindersOff: 'Aquí no hay recordatorios.',
  notUnderstood: (words) =>
    words === ''
      ? 'Escribe ayuda para ver lo que puedes hacer.'
      : `No entiendo «${words}». Escribe ayuda para ver lo que puedes hacer.`,
  usage: (example) => `Escribe por ejemplo: ${example}`,
  bye: 'Adiós.',
};
