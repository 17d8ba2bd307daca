import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { DrachtioRequest } from './drachtio.ts';
import type { Caller } from './caller.ts';
import { SipRefusal } from './refusal.ts';

const OWN_MESSAGE = 'X-Text-Mailbox-Delivery';

/** Marks every MESSAGE and every call of ours. */
export const OWN_MESSAGE_HEADER: Readonly<Record<string, string>> = { [OWN_MESSAGE]: 'yes' };

/** True for a MESSAGE of ours, or of another mailbox like this one. */
export function hasOwnMark(request: DrachtioRequest): boolean {
  return request.has(OWN_MESSAGE);
}

/** True for a MESSAGE or a call of ours that came back: the proxy's failure route found the one it is for offline. */
export function isOwnMessage(
  request: DrachtioRequest,
  caller: Caller,
  messageAccount: AddressOfRecord,
): boolean {
  return hasOwnMark(request) || caller.addressOfRecord?.equals(messageAccount) === true;
}

/**
 * The answer to a MESSAGE or a call of ours that came back. Taking it would wrap text into text, and receipt into receipt,
 * without end; 480 tells the sender, us, that whoever it is for is not there now.
 */
export function ownMessageRefusal(): SipRefusal {
  return new SipRefusal(480, 'Temporarily Unavailable');
}
