import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { EventPackage } from './event-package.ts';
import { resourceOf } from './event-package.ts';
import type { KeptPublication, PresenceStore } from './ports.ts';

/** All that was kept for one presentity in one package. */
export interface KeptState {
  readonly presentity: AddressOfRecord;
  readonly eventPackage: EventPackage;
  /** The one whose body came last stands last. */
  readonly publications: readonly KeptPublication[];
}

/** Reads at most `limit` publications. One of a package that is not served any more is left out. */
export async function readKeptStates(
  store: PresenceStore,
  packages: ReadonlyMap<string, EventPackage>,
  limit: number,
): Promise<readonly KeptState[]> {
  const states = new Map<string, KeptState & { readonly publications: KeptPublication[] }>();
  for await (const page of store.publications(limit)) {
    for (const publication of page) {
      const { presentity, event } = publication;
      const eventPackage = packages.get(event);
      if (eventPackage === undefined) continue;
      const key = resourceOf(presentity, eventPackage);
      const state = states.get(key);
      if (state === undefined) states.set(key, { presentity, eventPackage, publications: [publication] });
      else state.publications.push(publication);
    }
  }
  for (const { publications } of states.values()) publications.sort((a, b) => a.order - b.order);
  return [...states.values()];
}
