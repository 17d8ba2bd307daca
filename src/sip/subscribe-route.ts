import { AddressOfRecord } from '../core/address-of-record.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import type { Answer, PresenceServer, RefreshCommand, SubscribeCommand } from '../presence/ports.ts';
import type { AdmissionPolicy } from './admission.ts';
import type { Incoming, Route } from './agent.ts';
import { callerOf } from './caller.ts';
import { deltaSeconds } from './delta-seconds.ts';
import type { DrachtioRequest, DrachtioResponse } from './drachtio.ts';
import { allowInDialog } from './in-dialog.ts';
import { SipRefusal, sendRefusal } from './refusal.ts';
import type { DialogRecord } from './restored-dialog.ts';
import { formatRecord, recordOf, recordedId, refreshed, requestedId } from './restored-dialog.ts';
import type { SubscriberDialogs } from './subscriber-dialogs.ts';
import { tagOf } from './tag.ts';

/** Where subscriptions go. */
export type Subscriptions = Pick<
  PresenceServer,
  'openSubscription' | 'addSubscription' | 'refreshSubscription' | 'removeSubscription'
>;

export interface SubscribeRouteOptions {
  readonly presence: Subscriptions;
  readonly dialogs: SubscriberDialogs;
  readonly policy: AdmissionPolicy;
  readonly random: Random;
  readonly logger: Logger;
}

/** Takes a SUBSCRIBE (RFC 6665 §4.2.1) for the built-in presence server. */
export function subscribeRoute(options: SubscribeRouteOptions): Route {
  return async (incoming) => {
    const { request, response } = incoming;
    // A dialog the SIP server does not know may be one of before a restart; else the subscription ended (§4.2.1.4).
    if (tagOf(request.get('To')) !== '') await answerRefresh(request, response, options);
    else await openSubscription(incoming, options);
  };
}

async function openSubscription(incoming: Incoming, options: SubscribeRouteOptions): Promise<void> {
  const { presence, dialogs, policy, random, logger } = options;
  const { request } = incoming;
  const command = readSubscribe(request, policy);
  // Our tag is drawn here: what it takes to go on with the dialog is kept before the 2xx leaves.
  const record = recordOf(request, hexToken(random, 64));
  const id = recordedId(record);
  const judged = await presence.openSubscription(command, { id, dialog: formatRecord(record) });
  if (judged.status >= 300) throw refusalOf(judged);
  const dialog = await openDialog(incoming, judged, record).catch((error: unknown) => {
    presence.removeSubscription(id);
    throw error;
  });
  allowInDialog(dialog, ['SUBSCRIBE'], logger, (refresh, response) => {
    answerRefresh(refresh, response, options).catch((error: unknown) => refuse(response, error, logger));
  });
  dialog.on('destroy', () => {
    dialogs.forget(id);
    presence.removeSubscription(id);
  });
  const expires = deltaSeconds(judged.headers['Expires']) ?? 0;
  presence.addSubscription(command, dialogs.add(dialog, record), expires);
}

async function openDialog(
  incoming: Incoming,
  { headers }: Answer,
  { local }: DialogRecord,
): ReturnType<Incoming['openDialog']> {
  return await incoming.openDialog({ headers: { ...headers, To: local } });
}

/** @throws SipRefusal 481 and others */
async function answerRefresh(
  request: DrachtioRequest,
  response: DrachtioResponse,
  { presence, dialogs }: SubscribeRouteOptions,
): Promise<void> {
  const dialog = dialogs.find(requestedId(request));
  if (dialog?.record === undefined) throw new SipRefusal(481, 'Subscription Does Not Exist');
  if (dialog.unreached) {
    // A new subscription will be told; this one would live on in silence.
    dialogs.forget(dialog.id);
    presence.removeSubscription(dialog.id);
    throw new SipRefusal(481, 'Subscription Does Not Exist');
  }
  const record = refreshed(dialog.record, request);
  const answer = await presence.refreshSubscription(dialog.id, readRefresh(request, record));
  if (answer.status >= 300) throw refusalOf(answer);
  dialog.follow(record);
  response.send(answer.status, answer.reason, { headers: { ...answer.headers } });
}

function refusalOf({ status, reason, headers }: Answer): SipRefusal {
  return new SipRefusal(status, reason, { ...headers });
}

function refuse(response: DrachtioResponse, error: unknown, logger: Logger): void {
  if (!(error instanceof SipRefusal)) {
    logger.error({ error: describeError(error) }, 'a SUBSCRIBE in its dialog failed');
  }
  try {
    sendRefusal(response, error instanceof SipRefusal ? error : new SipRefusal(500, 'Internal Error'));
  } catch (cause) {
    logger.warn({ error: describeError(cause) }, 'answer could not be sent');
  }
}

/**
 * A phone that subscribes to the Message-Account itself, as to a voicemail, means its own lamp.
 * @throws SipRefusal 404
 */
function readSubscribe(request: DrachtioRequest, policy: AdmissionPolicy): SubscribeCommand {
  const trusted = policy.trustedProxies.trusts(request.source_address);
  const watcher = trusted ? callerOf(request, trusted).addressOfRecord : undefined;
  const target = AddressOfRecord.tryParse(request.uri);
  const presentity = target?.equals(policy.messageAccount) === true ? watcher : target;
  if (presentity === undefined || !policy.domains.has(presentity.host)) {
    throw new SipRefusal(404, 'No user of a domain served here');
  }
  const expires = deltaSeconds(request.get('Expires'));
  return {
    presentity,
    event: request.get('Event') ?? '',
    watcher: watcher ?? null,
    accept: (request.get('Accept') ?? '').split(',').flatMap((type) => type.trim() || []),
    ...(expires === undefined ? {} : { expires }),
  };
}

function readRefresh(request: DrachtioRequest, record: DialogRecord): RefreshCommand {
  const event = request.get('Event');
  const expires = deltaSeconds(request.get('Expires'));
  return {
    dialog: formatRecord(record),
    ...(event === undefined ? {} : { event }),
    ...(expires === undefined ? {} : { expires }),
  };
}
