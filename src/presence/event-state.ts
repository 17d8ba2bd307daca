import type { Timer } from '../core/clock.ts';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import { refusal } from './answers.ts';
import type { EventPackage } from './event-package.ts';
import type { PresenceLimits } from './limits.ts';
import type { Answer, KeptPublication } from './ports.ts';

/** One publication, from its first PUBLISH until it is removed or lapses. */
export interface Publication extends KeptPublication {
  readonly lapse: Timer;
}

/** What is published for one presentity in one package. */
export interface EventState {
  readonly key: string;
  readonly presentity: AddressOfRecord;
  readonly eventPackage: EventPackage;
  /** By entity tag; the one whose body came last stands last. */
  publications: ReadonlyMap<string, Publication>;
  /** What the publications say together; undefined where nobody asked since it was restored. */
  body: string | undefined;
}

/** A PUBLISH that passed every check. */
export interface Accepted {
  readonly state: EventState;
  /** The publication it replaces; undefined for an initial one. */
  readonly previous: Publication | undefined;
  /** Seconds. */
  readonly expires: number;
  readonly body: string;
  /** False for a refresh: the state stays what it was. */
  readonly newBody: boolean;
}

/** RFC 3903 §6, step 5: the answer to a body that cannot be taken; undefined to one that can. */
export function refuseBody(
  body: string,
  contentType: string | undefined,
  eventPackage: EventPackage,
  limits: PresenceLimits,
): Answer | undefined {
  // RFC 3261 §7.4.1: type and subtype in any case, parameters aside.
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!eventPackage.contentTypes.includes(type)) {
    return refusal(415, 'Unsupported Media Type', { Accept: eventPackage.contentTypes.join(', ') });
  }
  if (Buffer.byteLength(body) > limits.bodyBytes) return refusal(413, 'Body Too Large');
  return eventPackage.validate(body) ? undefined : refusal(400, 'Malformed Event State');
}
