import { MWI_LIMITS } from './limits.ts';

/**
 * What a node keeps in mind of one publication beside its row. All of it may be forgotten, as at a restart: that costs a few
 * PUBLISHes, never a wrong lamp.
 */
export interface PublicationMemory {
  /** 412s since a conditional PUBLISH was last accepted. */
  readonly staleTags: number;
  /** 500s in a row to conditional PUBLISHes with the tag we have. */
  readonly tagErrors: number;
}

/** A lamp seen for the first time, or one that gives no trouble. */
export const NOTHING_REMEMBERED: PublicationMemory = { staleTags: 0, tagErrors: 0 };

/** The memories of a node by lamp, bounded: the one longest out of sight goes. */
export class PublicationMemories {
  readonly #byLamp = new Map<string, PublicationMemory>();
  readonly #limit: number;

  constructor(limit: number = MWI_LIMITS.rememberedLamps) {
    this.#limit = limit;
  }

  get(lamp: string): PublicationMemory {
    return this.#byLamp.get(lamp) ?? NOTHING_REMEMBERED;
  }

  set(lamp: string, memory: PublicationMemory): void {
    this.#byLamp.delete(lamp);
    if (memory.staleTags === 0 && memory.tagErrors === 0) return;
    this.#byLamp.set(lamp, memory);
    if (this.#byLamp.size <= this.#limit) return;
    const [oldest] = this.#byLamp.keys();
    if (oldest !== undefined) this.#byLamp.delete(oldest);
  }

  get size(): number {
    return this.#byLamp.size;
  }
}
