import type { Doing } from './desk-task.ts';
import { numbered } from './desk-task.ts';

/** Read texts, and reminders that are not due: by number, or all that were read. */
export const deleteTexts: Doing<'delete'> = async (task, { texts: wanted }) => {
  const { desk, visitor, visit, profile } = task;
  if (wanted === 'all') {
    await visit.say(profile.phrases.deleted(await desk.store.deleteTexts(visitor.owner, 'all read')));
    return;
  }
  const texts = await numbered(task, wanted);
  if (texts === undefined) return;
  const ids = texts.map(({ id }) => id);
  await visit.say(profile.phrases.deleted(await desk.store.deleteTexts(visitor.owner, ids)));
};

/** Read texts that are to stay until they are deleted: by number, or all that have one. */
export const keepTexts: Doing<'keep'> = async (task, { texts: wanted }) => {
  const { desk, visitor, visit, profile } = task;
  const listing = wanted === 'all' ? await desk.store.listing(visitor.owner) : [];
  if (listing.length > 0) {
    await visit.say(profile.phrases.saved(await desk.store.saveTexts(visitor.owner, listing)));
    return;
  }
  const texts = await numbered(task, wanted === 'all' ? [1] : wanted);
  if (texts === undefined) return;
  const ids = texts.map(({ id }) => id);
  await visit.say(profile.phrases.saved(await desk.store.saveTexts(visitor.owner, ids)));
};
