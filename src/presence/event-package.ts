import type { AddressOfRecord } from '../core/address-of-record.ts';

/**
 * What one event package says of itself (RFC 6665 §5.4): the compositor and the notifier know no more of it than this, so a
 * further package is one more implementation.
 */
export interface EventPackage {
  /** The event type, compared byte by byte (RFC 6665 §8.2.1). */
  readonly name: string;
  /** Body types taken in a PUBLISH, lower case; the first is the type of every NOTIFY. */
  readonly contentTypes: readonly [string, ...string[]];
  /** Lifetime of a subscription or publication that names none, seconds. */
  readonly defaultExpires: number;
  /** Shortest time between two NOTIFYs of changes in one subscription, ms. */
  readonly notifyInterval: number;
  /** Whether `watcher` may see the state of `presentity`; null is somebody whose identity is unknown. */
  mayWatch(watcher: AddressOfRecord | null, presentity: AddressOfRecord): boolean;
  /** Whether `body` is well formed. */
  validate(body: string): boolean;
  /**
   * One body that says what all publications say together, the one published longest ago first; null when there are none.
   * Every body given has passed {@link validate}.
   */
  compose(publications: readonly string[]): string | null;
  /** The full body for a presentity nobody publishes for. `last` is the last composed one, null when there never was one. */
  neutralBody(last: string | null): string;
}

/** The Event header of RFC 6665 §8.2.1: event type and the subscriber's own `id`. */
export interface EventHeader {
  readonly name: string;
  readonly id?: string;
}

/** Event = event-type *( SEMI event-param ); only `id` means something to us. Undefined when the value is none. */
export function readEventHeader(value: string): EventHeader | undefined {
  const [name = '', ...parameters] = value.split(';').map((part) => part.trim());
  if (!TOKEN.test(name)) return undefined;
  const id = parameters.map((parameter) => ID.exec(parameter)?.[1]).find((found) => found !== undefined);
  return id === undefined ? { name } : { name, id };
}

/** The Event header as it goes into a NOTIFY: with the `id` of its SUBSCRIBE. */
export function formatEventHeader({ name, id }: EventHeader): string {
  return id === undefined ? name : `${name};id=${id}`;
}

/** What a presentity's state in one package is found by. */
export function resourceOf(presentity: AddressOfRecord, eventPackage: EventPackage): string {
  return `${eventPackage.name} ${presentity.toString()}`;
}

const TOKEN = /^[A-Za-z0-9\-.!%*_+`'~]+$/;
const ID = /^id\s*=\s*([A-Za-z0-9\-.!%*_+`'~]{1,128})$/i;
