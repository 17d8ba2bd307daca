import { MWI_LIMITS } from './limits.ts';

/**
 * What a node keeps in mind of one publication beside its row. All of it may be forgotten, as at a restart: that costs a few
 * PUBLISHes, never a wrong lamp for good.
 */
export interface PublicationMemory {
  /** 412s since a conditional PUBLISH was last accepted. */
  readonly staleTags: number;
  /** 500s in a row to conditional PUBLISHes with the tag we have. */
  readonly tagErrors: number;
  /**
   * When to publish again because an older publication of ours, whose tag we lost, will have lapsed: presence servers then
   * notify an empty body or whatever came last. Epoch ms; null when there can be none.
   */
  readonly restoreAt: number | null;
  /** The version that says `no`, and when it was first published, epoch ms; null while texts wait. */
  readonly cleared: { readonly version: number; readonly since: number } | null;
}

/** A mailbox seen for the first time. */
export const NOTHING_REMEMBERED: PublicationMemory = {
  staleTags: 0,
  tagErrors: 0,
  restoreAt: null,
  cleared: null,
};

/** The memories of a node by mailbox, bounded: the one longest out of sight goes. */
export class PublicationMemories {
  readonly #byMailbox = new Map<string, PublicationMemory>();
  readonly #limit: number;

  constructor(limit: number = MWI_LIMITS.rememberedMailboxes) {
    this.#limit = limit;
  }

  get(mailbox: string): PublicationMemory {
    return this.#byMailbox.get(mailbox) ?? NOTHING_REMEMBERED;
  }

  set(mailbox: string, memory: PublicationMemory): void {
    this.#byMailbox.delete(mailbox);
    const { staleTags, tagErrors, restoreAt, cleared } = memory;
    if (staleTags === 0 && tagErrors === 0 && restoreAt === null && cleared === null) return;
    this.#byMailbox.set(mailbox, memory);
    if (this.#byMailbox.size <= this.#limit) return;
    const [oldest] = this.#byMailbox.keys();
    if (oldest !== undefined) this.#byMailbox.delete(oldest);
  }

  get size(): number {
    return this.#byMailbox.size;
  }
}
