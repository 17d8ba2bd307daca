/** Every limit of what commands may say. Lengths in UTF-16 units. */
export const COMMAND_LIMITS = {
  /** One text from the owner; a longer one is no command. */
  line: 65_536,
  /** One word of those a command begins with. */
  verb: 40,
  /** How much of words that were not understood is quoted. */
  quoted: 60,
  /** The words of a list of numbers. */
  list: 1_000,
  /** Texts that one command names; `1-1000` would name too many. */
  numbers: 100,
  /** Highest number of a text. */
  number: 9_999,
  /** Most texts that `old` asks for; more are taken as these. */
  old: 100,
  /** Who a command means: a name or an address. */
  who: 512,
  greeting: 1_000,
  /** A tag or name of a language, a name of a time zone. */
  name: 64,
  /** Time and text of a reminder. */
  reminder: 2_000,
  /** The part of a reminder's words, at their start and at their end, in which a time is looked for. */
  time: 80,
} as const;
