import { createHash } from 'node:crypto';
import { STORE_LIMITS } from './limits.ts';

/*
 * The registrations of one address that last, each by the name it was told under, so that a phone that refreshes its own is
 * not taken for one that is new because another phone was heard of in between. In their column: MARK:END, by spaces, with the end
 * in milliseconds to the base of 36.
 */

interface KnownPhone {
  readonly mark: string;
  /** Until when it is registered, epoch ms. */
  readonly until: number;
}

/** What is known after something was told. */
export interface KnownPhones {
  /** As it stands in the column; '' for none. */
  readonly phones: string;
  /** When the last of them ends, epoch ms; 0 for none. */
  readonly until: number;
  /** Whether the one that was named was known before. */
  readonly wasKnown: boolean;
}

/** The registration of this name lasts until then. Where there is no room, those that end first are left out. */
export function withPhone(phones: string, name: string, until: number, now: number): KnownPhones {
  const mark = markOf(name);
  const before = read(phones, now);
  const others = before.filter((phone) => phone.mark !== mark).sort((a, b) => b.until - a.until);
  const after = [{ mark, until }, ...others.slice(0, STORE_LIMITS.knownPhones - 1)];
  return known(after, others.length < before.length);
}

/** That one is over. */
export function withoutPhone(phones: string, name: string, now: number): KnownPhones {
  const before = read(phones, now);
  const after = before.filter(({ mark }) => mark !== markOf(name));
  return known(after, after.length < before.length);
}

function known(phones: readonly KnownPhone[], wasKnown: boolean): KnownPhones {
  return {
    phones: phones.map(({ mark, until }) => `${mark}:${until.toString(36)}`).join(' '),
    until: Math.max(0, ...phones.map(({ until }) => until)),
    wasKnown,
  };
}

function read(phones: string, now: number): KnownPhone[] {
  return phones
    .split(' ')
    .map((entry) => {
      const [mark = '', end = ''] = entry.split(':');
      return { mark, until: Number.parseInt(end, 36) };
    })
    .filter(({ until }) => until > now);
}

function markOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}
