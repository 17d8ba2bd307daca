import { createHash } from 'node:crypto';

/** A request that speaks for somebody else. */
export interface BorrowedName {
  readonly method: 'MESSAGE' | 'INVITE';
  /** URI of whom it is for. */
  readonly to: string;
  /** URI of whom it speaks for. */
  readonly from: string;
  /** The words of a MESSAGE; '' in a call. */
  readonly words: string;
}

/**
 * Requests of ours that are under way in the name of a text's author (PUSH_FROM=author). A proxy that takes our mark off and sends
 * one back, because nobody is there, would else have it kept as a new text, and that brought, without end.
 */
export class BorrowedNames {
  /** How many of each are under way. */
  readonly #underWay = new Map<string, number>();

  /** It leaves; whoever calls what is returned says that it is answered. */
  begin(request: BorrowedName): () => void {
    const key = keyOf(request);
    this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + 1);
    return () => {
      const left = (this.#underWay.get(key) ?? 0) - 1;
      if (left > 0) this.#underWay.set(key, left);
      else this.#underWay.delete(key);
    };
  }

  /** Whether one just like this is under way. */
  has(request: BorrowedName): boolean {
    return this.#underWay.size > 0 && this.#underWay.has(keyOf(request));
  }
}

function keyOf({ method, to, from, words }: BorrowedName): string {
  return createHash('sha256').update([method, to, from, words.trim()].join('\n')).digest('hex');
}
