/** The pace of one sweep. Times in ms. */
export interface SweepPace {
  /** Longest pause between two looks: another node may have kept what is due sooner. */
  readonly pollCeiling: number;
  /** Shortest pause between two sweeps. */
  readonly gap: number;
  /** Texts or rows of one sweep, which is one transaction: deposits go between two of them. */
  readonly batch: number;
  /** Back-off after the store failed: first and longest pause. */
  readonly storeBackoff: { readonly first: number; readonly ceiling: number };
}

const storeBackoff = { first: 1_000, ceiling: 60_000 };

/** Texts that are too old. */
export const EXPIRY_LIMITS = { pollCeiling: 2_000, gap: 250, batch: 100, storeBackoff } satisfies SweepPace;

/** Scheduled texts: one that another node kept is due in time unless that node dies, which the looks are for. */
export const SCHEDULE_LIMITS = {
  pollCeiling: 2_000,
  gap: 100,
  batch: 100,
  storeBackoff: { first: 1_000, ceiling: 10_000 },
} satisfies SweepPace;

/** Texts that were read. */
export const RETENTION_LIMITS = {
  pollCeiling: 5_000,
  gap: 250,
  batch: 100,
  storeBackoff,
} satisfies SweepPace;

/** What is kept about the past and means nothing any more. */
export const FORGETTING_LIMITS = {
  pollCeiling: 60_000,
  gap: 250,
  batch: 500,
  storeBackoff,
} satisfies SweepPace;
