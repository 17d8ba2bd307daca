import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { PreferenceStore } from './desk-ports.ts';
import { languageOf, phrasesIn } from './phrases/languages.ts';
import type { Language, Phrases } from './phrases/phrases.ts';

/** How the mailbox speaks to one owner, and for her. */
export interface OwnerProfile {
  readonly phrases: Phrases;
  /** A name of the IANA time zone database. */
  readonly timeZone: string;
  /** What callers read. */
  readonly greeting: string;
  /** What callers would read if she had set nothing. */
  readonly usualGreeting: string;
}

export interface OwnerProfilesOptions {
  readonly store: Pick<PreferenceStore, 'preferences'>;
  /** The operator's choices, for owners who made none. */
  readonly language: Language;
  readonly timeZone: string;
  /** AUTO_REPLY; '' is the greeting in the owner's language. */
  readonly autoReply: string;
}

/** What owners chose, and what the operator chose for the others. */
export class OwnerProfiles {
  readonly #options: OwnerProfilesOptions;

  constructor(options: OwnerProfilesOptions) {
    this.#options = options;
  }

  /**
   * @param wanted languages her client asks for, most wanted first (Accept-Language): they count when she chose none herself
   * @throws StoreUnavailable
   */
  async of(owner: AddressOfRecord, wanted: readonly string[] = []): Promise<OwnerProfile> {
    const { store, timeZone, autoReply } = this.#options;
    const chosen = await store.preferences(owner);
    const tags = [...(chosen.language === null ? [] : [chosen.language]), ...wanted];
    const phrases = phrasesIn(
      tags.map(languageOf).find((language) => language !== undefined) ?? this.#options.language,
    );
    const usualGreeting = autoReply === '' ? phrases.greeting : autoReply;
    return {
      phrases,
      timeZone: chosen.timeZone ?? timeZone,
      greeting: chosen.greeting ?? usualGreeting,
      usualGreeting,
    };
  }
}
