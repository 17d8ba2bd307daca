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

/** Reads at most `limit` publications. One of a package that is not served any more, or not readable, is left out. */
export async function readKeptStates(
  store: PresenceStore,
  packages: ReadonlyMap<string, EventPackage>,
  limit: number,
): Promise<readonly KeptState[]> {
  const states = new Map<string, KeptState & { readonly publications: KeptPublication[] }>();
  for await (const publication of store.publications(limit)) {
    const eventPackage = packages.get(publication.event);
    if (eventPackage?.validate(publication.body) !== true) continue;
    const { presentity } = publication;
    const key = resourceOf(presentity, eventPackage);
    const state = states.get(key);
    if (state === undefined) states.set(key, { presentity, eventPackage, publications: [publication] });
    else state.publications.push(publication);
  }
  for (const { publications } of states.values()) publications.sort((a, b) => a.order - b.order);
  return [...states.values()];
}
