/** Every limit of telling authors that their texts were kept. Times in ms. */
export const NOTICE_LIMITS = {
  /** Notices that wait for a place; the authors of further texts are not told. */
  waiting: 1_000,
  /** Notices under way at one time: few, so that texts go before them. */
  inFlight: 8,
  /** Longest wait for the store to say whether she was told lately. */
  storeDeadline: 5_000,
  /** Longest wait for the answer to a notice: whoever does not answer must not hold a place. */
  sendDeadline: 10_000,
  /** How long a stop waits for what is in flight. */
  stopDeadline: 1_000,
  /** Authors this node keeps in mind as told; of others the store knows. */
  remembered: 10_000,
  /** Longest notice, bytes of UTF-8: phones were seen not to show 1,200. */
  textBytes: 1_000,
} as const;
