import { DeadlineExceeded } from '../core/deadline.ts';
import type { Waits } from '../core/waits.ts';
import { SUBSCRIPTION_LIMITS } from './limits.ts';
import type { SubscribeSilence } from './ports.ts';

/**
 * The answer to a SUBSCRIBE, or none when it takes too long or `waits` are ended; `onLate` is told of one that comes after all.
 * Never rejects.
 */
export async function inTime<R>(
  waits: Waits,
  answer: Promise<R>,
  onLate: (response: R) => void,
): Promise<R | SubscribeSilence> {
  const limit = SUBSCRIPTION_LIMITS.subscribeDeadline;
  const wait = waits.start(limit);
  let isLate = false;
  const overdue = wait.outcome.then((): SubscribeSilence => {
    isLate = true;
    return { kind: 'unanswered', cause: new DeadlineExceeded('SUBSCRIBE', limit) };
  });
  const answered = answer.then((response) => {
    if (isLate) onLate(response);
    return response;
  });
  try {
    return await Promise.race([answered, overdue]);
  } catch (cause) {
    return { kind: 'unanswered', cause };
  } finally {
    wait.end();
  }
}
