import type { EventPackage } from './event-package.ts';
import { MessageSummaryPackage } from './message-summary-package.ts';

/** What packages may need to know of the site. */
export interface PackageSettings {
  /** Message-Account named to a phone for whose mailbox nothing was published yet; none unless given. */
  readonly messageAccount?: string;
}

/** Every event package that is served: one more is a file of its own and a line here. */
export function eventPackages(settings: PackageSettings): readonly EventPackage[] {
  return [new MessageSummaryPackage(settings.messageAccount ?? null)];
}

/** Packages by the event type they serve. */
export function packagesByName(packages: readonly EventPackage[]): ReadonlyMap<string, EventPackage> {
  return new Map(packages.map((each) => [each.name, each]));
}
