import type { Clock, Timer } from '../core/clock.ts';
import { MailboxError } from '../core/errors.ts';
import type { IsComposing } from '../im/is-composing.ts';
import { isComposing, parseIsComposing } from '../im/is-composing.ts';
import { unwrapCpim } from '../im/storable.ts';
import { MAILBOX_LIMITS } from './limits.ts';

export interface SilenceTimerOptions {
  /** ms without a word after which the caller has fallen silent. */
  readonly limit: number;
  readonly clock: Clock;
  readonly onSilent: () => void;
}

/**
 * Tells when the caller of a chat session has fallen silent. Whatever of a message comes counts as a word, typing marks too.
 *
 * RFC 3994 §3: a mark `active` says that words are being written, and holds until its refresh time is over, another mark comes,
 * or words do; so long she is not silent, be it longer than the limit. A mark `idle` ends that: it counts as one word, after
 * which the limit runs, as she wrote a moment ago and may go on. How long one mark holds is bounded.
 */
export class SilenceTimer {
  readonly #options: SilenceTimerOptions;
  #timer: Timer | undefined;
  /** Until when she is writing, epoch ms. */
  #writingUntil = 0;
  #stopped = false;
  #held = false;

  constructor(options: SilenceTimerOptions) {
    this.#options = options;
    this.heard();
  }

  /** Something of a message came. */
  heard(): void {
    const { clock, limit, onSilent } = this.#options;
    this.#timer?.cancel();
    if (this.#stopped || this.#held) return;
    this.#timer = clock.after(Math.max(limit, this.#writingUntil - clock.now()), onSilent);
  }

  /** A text came: what was being written is there. */
  words(): void {
    this.#writingUntil = 0;
    this.heard();
  }

  /** A notice came; only a typing mark means anything. */
  notice(contentType: string, content: Buffer): void {
    const mark = readMark(contentType, content);
    if (mark === undefined) return;
    this.#writingUntil = mark.state === 'active' ? this.#options.clock.now() + refreshTime(mark) : 0;
    this.heard();
  }

  /** During a hold nobody is taken for silent; after it the limit runs anew. */
  hold(held: boolean): void {
    this.#held = held;
    this.heard();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }
}

/** ms */
function refreshTime({ refresh }: IsComposing): number {
  const { composing, composingUnsaid } = MAILBOX_LIMITS;
  return refresh === null ? composingUnsaid : Math.min(refresh * 1000, composing);
}

/** A typing mark, bare or in message/cpim; undefined for anything else and for one that cannot be read. */
function readMark(contentType: string, content: Buffer): IsComposing | undefined {
  try {
    const body = unwrapCpim(contentType, content);
    return isComposing(body.contentType) ? parseIsComposing(body.content) : undefined;
  } catch (error) {
    if (error instanceof MailboxError) return undefined;
    throw error;
  }
}
