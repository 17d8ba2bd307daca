/** Root of all errors the program raises itself: a stable `code` for machines, a message for people. */
export abstract class MailboxError extends Error {
  /** Upper-case words joined by `_`; never changed once released. */
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** What a caught value says of itself, whatever was thrown. */
export function describeError(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
