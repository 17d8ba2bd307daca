import { nameOf } from './authors.ts';
import { DESK_LIMITS } from './limits.ts';
import type { ReadText } from './ports.ts';
import type { Doing, Task } from './task.ts';
import { list, meant } from './task.ts';
import type { StoredMessage } from '../ports.ts';
import { TextRefused } from '../ports.ts';
import type { RetrievalResult } from '../retrieval.ts';

/** What a fetch came to. `listed`: how many of the texts have numbers now. */
export interface FetchResult extends RetrievalResult {
  readonly listed: number;
}

/**
 * Hands over all new texts, each exactly once, and then tells their numbers.
 * @throws StoreUnavailable, or what handing over rejected with
 */
export async function fetchNew(task: Task): Promise<FetchResult> {
  const { desk, visitor, visit, profile } = task;
  /** In the order she sees them; some are acknowledged sooner than others. */
  const sent: number[] = [];
  const delivered = new Set<number>();
  const result = await desk.retrievals.run(visitor.owner, async (message) => {
    sent.push(message.id);
    await visit.handOver(message, false);
    delivered.add(message.id);
  });
  if (delivered.size === 0) return { ...result, listed: 0 };
  const ids = sent.filter((id) => delivered.has(id)).slice(-DESK_LIMITS.listing);
  // Where nothing that was read is kept, there is nothing to call by a number.
  const texts = await desk.store.textsById(visitor.owner, ids);
  if (texts.length > 0) await list(task, texts, (listed) => profile.phrases.newTextsShown(listed));
  return { ...result, listed: texts.length };
}

export const showNew: Doing<'new'> = async (task) => {
  const { visit, profile } = task;
  const { delivered, refused, elsewhere } = await fetchNew(task);
  if (delivered + refused > 0) return;
  await visit.say(elsewhere === 0 ? profile.phrases.noNewTexts : profile.phrases.fetchedElsewhere);
};

export const showOld: Doing<'old'> = async (task, { count }) => {
  const { desk, visitor, profile } = task;
  const most = Math.min(count ?? DESK_LIMITS.shown, DESK_LIMITS.listing);
  await handOverAgain(task, await desk.store.readTexts(visitor.owner, most), profile.phrases.noReadTexts);
};

/** Of somebody the owner means by name, by address, or by the number of a text. */
export const showFrom: Doing<'from'> = async (task, { who }) => {
  const { desk, visitor, profile } = task;
  const known = await desk.store.authorsOfRead(visitor.owner, DESK_LIMITS.authors);
  const author = await meant(task, who, known, profile.phrases.noTextsFrom(who));
  if (author === undefined) return;
  const texts = await desk.store.readTextsFrom(visitor.owner, author.author, DESK_LIMITS.shown);
  await handOverAgain(task, texts, profile.phrases.noTextsFrom(nameOf(author)));
};

async function handOverAgain(task: Task, texts: readonly ReadText[], none: string): Promise<void> {
  const { visit, profile } = task;
  if (texts.length === 0) {
    await visit.say(none);
    return;
  }
  const shown: StoredMessage[] = [];
  for (const text of texts) {
    try {
      await visit.handOver(text, true);
      shown.push(text);
    } catch (error) {
      if (!(error instanceof TextRefused)) throw error;
    }
  }
  if (shown.length > 0) await list(task, shown, (listed) => profile.phrases.readTextsShown(listed));
}
