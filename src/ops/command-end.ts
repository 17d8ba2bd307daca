/** Where a command writes what it has to say. */
export interface Output {
  write(text: string): void;
}

/** How a command ends, for scripts. */
export const EXIT = {
  /** All is right, or what was asked for is done. */
  right: 0,
  /** Something was found, or cannot be done as asked. */
  findings: 1,
  /** It could not be found out or done: the database, the presence server or the command line is at fault. */
  unknown: 2,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
