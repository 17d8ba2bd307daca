import { AddressOfRecord } from '../core/address-of-record.ts';
import { withDeadline } from '../core/deadline.ts';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Answer, SubscribeCommand, SubscriberDialog } from '../presence/ports.ts';
import type { AdmissionPolicy } from './admission.ts';
import type { Route } from './agent.ts';
import { callerOf } from './caller.ts';
import { deltaSeconds } from './delta-seconds.ts';
import type { DrachtioDialog, DrachtioRequest } from './drachtio.ts';
import { allowInDialog } from './in-dialog.ts';
import { SIP_LIMITS } from './limits.ts';
import { SipRefusal } from './refusal.ts';
import { tagOf } from './tag.ts';

/** Where subscriptions go. */
export interface Subscriptions {
  /** The answer to an initial SUBSCRIBE; 2xx carries the granted Expires. */
  judgeSubscribe(command: SubscribeCommand): Answer;
  /** The dialog stands: the first NOTIFY is due. */
  addSubscription(command: SubscribeCommand, dialog: SubscriberDialog, expires: number): void;
  refreshSubscription(dialogId: string, command: SubscribeCommand): Answer;
  removeSubscription(dialogId: string): void;
}

export interface SubscribeRouteOptions {
  readonly presence: Subscriptions;
  readonly policy: AdmissionPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes a SUBSCRIBE to the lamp (RFC 6665 §4.2.1) for the built-in presence server. */
export function subscribeRoute(options: SubscribeRouteOptions): Route {
  const { presence, policy } = options;
  return async (incoming) => {
    const { request } = incoming;
    // RFC 6665 §4.2.1.4: a refresh of a subscription that ended. The SIP server may yet know its dialog.
    if (tagOf(request.get('To')) !== '') throw new SipRefusal(481, 'Subscription Does Not Exist');
    const command = readSubscribe(request, policy);
    const judged = presence.judgeSubscribe(command);
    if (judged.status >= 300) throw new SipRefusal(judged.status, judged.reason, { ...judged.headers });
    if (!request.has('Contact')) throw new SipRefusal(400, 'SUBSCRIBE without Contact');
    const dialog = await incoming.openDialog({ headers: { ...judged.headers } });
    allowInDialog(dialog, ['SUBSCRIBE'], options.logger);
    const subscriber = subscriberDialog(dialog, options);
    dialog.on('subscribe', (refresh, response) => {
      const answer = presence.refreshSubscription(dialog.id, refreshOf(refresh, command));
      response.send(answer.status, answer.reason, { headers: { ...answer.headers } });
    });
    // drachtio-srf has answered a SUBSCRIBE with Expires: 0 by itself.
    dialog.on('unsubscribe', (refresh) => {
      presence.refreshSubscription(dialog.id, { ...refreshOf(refresh, command), expires: 0 });
    });
    dialog.on('destroy', () => presence.removeSubscription(dialog.id));
    presence.addSubscription(command, subscriber, deltaSeconds(judged.headers['Expires']) ?? 0);
  };
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

function refreshOf(request: DrachtioRequest, initial: SubscribeCommand): SubscribeCommand {
  const { expires: asked, ...rest } = initial;
  const expires = deltaSeconds(request.get('Expires'));
  return {
    ...rest,
    event: request.get('Event') ?? initial.event,
    ...(expires === undefined ? {} : { expires }),
  };
}

function subscriberDialog(
  dialog: DrachtioDialog,
  { clock, logger }: SubscribeRouteOptions,
): SubscriberDialog {
  return {
    id: dialog.id,
    notify: async ({ subscriptionState, event, contentType, body }) => {
      try {
        const sent = dialog.request({
          method: 'NOTIFY',
          headers: {
            Event: event,
            'Subscription-State': subscriptionState,
            ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
          },
          ...(body === undefined ? {} : { body }),
        });
        return (await withDeadline(clock, SIP_LIMITS.requestDeadline, 'NOTIFY', sent)).status;
      } catch (error) {
        logger.info({ dialog: dialog.id, error: describeError(error) }, 'NOTIFY not answered');
        return 0;
      }
    },
    // After a refusal drachtio-srf would keep the dialog for good; its own way to end one sends another NOTIFY.
    drop: () => {
      dialog.srf.removeDialog(dialog);
      dialog.removeAllListeners();
    },
  };
}
