import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { DrachtioRequest } from './drachtio.ts';
import type { Caller } from './caller.ts';
import { SipRefusal } from './refusal.ts';

const OWN_MESSAGE = 'X-Text-Mailbox-Delivery';

/** Marks every MESSAGE of ours. */
export const OWN_MESSAGE_HEADER: Readonly<Record<string, string>> = { [OWN_MESSAGE]: 'yes' };

/**
 * A MESSAGE that hands over a text comes back when the proxy's failure route finds the owner offline again. Depositing it
 * would wrap text into text without end; 480 tells the sender, us, that she is not there.
 * @throws SipRefusal 480
 */
export function refuseOwnMessage(
  request: DrachtioRequest,
  caller: Caller,
  messageAccount: AddressOfRecord,
): void {
  if (request.has(OWN_MESSAGE) || caller.addressOfRecord?.equals(messageAccount) === true) {
    throw new SipRefusal(480, 'Temporarily Unavailable');
  }
}
