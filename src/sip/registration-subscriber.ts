import type { AddressOfRecord } from '../core/address-of-record.ts';
import { parseContentType } from '../im/content-type.ts';
import type { RegInfo } from '../im/reg-info.ts';
import { MalformedRegInfo, REG_INFO_TYPE, parseRegInfo } from '../im/reg-info.ts';
import type { DrachtioRequest } from './drachtio.ts';
import type { EventSubscriberOptions } from './event-subscriber.ts';
import { EventSubscriber } from './event-subscriber.ts';
import { SipRefusal } from './refusal.ts';

export interface SipRegistrationSubscriberOptions extends EventSubscriberOptions {
  /** Who watches: the server must let it see registrations, as it lets application servers (3GPP TS 24.229 §5.7.1.1). */
  readonly watcher: AddressOfRecord;
}

/** Subscribes to the registration event package `reg` (RFC 3680). */
export class SipRegistrationSubscriber extends EventSubscriber<RegInfo> {
  constructor({ watcher, ...options }: SipRegistrationSubscriberOptions) {
    super(options, {
      event: 'reg',
      accept: REG_INFO_TYPE,
      from: () => watcher.toString(),
      read: regInfoIn,
    });
  }
}

/** @throws SipRefusal 400, 415 */
function regInfoIn(request: DrachtioRequest): RegInfo | null {
  const { body } = request;
  if (body === undefined || body.trim() === '') return null;
  const type = request.get('Content-Type');
  if (type !== undefined && parseContentType(type)?.mime !== REG_INFO_TYPE) {
    throw new SipRefusal(415, 'Unsupported Media Type', { Accept: REG_INFO_TYPE });
  }
  try {
    return parseRegInfo(Buffer.from(body, 'utf8'));
  } catch (cause) {
    if (!(cause instanceof MalformedRegInfo)) throw cause;
    throw new SipRefusal(400, 'Not registration information', {}, { cause });
  }
}
