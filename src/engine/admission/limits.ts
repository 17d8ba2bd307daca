/** Bounds of what is let in. Times in ms. */
export const ADMISSION_LIMITS = {
  /** Sources remembered; the one heard of longest ago makes room, as if it had never sent anything. */
  sources: 20_000,
  /** Refusals a source over its rate is told of in a period; after them it gets silence. */
  answersPerSource: 5,
  sourcePeriod: 10_000,
  /** Sources named in the log in a period, of all there are. */
  logsPerPeriod: 20,
  /**
   * Requests a second that are told they are too many, of all sources; the rest get silence. Who is told does not send again:
   * an answer saves up to ten copies.
   */
  answersPerSecond: 20_000,
  /** Bytes of a request in which its headers must end to be judged by its first look. */
  firstLook: 4_096,
  /** What an application may have unanswered at first, and at least, whatever its answers take. */
  unansweredAtFirst: 2_000,
  unansweredAtLeast: 400,
  /** Requests older than this count no longer as unanswered: a handler that never answers shall not stop the others, seconds. */
  unansweredAge: 5,
  /** How often an application's pace is judged. */
  paceWindow: 100,
  /** How much longer than its best an application's fastest answer may take before it counts as too busy. */
  standingDelay: 400,
  /** How much longer it may take on average then: less than T1, after which clients send again. */
  allowedDelay: 250,
  /** How many judgements in a row must find that before anything is done: a pause is no queue. */
  standingWindows: 3,
  /** The best time of an application is never taken to be more than this. */
  bestAtMost: 2_000,
  /** The best time is that of the last one or two of these. */
  bestMemory: 60_000,
} as const;
