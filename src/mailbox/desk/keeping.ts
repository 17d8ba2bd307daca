import type { Doing } from './task.ts';
import { listing, numbered } from './task.ts';

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
  const texts = wanted === 'all' ? await listing(task) : await numbered(task, wanted);
  if (texts === undefined) return;
  const ids = texts.map((text) => (typeof text === 'number' ? text : text.id));
  await visit.say(profile.phrases.saved(await desk.store.saveTexts(visitor.owner, ids)));
};
