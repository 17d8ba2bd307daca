import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { EventHeader, EventPackage } from './event-package.ts';
import { resourceOf } from './event-package.ts';
import type { SubscriberDialog } from './ports.ts';
import type { Subscription } from './subscription.ts';

/** A subscription and what it is found by. */
export interface Entry {
  readonly dialog: SubscriberDialog;
  readonly presentity: AddressOfRecord;
  readonly eventPackage: EventPackage;
  readonly event: EventHeader;
  /** A fetch is not. */
  readonly kept: boolean;
  readonly subscription: Subscription;
}

/** Subscriptions that live, found by their dialog and by what they are to. */
export class SubscriptionTable {
  readonly #byDialog = new Map<string, Entry>();
  readonly #byResource = new Map<string, Set<Entry>>();

  get size(): number {
    return this.#byDialog.size;
  }

  find(dialogId: string): Entry | undefined {
    return this.#byDialog.get(dialogId);
  }

  has(entry: Entry): boolean {
    return this.#byDialog.get(entry.dialog.id) === entry;
  }

  all(): readonly Entry[] {
    return [...this.#byDialog.values()];
  }

  /** Those to one presentity in one package. */
  of(presentity: AddressOfRecord, eventPackage: EventPackage): ReadonlySet<Entry> {
    return this.#byResource.get(resourceOf(presentity, eventPackage)) ?? NONE;
  }

  add(entry: Entry): void {
    const resource = resourceOf(entry.presentity, entry.eventPackage);
    this.#byDialog.set(entry.dialog.id, entry);
    const own = this.#byResource.get(resource);
    if (own === undefined) this.#byResource.set(resource, new Set([entry]));
    else own.add(entry);
  }

  delete(entry: Entry): void {
    const resource = resourceOf(entry.presentity, entry.eventPackage);
    if (this.has(entry)) this.#byDialog.delete(entry.dialog.id);
    const own = this.#byResource.get(resource);
    own?.delete(entry);
    if (own?.size === 0) this.#byResource.delete(resource);
  }
}

const NONE: ReadonlySet<Entry> = new Set();
