import { AddressOfRecord } from '../../core/address-of-record.ts';
import type { StoredMessage } from '../ports.ts';
import type { Registration } from './ports.ts';
import type { PushTarget } from './delivery-ports.ts';

/** In whose name texts are brought: PUSH_FROM. */
export type PushFrom = 'account' | 'author';

/** Whom a request with this text comes from and goes to. Where its author cannot be named in SIP, it is the account. */
export function targetOf(
  message: StoredMessage,
  { user, hop }: Pick<Registration, 'user' | 'hop'>,
  { pushFrom, account }: { readonly pushFrom: PushFrom; readonly account: AddressOfRecord },
): PushTarget {
  const author = pushFrom === 'author' ? nameable(message.author) : undefined;
  if (author === undefined) return { to: user, from: account.toString(), fromName: '', hop };
  return { to: user, from: author.toString(), fromName: message.authorName, hop };
}

/** RFC 3323 §4.1.1.3: nobody is reached at `anonymous.invalid`, and no name ends like that (RFC 6761 §6.4). */
function nameable(author: string): AddressOfRecord | undefined {
  const address = AddressOfRecord.tryParse(author);
  const isAnonymous = address?.host === 'invalid' || address?.host.endsWith('.invalid') === true;
  return isAnonymous ? undefined : address;
}
