import type { Clock } from './clock.ts';
import { MailboxError } from './errors.ts';

/** An operation that did not end within the time it was given. */
export class DeadlineExceeded extends MailboxError {
  constructor(operation: string, limit: number) {
    super('DEADLINE_EXCEEDED', `${operation} took longer than ${limit} ms`);
  }
}

/**
 * Settles as `work` does, or rejects with {@link DeadlineExceeded} once `limit` ms have passed.
 * `work` itself is not stopped: whoever started it stays its owner.
 */
export async function withDeadline<T>(
  clock: Clock,
  limit: number,
  operation: string,
  work: Promise<T>,
): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const timer = clock.after(limit, () => reject(new DeadlineExceeded(operation, limit)));
    work.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (reason: unknown) => {
        timer.cancel();
        reject(reason instanceof Error ? reason : new Error(String(reason)));
      },
    );
  });
}
