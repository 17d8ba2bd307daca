import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Gauge, Metrics } from '../core/metrics.ts';
import { accepts } from './accept.ts';
import {
  badEvent,
  grantLifetime,
  intervalTooBrief,
  noSuchSubscription,
  ok,
  refusal,
  unavailable,
} from './answers.ts';
import type { EventHeader, EventPackage } from './event-package.ts';
import { readEventHeader } from './event-package.ts';
import type { PresenceLimits } from './limits.ts';
import type { Answer, SubscribeCommand, SubscriberDialog } from './ports.ts';
import { Subscription } from './subscription.ts';

/** A subscription and what it is found by. */
interface Entry {
  readonly dialog: SubscriberDialog;
  readonly resource: string;
  readonly eventPackage: EventPackage;
  readonly event: EventHeader;
  readonly subscription: Subscription;
}

export interface NotifierOptions {
  readonly packages: ReadonlyMap<string, EventPackage>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: PresenceLimits;
  /** The whole state of a presentity at this moment. */
  readonly bodyOf: (presentity: AddressOfRecord, eventPackage: EventPackage) => string;
}

/** The notifier of RFC 6665: who may subscribe, and who is told what. Each subscription is a {@link Subscription}. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #byDialog = new Map<string, Entry>();
  readonly #byResource = new Map<string, Set<Entry>>();
  #stopped = false;
  #onEmpty: (() => void) | undefined;
  readonly #answers: Counter;
  readonly #notifies: Counter;
  readonly #alive: Gauge;

  constructor(options: NotifierOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#answers = metrics.counter('presence_subscribe_total', 'SUBSCRIBE requests, by answer', ['status']);
    this.#notifies = metrics.counter('presence_notify_total', 'NOTIFY requests, by answer; 0 is none', [
      'status',
    ]);
    this.#alive = metrics.gauge(
      'presence_subscriptions',
      'Subscriptions alive in the built-in presence server',
    );
  }

  /** Checks a SUBSCRIBE before its 2xx: 200 with the Expires granted, or the refusal to send (RFC 6665 §4.2.1.1). */
  judge(command: SubscribeCommand): Answer {
    return this.#counted(command, this.#judge(command));
  }

  /**
   * After the 2xx to an initial SUBSCRIBE that was judged 200: sends the NOTIFY that is due at once, and from then every
   * change for `expires` seconds. 0 fetches the state once.
   */
  add(command: SubscribeCommand, dialog: SubscriberDialog, expires: number): void {
    const event = readEventHeader(command.event);
    const eventPackage = this.#options.packages.get(event?.name ?? '');
    if (event === undefined || eventPackage === undefined || this.#stopped) {
      dialog.drop();
      return;
    }
    this.remove(dialog.id);
    // Between judge and add others may have come in.
    const full = this.#refuseBeyondBounds(command.presentity, eventPackage) !== undefined;
    const entry = this.#enter(command.presentity, eventPackage, event, dialog);
    if (full) entry.subscription.end('giveup');
    else entry.subscription.accept(expires);
  }

  /** A SUBSCRIBE in the dialog: a refresh, or the end with Expires: 0. A NOTIFY follows the answer. */
  refresh(dialogId: string, command: SubscribeCommand): Answer {
    return this.#counted(command, this.#refresh(dialogId, command));
  }

  /** The dialog is gone: nothing is sent in it any more. */
  remove(dialogId: string): void {
    const entry = this.#byDialog.get(dialogId);
    if (entry === undefined) return;
    entry.subscription.close();
    this.#leave(entry);
  }

  /** The state of `presentity` changed. */
  changed(presentity: AddressOfRecord, eventPackage: EventPackage): void {
    for (const { subscription } of this.#byResource.get(resourceOf(presentity, eventPackage)) ?? []) {
      subscription.changed();
    }
  }

  /**
   * Tells every subscriber that the subscription ends and a new one is welcome (`deactivated`, RFC 6665 §4.1.3), waits for
   * their answers as long as the limit allows, and clears every timer.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    const { clock, limits } = this.#options;
    for (const { subscription } of this.#byDialog.values()) subscription.end('deactivated');
    if (this.#byDialog.size > 0) {
      await new Promise<void>((resolve) => {
        const deadline = clock.after(limits.stopDeadline, resolve);
        this.#onEmpty = () => {
          deadline.cancel();
          resolve();
        };
      });
    }
    for (const dialogId of [...this.#byDialog.keys()]) this.remove(dialogId);
  }

  #judge(command: SubscribeCommand): Answer {
    const { packages, limits } = this.#options;
    if (this.#stopped) return unavailable('Presence Server Stops', limits.retryAfter);
    const eventPackage = packages.get(readEventHeader(command.event)?.name ?? '');
    if (eventPackage === undefined) return badEvent(packages);
    if (!eventPackage.mayWatch(command.watcher, command.presentity)) {
      return refusal(403, 'Not Your Mailbox');
    }
    if (!accepts(command.accept, eventPackage.contentTypes[0])) {
      return refusal(406, 'Not Acceptable', { Accept: eventPackage.contentTypes[0] });
    }
    const expires = grantLifetime(command.expires, eventPackage.defaultExpires, limits.subscriptionLifetime);
    if (expires === undefined) return intervalTooBrief(limits.subscriptionLifetime);
    return this.#refuseBeyondBounds(command.presentity, eventPackage) ?? ok({ Expires: String(expires) });
  }

  #refresh(dialogId: string, command: SubscribeCommand): Answer {
    const { packages, limits } = this.#options;
    const entry = this.#byDialog.get(dialogId);
    if (entry === undefined || entry.subscription.ended) return noSuchSubscription();
    const event = readEventHeader(command.event);
    if (event === undefined || !packages.has(event.name)) return badEvent(packages);
    // RFC 6665 §4.5.2: another event or id in the dialog would be another subscription, and there is none.
    if (event.name !== entry.event.name || event.id !== entry.event.id) return noSuchSubscription();
    const { defaultExpires } = entry.eventPackage;
    const expires = grantLifetime(command.expires, defaultExpires, limits.subscriptionLifetime);
    if (expires === undefined) return intervalTooBrief(limits.subscriptionLifetime);
    entry.subscription.accept(expires);
    return ok({ Expires: String(expires) });
  }

  #refuseBeyondBounds(presentity: AddressOfRecord, eventPackage: EventPackage): Answer | undefined {
    const { limits } = this.#options;
    if (this.#byDialog.size >= limits.subscriptions) {
      return unavailable('Too Many Subscriptions', limits.retryAfter);
    }
    const own = this.#byResource.get(resourceOf(presentity, eventPackage))?.size ?? 0;
    return own >= limits.subscriptionsPerPresentity
      ? unavailable('Too Many Subscriptions To This User', limits.retryAfter)
      : undefined;
  }

  #enter(
    presentity: AddressOfRecord,
    eventPackage: EventPackage,
    event: EventHeader,
    dialog: SubscriberDialog,
  ): Entry {
    const { clock, limits, bodyOf } = this.#options;
    const resource = resourceOf(presentity, eventPackage);
    const entry: Entry = {
      dialog,
      resource,
      eventPackage,
      event,
      subscription: new Subscription({
        dialog,
        event,
        contentType: eventPackage.contentTypes[0],
        notifyInterval: eventPackage.notifyInterval,
        currentBody: () => bodyOf(presentity, eventPackage),
        clock,
        limits,
        onNotified: (status) => this.#notified(entry, status),
        onOver: () => {
          this.#leave(entry);
          dialog.drop();
        },
      }),
    };
    this.#byDialog.set(dialog.id, entry);
    const own = this.#byResource.get(resource) ?? new Set();
    this.#byResource.set(resource, own.add(entry));
    this.#alive.set(this.#byDialog.size);
    return entry;
  }

  #leave(entry: Entry): void {
    this.#byDialog.delete(entry.dialog.id);
    const own = this.#byResource.get(entry.resource);
    own?.delete(entry);
    if (own?.size === 0) this.#byResource.delete(entry.resource);
    this.#alive.set(this.#byDialog.size);
    if (this.#byDialog.size === 0) this.#onEmpty?.();
  }

  #notified({ dialog, resource }: Entry, status: number): void {
    this.#notifies.add({ status: String(status) });
    if (status >= 200 && status < 300) return;
    this.#options.logger.info({ resource, dialog: dialog.id, status }, 'NOTIFY not taken');
  }

  #counted(command: SubscribeCommand, answer: Answer): Answer {
    const { status, reason } = answer;
    this.#answers.add({ status: String(status) });
    if (status >= 300) {
      const [presentity, watcher] = [command.presentity.toString(), command.watcher?.toString() ?? null];
      this.#options.logger.info({ presentity, watcher, status, reason }, 'SUBSCRIBE refused');
    }
    return answer;
  }
}

function resourceOf(presentity: AddressOfRecord, eventPackage: EventPackage): string {
  return `${eventPackage.name} ${presentity.toString()}`;
}
