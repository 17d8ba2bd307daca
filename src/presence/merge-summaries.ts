import type { ClassCounts, MessageSummary } from '../im/message-summary.ts';

/*
 * RFC 3903 §6 leaves merging to the event package, and RFC 3842 is silent. Our rule:
 *   - What a Message-Account names is one mailbox, so of two publications that count one class of one account the newer is
 *     right and the older is what a publisher left behind that lost its entity tag. Adding them up would keep a lamp lit.
 *   - Publications of different accounts, and those without account, speak of different mailboxes: their counts add up.
 *   - Messages are waiting when any publication says so with what is left of it.
 *   - The account shown is that of the newest publication with new texts, else of the newest with anything waiting, else
 *     of the newest that names one.
 */

const TEXT = 'text-message';

/** What all of `summaries` say together, the one published longest ago first; there must be one at least. */
export function mergeSummaries(summaries: readonly MessageSummary[]): MessageSummary {
  const current = withoutSuperseded(summaries);
  const classes = new Map<string, ClassCounts>();
  for (const summary of current) {
    for (const [name, counts] of summary.classes) {
      const sum = classes.get(name);
      classes.set(name, sum === undefined ? counts : addCounts(sum, counts));
    }
  }
  return {
    waiting: current.some(({ waiting }) => waiting),
    account: shownAccount(current),
    classes,
    headerBlocks: current.flatMap(({ headerBlocks }) => headerBlocks),
  };
}

/** Leaves out what a newer publication for the same account says again; keeps the order. */
function withoutSuperseded(summaries: readonly MessageSummary[]): MessageSummary[] {
  const saidByNewer = new Map<string, Said>();
  return summaries
    .toReversed()
    .flatMap((summary) => {
      if (summary.account === null) return [summary];
      const said = saidByNewer.get(summary.account);
      saidByNewer.set(summary.account, saidWith(summary, said));
      return said === undefined ? [summary] : (rest(summary, said) ?? []);
    })
    .reverse();
}

/** Classes an account was spoken of in; a publication that counts no class speaks of the whole account. */
type Said = ReadonlySet<string> | 'everything';

function saidWith({ classes }: MessageSummary, said: Said = new Set()): Said {
  if (said === 'everything' || classes.size === 0) return 'everything';
  return new Set([...said, ...classes.keys()]);
}

/** `summary` without the classes in `said`; undefined when nothing is left of it. */
function rest(summary: MessageSummary, said: Said): MessageSummary | undefined {
  if (said === 'everything') return undefined;
  const classes = new Map([...summary.classes].filter(([name]) => !said.has(name)));
  if (classes.size === 0) return undefined;
  if (classes.size === summary.classes.size) return summary;
  const waiting = summary.waiting && [...classes.values()].some((counts) => counts.new > 0);
  return { ...summary, waiting, classes };
}

function shownAccount(summaries: readonly MessageSummary[]): string | null {
  const named = summaries.filter(({ account }) => account !== null);
  const shown =
    named.findLast(({ classes }) => (classes.get(TEXT)?.new ?? 0) > 0) ??
    named.findLast(({ waiting }) => waiting) ??
    named.at(-1);
  return shown?.account ?? null;
}

/** What only one side tells apart is told apart in the sum. */
function addCounts(a: ClassCounts, b: ClassCounts): ClassCounts {
  const none = { new: 0, old: 0 };
  const [ua, ub] = [a.urgent ?? none, b.urgent ?? none];
  return {
    new: a.new + b.new,
    old: a.old + b.old,
    urgent: a.urgent === null && b.urgent === null ? null : { new: ua.new + ub.new, old: ua.old + ub.old },
  };
}
