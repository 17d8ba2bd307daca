import { hexToken } from '../../core/random.ts';
import { exampleOf } from '../commands/parse-command.ts';
import { readReminder } from '../commands/reminder-time.ts';
import { nameOf } from './authors.ts';
import { DESK_LIMITS } from './limits.ts';
import { answerable } from './reply.ts';
import type { Doing, Task } from './task.ts';
import { list, numbered, when } from './task.ts';
import { expiresAt } from '../sweeps/expiry.ts';
import type { NewMessage } from '../ports.ts';
import { wordsOf } from '../presentation.ts';

/** A text of her own to the author of one of hers. */
export const reply: Doing<'reply'> = async (task, { number, text }) => {
  const { desk, visitor, visit, profile } = task;
  const [answered] = (await numbered(task, [number])) ?? [];
  if (answered === undefined) return;
  const { phrases } = profile;
  const name = nameOf(answered);
  const to = answerable(answered.author);
  if (to === undefined || to.equals(desk.messageAccount)) {
    await visit.say(phrases.replyFailed(name));
    return;
  }
  const { maxBytes } = desk.replies;
  if (Buffer.byteLength(text) > maxBytes) {
    await visit.say(phrases.tooLong(maxBytes));
    return;
  }
  const { owner: from, name: fromName, hop } = visitor;
  const outcome = await desk.replies.send({ from, fromName, to, text, hop });
  if (outcome === 'sent') await visit.say(phrases.replied(name));
  else await visit.say(outcome === 'kept' ? phrases.replyKept(name) : phrases.replyFailed(name));
};

/** A text to herself that comes when it is due. */
export const remind: Doing<'remind'> = async (task, { words }) => {
  const { desk, visit, profile } = task;
  const { phrases, timeZone } = profile;
  if (desk.scheduleMax === 0) {
    await visit.say(phrases.remindersOff);
    return;
  }
  const now = desk.clock.now();
  const reminder = readReminder(words, { now, timeZone, language: phrases.language });
  if (reminder === 'not understood') await visit.say(phrases.timeNotUnderstood);
  else if (reminder === 'past') await visit.say(phrases.timeIsPast);
  else if (reminder === 'no text') await visit.say(phrases.usage(exampleOf('remind', phrases.language)));
  else if (reminder.at > now + desk.scheduleMax * 1000) await visit.say(phrases.timeTooFar);
  else await keepReminder(task, reminder);
};

async function keepReminder(task: Task, { at, text }: { at: number; text: string }): Promise<void> {
  const { desk, visitor, visit, profile } = task;
  const { phrases } = profile;
  const { owner } = visitor;
  const messageId = `reminder:${hexToken(desk.random, 128)}`;
  const author = desk.messageAccount.toString();
  const reminder: NewMessage = {
    owner,
    author,
    authorName: phrases.reminderAuthor,
    uniqueKey: messageId,
    messageId,
    contentType: 'text/plain;charset=utf-8',
    content: Buffer.from(text, 'utf8'),
    subject: '',
    urgent: false,
    sentAt: null,
    receivedAt: at,
    expiresAt: expiresAt(at, { ttl: desk.ttl(owner), expires: null }),
    deliverAt: at,
    wrapper: null,
    receipts: null,
  };
  let outcome = await desk.store.deposit(reminder);
  if (outcome === 'blocked') {
    // She blocked it while it was somebody's address; now she wants texts from there.
    await desk.store.unblock(owner, author);
    outcome = await desk.store.deposit(reminder);
  }
  const said =
    outcome === 'full' ? phrases.mailboxFull : phrases.reminderSet(when(profile, at, desk.clock.now()), text);
  await visit.say(said);
}

/** Her reminders that are not due yet, with the numbers that `delete` calls them by. */
export const showReminders: Doing<'reminders'> = async (task) => {
  const { desk, visitor, visit, profile } = task;
  const author = desk.messageAccount.toString();
  const reminders = await desk.store.scheduledBy(visitor.owner, author, DESK_LIMITS.listing);
  if (reminders.length === 0) {
    await visit.say(profile.phrases.noReminders);
    return;
  }
  await list(task, reminders, (listed) =>
    profile.phrases.reminders(
      listed.map(({ message, ...rest }) => ({ ...rest, text: wordsOf(message).toString('utf8') })),
    ),
  );
};
