import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Notification } from '../presence/ports.ts';
import type { DrachtioRequest, DrachtioRequestOptions } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import { headerSafe, parseNameAddress, splitHeaderList } from './name-address.ts';
import { SipRefusal } from './refusal.ts';
import { tagOf } from './tag.ts';

/*
 * What we must know of a subscriber's dialog to go on with it in another process, where no SIP server knows it
 * (RFC 3261 §12.1.1). Our CSeq is not among it: see {@link nextSequence}.
 */
const schema = z.object({
  callId: z.string(),
  /** From of our NOTIFYs: To of the SUBSCRIBE, with our tag. */
  local: z.string(),
  /** To of our NOTIFYs: From of the SUBSCRIBE, with the subscriber's tag. */
  remote: z.string(),
  /** URI of the subscriber's Contact. */
  target: z.string(),
  /** Route values of our NOTIFYs, in order: Record-Route of the SUBSCRIBE. */
  routes: z.array(z.string()),
  /** CSeq number of the subscriber's last SUBSCRIBE. */
  sequence: z.number(),
});

export type DialogRecord = Readonly<z.infer<typeof schema>>;

/**
 * The dialog that a 2xx to this SUBSCRIBE begins.
 * @param localTag the tag we give it
 * @throws SipRefusal 400, 513
 */
export function recordOf(request: DrachtioRequest, localTag: string): DialogRecord {
  const to = headerSafe(request.get('To') ?? '', SIP_LIMITS.dialogRecord);
  const record: DialogRecord = {
    callId: headerSafe(request.get('Call-ID') ?? '', SIP_LIMITS.dialogRecord),
    local: `${to.includes('<') ? to : `<${to}>`};tag=${localTag}`,
    remote: headerSafe(request.get('From') ?? '', SIP_LIMITS.dialogRecord),
    target: targetOf(request),
    routes: splitHeaderList(headerSafe(request.get('Record-Route') ?? '', SIP_LIMITS.dialogRecord)),
    sequence: sequenceOf(request),
  };
  return bounded(record);
}

/**
 * The dialog after a SUBSCRIBE in it, which may move the subscriber's Contact; its route stays what it was (RFC 3261 §12.2).
 * @throws SipRefusal 500 when an older request comes late (§12.2.2), 400, 513
 */
export function refreshed(record: DialogRecord, request: DrachtioRequest): DialogRecord {
  const sequence = sequenceOf(request);
  // One with the same number is what was kept before the answer could leave, sent again.
  if (sequence < record.sequence) throw new SipRefusal(500, 'CSeq out of order');
  const target = request.has('Contact') ? targetOf(request) : record.target;
  return bounded({ ...record, target, sequence });
}

/** The id of a dialog in any process of ours: Call-ID and both tags in few characters. */
export function dialogIdOf(callId: string, localTag: string, remoteTag: string): string {
  return createHash('sha256').update(`${callId}\n${localTag}\n${remoteTag}`).digest('base64url');
}

/** The id of the dialog of a record. */
export function recordedId({ callId, local, remote }: DialogRecord): string {
  return dialogIdOf(callId, tagOf(local), tagOf(remote));
}

/** The id of the dialog that a request of the subscriber says it is in. */
export function requestedId(request: DrachtioRequest): string {
  return dialogIdOf(request.get('Call-ID') ?? '', tagOf(request.get('To')), tagOf(request.get('From')));
}

/** How it is kept. */
export function formatRecord(record: DialogRecord): string {
  return JSON.stringify(record);
}

/** What {@link formatRecord} wrote; undefined for anything else. */
export function readRecord(text: string): DialogRecord | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** What CSeq numbers count from in a restored dialog, epoch ms, and in which steps, ms: below 2**31 (§8.1.1.5) until 2042. */
const SEQUENCE = { epoch: Date.UTC(2025, 0, 1), step: 250 };

/**
 * CSeq number of the next NOTIFY: it grows (RFC 3261 §12.2.1.1), over restarts too, and need not be kept for that. The process
 * that was given the dialog counted from 1; a restored one takes the clock, which changes, at most one a second, never outrun.
 */
export function nextSequence(last: number, now: number): number {
  return Math.max(last + 1, Math.floor((now - SEQUENCE.epoch) / SEQUENCE.step));
}

/** A NOTIFY in the dialog, as a request out of any dialog a SIP server knows. A first proxy is taken for a loose router. */
export function notifyIn(
  record: DialogRecord,
  sequence: number,
  notification: Notification,
): { readonly uri: string; readonly options: DrachtioRequestOptions } {
  const { callId, local, remote, target, routes } = record;
  const proxy = parseNameAddress(routes[0] ?? '')?.uri;
  const { body } = notification;
  return {
    uri: target,
    options: {
      method: 'NOTIFY',
      ...(proxy === undefined ? {} : { proxy }),
      headers: {
        ...(routes.length === 0 ? {} : { Route: routes.join(', ') }),
        From: local,
        To: remote,
        'Call-ID': callId,
        CSeq: `${sequence} NOTIFY`,
        ...notifyHeaders(notification),
      },
      ...(body === undefined ? {} : { body }),
    },
  };
}

/** What every NOTIFY says of itself (RFC 6665 §8.2). */
export function notifyHeaders({
  event,
  subscriptionState,
  contentType,
}: Notification): Record<string, string> {
  return {
    Event: event,
    'Subscription-State': subscriptionState,
    ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
  };
}

function targetOf(request: DrachtioRequest): string {
  const [first = ''] = splitHeaderList(request.get('Contact') ?? '');
  const uri = parseNameAddress(headerSafe(first, SIP_LIMITS.dialogRecord))?.uri;
  // RFC 3261 §8.1.1.8: without a Contact there is nobody to talk to in the dialog.
  if (uri === undefined || !/^sips?:\S/i.test(uri)) throw new SipRefusal(400, 'SUBSCRIBE without Contact');
  return uri;
}

function sequenceOf(request: DrachtioRequest): number {
  return Number(/^\s*(\d{1,10})\s/.exec(request.get('CSeq') ?? '')?.[1] ?? '0');
}

function bounded(record: DialogRecord): DialogRecord {
  if (Buffer.byteLength(formatRecord(record)) <= SIP_LIMITS.dialogRecord) return record;
  throw new SipRefusal(513, 'Message Too Large');
}
