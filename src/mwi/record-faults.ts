import type { MailboxCounts } from '../mailbox/ports.ts';
import type { Fault } from './finding.ts';
import { fault } from './finding.ts';
import type { Claim, LampRecord } from './ports.ts';
import { refusalAdvice } from './refusal-advice.ts';

/*
 * What the database alone tells of a lamp. At most one fault of the publication is named, the one that explains the others:
 *
 *   refused ──> in flight ──> claim lapsed ──> ahead ──> behind or lapsed: failing, on its way, overdue, never due, lapsed
 *                  (none)                           └──> published and live: refresh overdue, refreshes failing
 */

/** Against what a record is held. */
export interface RecordMeasure {
  /** Epoch ms. */
  readonly now: number;
  /** How long a lamp may be due before it counts as late, ms. */
  readonly grace: number;
  /** A publication should live now: texts wait, or the word that none do is to be kept alive. */
  readonly shouldLive: boolean;
}

/** A PUBLISH is in flight, or will be in a moment: what is seen now changes by itself. */
export function isOnItsWay({ claim, schedule }: LampRecord, now: number, grace: number): boolean {
  if (claim !== null && claim.until > now - grace) return true;
  return schedule.dueAt !== null && schedule.dueAt <= now && schedule.dueAt > now - grace;
}

/** The presence server confirmed another version than the mailbox has. */
export function isBehind({ state, wantedVersion }: LampRecord): boolean {
  return state.publishedVersion < wantedVersion;
}

/** What is the matter with the counts and the publication of one lamp. */
export function recordFaults(record: LampRecord, measure: RecordMeasure): Fault[] {
  return [...countFaults(record), ...publicationFault(record, measure)];
}

function countFaults({ counts, counted, owner }: LampRecord): Fault[] {
  const kept = describeCounts(counts);
  const real = describeCounts(counted);
  if (kept === real) return [];
  return [
    fault(
      'counts-wrong',
      `the mailbox of ${owner.toString()} says ${kept}, its texts are ${real}`,
      'somebody changed the database by hand, or this is a defect: the next text does not mend it, please report it',
    ),
  ];
}

/** `2/8 (1/0)`, as a message summary has it. */
export function describeCounts({ new: fresh, old, newUrgent, oldUrgent }: MailboxCounts): string {
  return `${fresh}/${old} (${newUrgent}/${oldUrgent})`;
}

function publicationFault(record: LampRecord, measure: RecordMeasure): Fault[] {
  const { state, claim, wantedVersion } = record;
  const { now, grace } = measure;
  if (state.refusedWith !== null) return [refused(record, state.refusedWith)];
  if (claim !== null) return claim.until > now - grace ? [] : [abandoned(claim, now)];
  if (state.publishedVersion > wantedVersion) {
    const detail = `version ${state.publishedVersion} was published, the mailbox is at ${wantedVersion}`;
    return [
      fault('version-ahead', detail, 'an older database was put back: the next refresh or text mends it'),
    ];
  }
  const lives = state.entityTag !== null && state.expiresAt !== null && state.expiresAt > now;
  if (isBehind(record)) return unpublished(record, measure, behindDetail(record), 'never-due');
  if (measure.shouldLive && !lives) return unpublished(record, measure, lapsedDetail(record, now), 'lapsed');
  return unrefreshed(record, measure);
}

function refused({ state }: LampRecord, status: number): Fault {
  return fault(
    'refused',
    `the presence server answers ${status}, ${times(state.failures)} so far`,
    refusalAdvice(status),
  );
}

/** Whoever looks for what is due takes over lamps whose claim has lapsed, so nobody looks. */
function abandoned({ node, until }: Claim, now: number): Fault {
  const detail = `node ${node} claimed it and did not come back; its claim ended ${duration(now - until)} ago`;
  return fault('claim-lapsed', detail, `start ${node}, or any node of this database`);
}

function behindDetail({ state, wantedVersion, counts }: LampRecord): string {
  const last = state.publishedVersion === 0 ? 'nothing yet' : `version ${state.publishedVersion}`;
  return `the mailbox is at version ${wantedVersion}, ${describeCounts(counts)}; the presence server has ${last}`;
}

function lapsedDetail({ state }: LampRecord, now: number): string {
  return state.expiresAt === null || state.expiresAt > now
    ? 'no publication of ours lives'
    : `the publication ended ${duration(now - state.expiresAt)} ago`;
}

/** Phones are not told what they should be: is that about to end? */
function unpublished(
  record: LampRecord,
  { now, grace }: RecordMeasure,
  detail: string,
  otherwise: 'never-due' | 'lapsed',
): Fault[] {
  const { state, schedule } = record;
  const { dueAt, notBefore } = schedule;
  if (state.failures > 0 && dueAt !== null && dueAt > now - grace) {
    const next = dueAt > now ? `; next try in ${duration(dueAt - now)}` : '';
    return [fault('failing', `${detail}; ${times(state.failures)} tried in vain${next}`, UNANSWERED)];
  }
  if (dueAt !== null && dueAt > now - grace && dueAt <= Math.max(now, notBefore) + grace) return [];
  if (dueAt !== null && dueAt <= now - grace) {
    const since = `${detail}; due for ${duration(now - dueAt)}`;
    return [fault(otherwise === 'lapsed' ? 'lapsed' : 'overdue', since, NO_NODE)];
  }
  const when = dueAt === null ? 'it is not due' : `it is due in ${duration(dueAt - now)} only`;
  return [
    fault(otherwise, `${detail}; ${when}`, 'this is a defect or a database put back: the next text mends it'),
  ];
}

/** Phones are told right for now. */
function unrefreshed({ state, schedule }: LampRecord, { now, grace, shouldLive }: RecordMeasure): Fault[] {
  const { dueAt } = schedule;
  const left =
    state.expiresAt === null ? '' : `; what was published lives ${duration(state.expiresAt - now)} yet`;
  if (state.failures > 0 && (dueAt === null || dueAt > now - grace)) {
    return [fault('failing', `refreshed ${times(state.failures)} in vain${left}`, UNANSWERED, 'note')];
  }
  if (shouldLive && dueAt !== null && dueAt <= now - grace) {
    return [fault('overdue', `to be refreshed for ${duration(now - dueAt)}${left}`, NO_NODE)];
  }
  if (shouldLive && dueAt === null) {
    return [
      fault('never-due', `it will not be refreshed${left}`, 'this is a defect: the next text mends it'),
    ];
  }
  return [];
}

const UNANSWERED =
  'see whether the presence server lives and PRESENCE_SERVER leads to it; the log says what it answers';
const NO_NODE =
  'see whether a node runs and reaches the presence server; after an outage a backlog takes its time';

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const;

/** A span of time for people: `45 s`, `3 min`, `2 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  for (const [unit, size] of UNITS) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${seconds} s`;
}
