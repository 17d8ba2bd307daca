import type { MailboxCounts } from '../../../src/mailbox/ports.ts';

/** What the store is set up with. */
export interface ModelLimits {
  readonly maxTexts: number;
  readonly maxBytes: number;
  readonly dropRead: boolean;
  readonly keepsRead: boolean;
  /** How long a text that is gone is known again, ms. */
  readonly resendWindow: number;
}

/** A text as it should be in the store. */
export interface ModelText {
  /** Grows in the order in which texts were kept, over all mailboxes. */
  readonly order: number;
  readonly key: string;
  readonly author: string;
  readonly bytes: number;
  readonly urgent: boolean;
  readonly receivedAt: number;
  readonly expiresAt: number | null;
  deliverAt: number | null;
  readAt: number | null;
  saved: boolean;
  lease: { readonly token: string; until: number } | null;
  /** Its id in the store, once it was handed out. */
  id: number | null;
}

export type NewModelText = Omit<ModelText, 'order' | 'readAt' | 'saved' | 'lease' | 'id'>;

export type ModelOutcome = 'stored' | 'duplicate' | 'blocked' | 'full';

/** One mailbox as it should be: the rules of deposit, lease, reading, keeping and sweeping, without a database. */
export class MailboxModel {
  readonly #limits: ModelLimits;
  #texts: ModelText[] = [];
  /** Until when texts that are gone are known again, epoch ms by key. */
  readonly #gone = new Map<string, number>();
  readonly #blocked = new Set<string>();

  constructor(limits: ModelLimits) {
    this.#limits = limits;
  }

  get texts(): readonly ModelText[] {
    return this.#texts;
  }

  deposit(text: NewModelText, order: number, now: number): ModelOutcome {
    const isKnown = this.#texts.some(({ key }) => key === text.key) || (this.#gone.get(text.key) ?? 0) > now;
    if (isKnown) return 'duplicate';
    if (this.#blocked.has(text.author)) return 'blocked';
    const dropped = this.#roomFor(text.bytes);
    if (dropped === undefined) return 'full';
    for (const each of dropped) this.#remove(each, now);
    this.#texts.push({ ...text, order, readAt: null, saved: false, lease: null, id: null });
    return 'stored';
  }

  /** What must go for a text of so many bytes; undefined: it has no room whatever goes. */
  #roomFor(bytes: number): ModelText[] | undefined {
    const { maxTexts, maxBytes, dropRead } = this.#limits;
    const dropped: ModelText[] = [];
    const droppable = dropRead ? this.read().filter(({ saved }) => !saved) : [];
    const fits = (): boolean => {
      const left = this.#texts.filter((each) => !dropped.includes(each));
      return left.length < maxTexts && sum(left) + bytes <= maxBytes;
    };
    while (!fits()) {
      const next = droppable.shift();
      if (next === undefined) return undefined;
      dropped.push(next);
    }
    return dropped;
  }

  lease(token: string, until: number, limit: number, now: number): ModelText[] {
    const leased = this.#texts
      .filter((each) => isNew(each) && isFree(each, now) && !isOld(each, now))
      .sort((a, b) => a.receivedAt - b.receivedAt || a.order - b.order)
      .slice(0, limit);
    for (const each of leased) each.lease = { token, until };
    return leased;
  }

  heldBy(token: string): ModelText[] {
    return this.#texts.filter(({ lease }) => lease?.token === token);
  }

  markRead(text: ModelText, now: number): void {
    text.lease = null;
    text.readAt = now;
    if (!this.#limits.keepsRead) this.#remove(text, now);
  }

  /** Those read longest ago first. */
  read(): ModelText[] {
    return this.#texts
      .filter(({ readAt }) => readAt !== null)
      .sort((a, b) => (a.readAt ?? 0) - (b.readAt ?? 0) || a.order - b.order);
  }

  delete(texts: readonly ModelText[], now: number): void {
    for (const each of texts) this.#remove(each, now);
  }

  block(author: string): void {
    this.#blocked.add(author);
  }

  unblock(author: string): boolean {
    return this.#blocked.delete(author);
  }

  /** Takes away what expired, at most one of `among`. */
  expirable(now: number): ModelText[] {
    return this.#texts.filter((each) => isNew(each) && isFree(each, now) && isOld(each, now));
  }

  due(now: number): ModelText[] {
    return this.#texts.filter(({ deliverAt }) => deliverAt !== null && deliverAt <= now);
  }

  droppable(before: number): ModelText[] {
    return this.read().filter(({ saved, readAt }) => !saved && (readAt ?? Infinity) <= before);
  }

  forgettable(now: number): string[] {
    return [...this.#gone].filter(([, until]) => until <= now).map(([key]) => key);
  }

  forget(key: string): void {
    this.#gone.delete(key);
  }

  counts(): MailboxCounts {
    const count = (isCounted: (text: ModelText) => boolean, urgentOnly: boolean): number =>
      this.#texts.filter((each) => isCounted(each) && (each.urgent || !urgentOnly)).length;
    const isRead = ({ readAt }: ModelText): boolean => readAt !== null;
    return {
      new: count(isNew, false),
      old: count(isRead, false),
      newUrgent: count(isNew, true),
      oldUrgent: count(isRead, true),
    };
  }

  scheduled(): number {
    return this.#texts.filter(({ deliverAt }) => deliverAt !== null).length;
  }

  bytes(): number {
    return sum(this.#texts);
  }

  #remove(text: ModelText, now: number): void {
    this.#texts = this.#texts.filter((each) => each !== text);
    this.#gone.set(text.key, now + this.#limits.resendWindow);
  }
}

function sum(texts: readonly ModelText[]): number {
  return texts.reduce((total, { bytes }) => total + bytes, 0);
}

/** Counted as new: due, and not read. */
function isNew({ readAt, deliverAt }: ModelText): boolean {
  return readAt === null && deliverAt === null;
}

function isFree({ lease }: ModelText, now: number): boolean {
  return lease === null || lease.until <= now;
}

function isOld({ expiresAt }: ModelText, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}
