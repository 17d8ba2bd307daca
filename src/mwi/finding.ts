import type { AddressOfRecord } from '../core/address-of-record.ts';

/**
 * `wrong`: what phones are told is wrong, or will be, and it does not mend itself; `late`: it is being mended, or would be by
 * a node that runs; `note`: the lamp is right, yet somebody may want to know.
 */
export type Severity = 'wrong' | 'late' | 'note';

/** What can be the matter with a lamp, by stable code: never changed once released. */
export const PROBLEMS = {
  /** The counts kept are not those of the texts. */
  'counts-wrong': 'wrong',
  /** The presence server refuses, and will until somebody looks at it. */
  refused: 'wrong',
  /** The presence server was not told of the newest summary, and nothing will tell it. */
  'never-due': 'wrong',
  /** The presence server was told of a newer summary than there is. */
  'version-ahead': 'wrong',
  /** The publication should live and does not. */
  lapsed: 'wrong',
  /** A phone that subscribes now is told something else. */
  'told-wrong': 'wrong',
  /** A phone that subscribes now is told nothing. */
  'told-nothing': 'wrong',
  /** A phone that subscribes now is told what is no message summary. */
  'told-unreadable': 'wrong',
  /** The node that claimed the lamp did not come back, and no other took over. */
  'claim-lapsed': 'late',
  /** Due for long, and no node took it. */
  overdue: 'late',
  /** The last tries failed while the presence server has yet to be told; a note while what it was told stands. */
  failing: 'late',
  /** Somebody else publishes for the same lamp. */
  'told-more': 'note',
  /** A phone that subscribes now is told the same in other bytes. */
  'told-otherwise': 'note',
  /** What a phone is told could not be found out. */
  'not-asked': 'note',
  /** The address has no lamp: nobody left it a text. */
  'no-lamp': 'note',
} as const satisfies Readonly<Record<string, Severity>>;

export type Problem = keyof typeof PROBLEMS;

/** What is the matter with one lamp. */
export interface Fault {
  readonly problem: Problem;
  readonly severity: Severity;
  /** What was seen. */
  readonly detail: string;
  /** What to do about it; '' when there is nothing to do. */
  readonly advice: string;
}

/** A fault and whose lamp has it. */
export interface Finding extends Fault {
  readonly target: AddressOfRecord;
}

/** Makes a fault of the problem's own severity, unless told otherwise. */
export function fault(
  problem: Problem,
  detail: string,
  advice: string,
  severity: Severity = PROBLEMS[problem],
): Fault {
  return { problem, severity, detail, advice };
}
