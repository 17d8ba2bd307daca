import type { ClassCounts, MessageSummary } from '../im/message-summary.ts';
import { MalformedMessageSummary, parseMessageSummary } from '../im/message-summary.ts';
import type { Fault } from './finding.ts';
import { fault } from './finding.ts';

/**
 * Holds what a phone is told (null: nothing) against the body it should be told. Classes of our body that count no messages
 * may be missing; classes of others may come on top, as presence servers that merge publications have it.
 */
export function toldFaults(told: string | null, expected: string, shouldLive: boolean): Fault[] {
  const wanted = parseMessageSummary(expected);
  if (told === null || told.trim() === '') return shouldLive ? [nothing(wanted)] : [];
  if (told === expected) return [];
  const heard = readTold(told);
  if (heard === null) {
    return [fault('told-unreadable', `a phone is told ${JSON.stringify(told.slice(0, 200))}`, OTHERS)];
  }
  const differences = compare(heard, wanted);
  if (differences.length > 0) return [fault('told-wrong', differences.join('; '), OTHERS)];
  const more = foreignClasses(heard, wanted);
  if (more.length > 0) {
    const detail = more.map(([name, counts]) => `${name}: ${describe(counts)}`).join(', ');
    return [fault('told-more', `somebody else's publication adds ${detail}`, '')];
  }
  return [fault('told-otherwise', 'a phone is told the same in other bytes', '')];
}

const OTHERS =
  'see whether somebody else publishes for this address (a voicemail: set VOICEMAIL_MWI), or the presence server lost what it had';

function nothing(wanted: MessageSummary): Fault {
  const word = wanted.waiting ? 'that texts wait' : 'that none wait';
  return fault(
    'told-nothing',
    `a phone that subscribes is not told ${word}`,
    'the presence server lost what it was told (restarted without a database?), or lets publications lapse early',
  );
}

function readTold(told: string): MessageSummary | null {
  try {
    return parseMessageSummary(told);
  } catch (error) {
    if (error instanceof MalformedMessageSummary) return null;
    throw error;
  }
}

function compare(heard: MessageSummary, wanted: MessageSummary): string[] {
  const differences: string[] = [];
  const others = foreignClasses(heard, wanted);
  const waiting = wanted.waiting || others.some(([, counts]) => counts.new > 0);
  if (heard.waiting !== waiting) {
    differences.push(`Messages-Waiting is ${yesNo(heard.waiting)} and should be ${yesNo(waiting)}`);
  }
  // Where nothing of ours waits, the account may be that of somebody else's messages.
  const sameAccount = heard.account === wanted.account || (!wanted.waiting && others.length > 0);
  if (!sameAccount) {
    differences.push(
      `Message-Account is ${heard.account ?? 'missing'} and should be ${wanted.account ?? 'missing'}`,
    );
  }
  for (const [name, counts] of wanted.classes) {
    const said = heard.classes.get(name);
    if (isSame(said, counts) || others.some(([other]) => other === name)) continue;
    const seen = said === undefined ? 'missing' : describe(said);
    differences.push(`${name} is ${seen} and should be ${describe(counts)}`);
  }
  return differences;
}

/** Classes our body has none of. One that a client insists on is in it with zeros, so those count as none. */
function foreignClasses(heard: MessageSummary, wanted: MessageSummary): [string, ClassCounts][] {
  return [...heard.classes].filter(([name, counts]) => {
    const ours = wanted.classes.get(name);
    if (ours === undefined) return !isSame(counts, NONE);
    return !TEXT_CLASSES.has(name) && isSame(ours, NONE) && !isSame(counts, NONE);
  });
}

const NONE: ClassCounts = { new: 0, old: 0, urgent: null };
/** The classes texts are counted in: these are nobody's but ours. */
const TEXT_CLASSES: ReadonlySet<string> = new Set(['text-message', 'pager-message']);

function isSame(a: ClassCounts | undefined, b: ClassCounts): boolean {
  return describe(a ?? NONE) === describe(b);
}

function describe({ new: fresh, old, urgent }: ClassCounts): string {
  return `${fresh}/${old} (${urgent?.new ?? 0}/${urgent?.old ?? 0})`;
}

function yesNo(waiting: boolean): string {
  return waiting ? 'yes' : 'no';
}
