import fc from 'fast-check';

/** Mailboxes that an operation is done to, all at the same time: `count` of them from `first` on, around the end. */
export interface Boxes {
  readonly first: number;
  readonly count: number;
}

export type Operation =
  | {
      readonly kind: 'deposit';
      readonly boxes: Boxes;
      readonly key: number;
      readonly author: number;
      readonly bytes: number;
      readonly urgent: boolean;
      /** ms from when it is due; null: it does not expire. */
      readonly life: number | null;
      /** ms until it is due; null: at once. */
      readonly delay: number | null;
    }
  | { readonly kind: 'lease'; readonly boxes: Boxes; readonly token: number; readonly limit: number }
  | { readonly kind: 'renew' | 'release'; readonly token: number }
  /** Of what a token holds in each mailbox, the text at `pick`. */
  | { readonly kind: 'read'; readonly boxes: Boxes; readonly token: number; readonly pick: number }
  /** Of the texts read in each mailbox, the one at `pick`; `delete` of all when it is null. */
  | { readonly kind: 'save'; readonly boxes: Boxes; readonly pick: number }
  | { readonly kind: 'delete'; readonly boxes: Boxes; readonly pick: number | null }
  | { readonly kind: 'block' | 'unblock'; readonly boxes: Boxes; readonly author: number }
  | { readonly kind: 'expire' | 'due' | 'forget'; readonly limit: number }
  | { readonly kind: 'drop'; readonly age: number; readonly limit: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'restart' };

export const TOKENS = 3;
export const AUTHORS = 3;
export const KEYS = 12;

export interface OperationLimits {
  readonly mailboxes: number;
  /** Most mailboxes one operation is done to; those of deposits and reads, which share commits. */
  readonly most: number;
  readonly mostShared: number;
  /** Most texts of one sweep. */
  readonly sweep: number;
  /** ms that may pass at a time. */
  readonly time: number;
}

/** Any operation; the more of a kind, the likelier. */
export function anyOperation({
  mailboxes,
  most,
  mostShared,
  sweep,
  time,
}: OperationLimits): fc.Arbitrary<Operation> {
  const boxes = (count: number): fc.Arbitrary<Boxes> =>
    fc.record({ first: fc.nat({ max: mailboxes - 1 }), count: fc.integer({ min: 1, max: count }) });
  const token = fc.nat({ max: TOKENS - 1 });
  const author = fc.nat({ max: AUTHORS - 1 });
  const pick = fc.nat({ max: 3 });
  const kind = <K extends Operation['kind']>(...kinds: K[]): fc.Arbitrary<K> => fc.constantFrom(...kinds);
  const soon = fc.integer({ min: 1, max: time });
  const maybeSoon: fc.Arbitrary<number | null> = fc.option(soon);
  const maybePick: fc.Arbitrary<number | null> = fc.option(pick);
  const limit = fc.integer({ min: 1, max: sweep });
  const weighted: readonly [number, fc.Arbitrary<Operation>][] = [
    [
      12,
      fc.record({
        kind: kind('deposit'),
        boxes: boxes(mostShared),
        key: fc.nat({ max: KEYS - 1 }),
        author,
        bytes: fc.integer({ min: 1, max: 60 }),
        urgent: fc.boolean(),
        life: maybeSoon,
        delay: maybeSoon,
      }),
    ],
    [5, fc.record({ kind: kind('lease'), boxes: boxes(most), token, limit: fc.integer({ min: 1, max: 4 }) })],
    [1, fc.record({ kind: kind('renew', 'release'), token })],
    [7, fc.record({ kind: kind('read'), boxes: boxes(mostShared), token, pick })],
    [2, fc.record({ kind: kind('save'), boxes: boxes(most), pick })],
    [2, fc.record({ kind: kind('delete'), boxes: boxes(most), pick: maybePick })],
    [2, fc.record({ kind: kind('block', 'unblock'), boxes: boxes(most), author })],
    [5, fc.record({ kind: kind('expire', 'due', 'forget'), limit })],
    [2, fc.record({ kind: kind('drop'), age: fc.nat({ max: time }), limit })],
    [5, fc.record({ kind: kind('time'), ms: soon })],
    [1, fc.record({ kind: kind('restart') })],
  ];
  return fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}
