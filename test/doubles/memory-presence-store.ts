import type { KeptPublication, KeptSubscription, PresenceStore } from '../../src/presence/ports.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';

/** Keeps publications and subscriptions in memory, as slowly and as badly as a test wants. */
export class MemoryPresenceStore implements PresenceStore {
  readonly keptPublications = new Map<string, KeptPublication>();
  readonly keptSubscriptions = new Map<string, KeptSubscription>();
  /** 'down': every write is rejected and changes nothing; 'lost': it is rejected and done all the same. */
  state: 'up' | 'down' | 'lost' = 'up';
  /** How many writes were asked for. */
  writes = 0;
  #held: (() => void)[] | undefined;
  #last: Promise<void> = Promise.resolve();

  /** No write is done before {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) go();
  }

  savePublication(publication: KeptPublication): Promise<void> {
    return this.#write(() => this.keptPublications.set(publication.id, publication));
  }

  removePublication(id: string): Promise<void> {
    return this.#write(() => this.keptPublications.delete(id));
  }

  saveSubscription(subscription: KeptSubscription): Promise<void> {
    return this.#write(() => this.keptSubscriptions.set(subscription.id, subscription));
  }

  removeSubscription(id: string): Promise<void> {
    return this.#write(() => this.keptSubscriptions.delete(id));
  }

  publications(limit: number): AsyncGenerator<readonly KeptPublication[]> {
    return pages([...this.keptPublications.values()].slice(0, limit));
  }

  subscriptions(limit: number): AsyncGenerator<readonly KeptSubscription[]> {
    return pages([...this.keptSubscriptions.values()].slice(0, limit));
  }

  removeExpired(now: number): Promise<void> {
    return this.#write(() => {
      for (const kept of [this.keptPublications, this.keptSubscriptions]) {
        for (const { id, expiresAt } of [...kept.values()]) if (expiresAt <= now) kept.delete(id);
      }
    });
  }

  #write(work: () => void): Promise<void> {
    this.writes += 1;
    const turn = this.#last.then(async () => {
      if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held?.push(resolve));
      if (this.state !== 'down') work();
      if (this.state !== 'up') throw new StoreUnavailable('keep it');
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/** Two at a time. */
async function* pages<T>(items: readonly T[]): AsyncGenerator<readonly T[]> {
  for (let from = 0; from < items.length; from += 2) yield await Promise.resolve(items.slice(from, from + 2));
}
