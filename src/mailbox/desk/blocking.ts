import { addressIn, addressOf } from './authors.ts';
import { DESK_LIMITS } from './limits.ts';
import type { Doing } from './task.ts';
import { meant } from './task.ts';

/** Takes nothing more of an author: one she has texts of, or any address. */
export const block: Doing<'block'> = async (task, { who }) => {
  const { desk, visitor, visit, profile } = task;
  const { phrases } = profile;
  const authors = await desk.store.authorsOfRead(visitor.owner, DESK_LIMITS.authors);
  const spelled = addressIn(who);
  const known = [...authors, ...(spelled === undefined ? [] : [{ author: spelled, authorName: '' }])];
  const author = await meant(task, who, known, phrases.noTextsFrom(who));
  if (author === undefined) return;
  if (author.author === desk.messageAccount.toString()) {
    // Her reminders come from there.
    await visit.say(phrases.noTextsFrom(who));
    return;
  }
  const isBlocked = await desk.store.block(visitor.owner, author.author);
  await visit.say(isBlocked ? phrases.blocked(addressOf(author.author)) : phrases.tooManyBlocked);
};

export const unblock: Doing<'unblock'> = async (task, { who }) => {
  const { desk, visitor, visit, profile } = task;
  const { phrases } = profile;
  const uris = await desk.store.blocked(visitor.owner);
  const authors = await desk.store.authorsOfRead(visitor.owner, DESK_LIMITS.authors);
  const known = [
    ...authors.filter(({ author }) => uris.includes(author)),
    ...uris.map((author) => ({ author, authorName: '' })),
  ];
  const author = await meant(task, who, known, phrases.notBlocked(who));
  if (author === undefined) return;
  const address = addressOf(author.author);
  const wasBlocked = await desk.store.unblock(visitor.owner, author.author);
  await visit.say(wasBlocked ? phrases.unblocked(address) : phrases.notBlocked(address));
};

export const showBlocked: Doing<'blocked'> = async ({ desk, visitor, visit, profile }) => {
  const uris = await desk.store.blocked(visitor.owner);
  const { phrases } = profile;
  await visit.say(uris.length === 0 ? phrases.nobodyBlocked : phrases.blockedAuthors(uris.map(addressOf)));
};
