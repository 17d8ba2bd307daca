import { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { parseContentType } from '../im/content-type.ts';
import { MESSAGE_SUMMARY_TYPE, MalformedMessageSummary } from '../im/message-summary.ts';
import { StoreUnavailable } from '../mailbox/ports.ts';
import type { Incoming, Route } from './agent.ts';
import type { DrachtioRequest } from './drachtio.ts';
import { parseNameAddress } from './name-address.ts';
import { SipRefusal, unavailable } from './refusal.ts';
import { tagOf } from './tag.ts';
import type { TrustedProxies } from './trust.ts';

/** Where what voicemails say goes. */
export interface VoicemailSink {
  /**
   * Keeps it; resolves after the commit. `until`: how long it stands, epoch ms.
   * @throws MalformedMessageSummary, StoreUnavailable
   */
  report(source: 'notify', user: AddressOfRecord, body: string, until: number): Promise<void>;
}

export interface VoicemailNotifyRouteOptions {
  readonly sink: VoicemailSink;
  readonly domains: ReadonlySet<string>;
  /** The voicemail itself and the proxies before it. */
  readonly senders: Pick<TrustedProxies, 'trusts'>;
  /** How long a word nobody asked for stands, seconds. */
  readonly keepSeconds: number;
  /** Takes the NOTIFYs of subscriptions of ours. */
  readonly subscriber?: { take(incoming: Pick<Incoming, 'request' | 'response'>): boolean };
  readonly clock: Clock;
}

const EVENT = 'message-summary';

/**
 * Takes NOTIFYs: those of our subscriptions, and those that voicemails send of their own accord, outside of any dialog. RFC
 * 6665 knows no such NOTIFY, yet Asterisk, FreeSWITCH and Cisco send them.
 */
export function voicemailNotifyRoute(options: VoicemailNotifyRouteOptions): Route {
  const { sink, senders, subscriber, clock, keepSeconds } = options;
  return async (incoming) => {
    if (subscriber?.take(incoming) === true) return;
    const { request, response } = incoming;
    // RFC 6665 §4.1.3: of a subscription that we have given up, or never had.
    if (tagOf(request.get('To')) !== '') throw new SipRefusal(481, 'Subscription Does Not Exist');
    if (!senders.trusts(request.source_address)) throw new SipRefusal(403, 'Not a known voicemail');
    if (eventOf(request) !== EVENT) throw new SipRefusal(489, 'Bad Event', { 'Allow-Events': EVENT });
    const body = readBody(request);
    const user = userOf(request, options.domains);
    try {
      await sink.report('notify', user, body, clock.now() + keepSeconds * 1000);
    } catch (cause) {
      if (cause instanceof StoreUnavailable) throw unavailable(cause);
      if (cause instanceof MalformedMessageSummary) throw badBody(cause);
      throw cause;
    }
    response.send(200, 'OK', {});
  };
}

function eventOf(request: DrachtioRequest): string {
  return (request.get('Event') ?? '').split(';')[0]?.trim() ?? '';
}

/** @throws SipRefusal 400, 415 */
function readBody(request: DrachtioRequest): string {
  const type = request.get('Content-Type');
  if (type !== undefined && parseContentType(type)?.mime !== MESSAGE_SUMMARY_TYPE) {
    throw new SipRefusal(415, 'Unsupported Media Type', { Accept: MESSAGE_SUMMARY_TYPE });
  }
  if (request.body === undefined || request.body.trim() === '') throw badBody();
  return request.body;
}

function badBody(cause?: unknown): SipRefusal {
  return new SipRefusal(400, 'Not a message summary', {}, { cause });
}

/** Whose messages are told of: the Request-URI, or To where a proxy has put an address of a device there. */
function userOf(request: DrachtioRequest, domains: ReadonlySet<string>): AddressOfRecord {
  for (const uri of [request.uri, parseNameAddress(request.get('To') ?? '')?.uri ?? '']) {
    const user = AddressOfRecord.tryParse(uri);
    if (user !== undefined && domains.has(user.host)) return user;
  }
  throw new SipRefusal(404, 'No user of a domain served here');
}
