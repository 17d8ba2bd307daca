import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { PreferenceStore, Preferences } from './desk/ports.ts';
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
    return this.#profile(await this.#options.store.preferences(owner), wanted);
  }

  /** Of an owner who chose nothing, or whose choice cannot be looked up now. */
  usual(wanted: readonly string[] = []): OwnerProfile {
    return this.#profile({ language: null, timeZone: null, greeting: null }, wanted);
  }

  #profile(chosen: Preferences, wanted: readonly string[]): OwnerProfile {
    const { timeZone, autoReply } = this.#options;
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

/** What is said to an owner who is here. A database that is down does not silence us: she hears the operator's language then. */
export async function phrasesFor(
  profiles: OwnerProfiles,
  { owner, languages }: { readonly owner: AddressOfRecord; readonly languages: readonly string[] },
): Promise<Phrases> {
  const profile = await profiles.of(owner, languages).catch(() => profiles.usual(languages));
  return profile.phrases;
}
