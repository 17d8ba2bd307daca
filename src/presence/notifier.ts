import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
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
import { CatchUp } from './catch-up.ts';
import type { EventPackage } from './event-package.ts';
import { formatEventHeader, readEventHeader } from './event-package.ts';
import type { PresenceLimits } from './limits.ts';
import type {
  Answer,
  KeptDialog,
  KeptSubscription,
  PresenceStore,
  RefreshCommand,
  SubscribeCommand,
  SubscriberDialog,
} from './ports.ts';
import { Subscription } from './subscription.ts';
import type { Entry } from './subscription-table.ts';
import { SubscriptionTable } from './subscription-table.ts';

export interface NotifierOptions {
  readonly packages: ReadonlyMap<string, EventPackage>;
  readonly store: PresenceStore;
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
  readonly #table = new SubscriptionTable();
  readonly #catchUp: CatchUp;
  #stopped = false;
  readonly #answers: Counter;
  readonly #notifies: Counter;
  readonly #alive: Gauge;

  constructor(options: NotifierOptions) {
    this.#options = options;
    const { metrics, clock, limits } = options;
    this.#catchUp = new CatchUp(clock, limits.catchUp);
    this.#answers = metrics.counter('presence_subscribe_total', 'SUBSCRIBE requests, by answer', ['status']);
    this.#notifies = metrics.counter('presence_notify_total', 'NOTIFY requests, by answer; 0 is none', [
      'status',
    ]);
    this.#alive = metrics.gauge(
      'presence_subscriptions',
      'Subscriptions alive in the built-in presence server',
    );
  }

  /**
   * Takes up the subscriptions that were kept: `dialogOf` gives the dialog that was kept with one, undefined when it cannot be
   * read. Each is told the state, little by little, for what it was told last is not known. Rejects when nothing can be read.
   */
  async restore(dialogOf: (kept: KeptDialog) => SubscriberDialog | undefined): Promise<void> {
    const { store, limits, logger } = this.#options;
    for await (const page of store.subscriptions(limits.subscriptions)) {
      for (const kept of page) this.#restoreOne(kept, dialogOf);
    }
    this.#alive.set(this.#table.size);
    if (this.#table.size === 0) return;
    logger.info({ subscriptions: this.#table.size }, 'subscriptions restored');
    this.#catchUp.start(this.#table.all().map(({ subscription }) => subscription));
  }

  /**
   * Checks an initial SUBSCRIBE before its 2xx (RFC 6665 §4.2.1.1): the refusal to send, or 200 with the Expires granted once
   * the subscription is kept, with all it takes to go on with its dialog.
   */
  async open(command: SubscribeCommand, { id, dialog }: KeptDialog): Promise<Answer> {
    const judged = this.#judge(command);
    const expires = Number(judged.headers['Expires'] ?? 0);
    const { presentity, event } = command;
    const expiresAt = this.#options.clock.now() + expires * 1000;
    const kept = { id, presentity, event, expiresAt, dialog };
    const answer = judged.status >= 300 || expires === 0 ? judged : await this.#kept(kept, judged);
    if (answer !== judged) this.#forget(id);
    return this.#counted(command, answer);
  }

  /**
   * After the 2xx to an initial SUBSCRIBE that was opened: sends the NOTIFY that is due at once, and from then every change
   * for `expires` seconds. 0 fetches the state once.
   */
  add(command: SubscribeCommand, dialog: SubscriberDialog, expires: number): void {
    const event = readEventHeader(command.event);
    const eventPackage = this.#options.packages.get(event?.name ?? '');
    if (event === undefined || eventPackage === undefined || this.#stopped) {
      dialog.drop();
      return;
    }
    const before = this.#table.find(dialog.id);
    if (before !== undefined) this.#leave(before);
    // Between open and add others may have come in.
    const full = this.#refuseBeyondBounds(command.presentity, eventPackage) !== undefined;
    const { presentity } = command;
    const entry = this.#enter({ presentity, eventPackage, event, dialog, kept: expires > 0 });
    if (full) entry.subscription.end('giveup');
    else entry.subscription.accept(expires);
  }

  /** A SUBSCRIBE in the dialog: a refresh, or the end with Expires: 0. A NOTIFY follows the answer. */
  async refresh(dialogId: string, command: RefreshCommand): Promise<Answer> {
    const entry = this.#table.find(dialogId);
    const answer = await this.#refresh(entry, command);
    const presentity = entry?.presentity;
    return this.#counted({ ...(presentity === undefined ? {} : { presentity }), watcher: null }, answer);
  }

  /** The dialog is gone: nothing is sent in it any more. */
  remove(dialogId: string): void {
    const entry = this.#table.find(dialogId);
    if (entry !== undefined) this.#leave(entry);
    this.#forget(dialogId);
  }

  /** The state of `presentity` changed. */
  changed(presentity: AddressOfRecord, eventPackage: EventPackage): void {
    for (const { subscription } of this.#table.of(presentity, eventPackage)) subscription.changed();
  }

  /** Sends nothing any more and clears every timer; subscriptions are kept, and go on with the next start. */
  stop(): void {
    this.#stopped = true;
    this.#catchUp.stop();
    for (const entry of this.#table.all()) this.#leave(entry);
  }

  #restoreOne(kept: KeptSubscription, dialogOf: (kept: KeptDialog) => SubscriberDialog | undefined): void {
    const { packages, clock } = this.#options;
    const { presentity, expiresAt } = kept;
    const event = readEventHeader(kept.event);
    const eventPackage = packages.get(event?.name ?? '');
    if (event === undefined || eventPackage === undefined || expiresAt <= clock.now()) return;
    const dialog = dialogOf(kept);
    if (dialog === undefined) return;
    const entry = this.#enter({ presentity, eventPackage, event, dialog, kept: true });
    entry.subscription.resume(expiresAt);
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

  async #refresh(entry: Entry | undefined, command: RefreshCommand): Promise<Answer> {
    const { packages, limits, clock } = this.#options;
    if (this.#stopped) return unavailable('Presence Server Stops', limits.retryAfter);
    if (entry === undefined || entry.subscription.ended) return noSuchSubscription();
    const event = command.event === undefined ? entry.event : readEventHeader(command.event);
    if (event === undefined || !packages.has(event.name)) return badEvent(packages);
    // RFC 6665 §4.5.2: another event or id in the dialog would be another subscription, and there is none.
    if (event.name !== entry.event.name || event.id !== entry.event.id) return noSuchSubscription();
    const { presentity, eventPackage, subscription, dialog } = entry;
    const { defaultExpires } = eventPackage;
    const expires = grantLifetime(command.expires, defaultExpires, limits.subscriptionLifetime);
    if (expires === undefined) return intervalTooBrief(limits.subscriptionLifetime);
    const granted = ok({ Expires: String(expires) });
    if (expires === 0) this.#forget(dialog.id);
    else {
      const expiresAt = clock.now() + expires * 1000;
      const kept = { id: dialog.id, presentity, event: formatEventHeader(event), expiresAt };
      const answer = await this.#kept({ ...kept, dialog: command.dialog }, granted);
      if (answer !== granted) return answer;
      // It was forgotten before this was kept.
      if (this.#endedMeanwhile(entry)) {
        this.#forget(dialog.id);
        return noSuchSubscription();
      }
    }
    subscription.accept(expires);
    return granted;
  }

  /** `granted` once the subscription is kept, or 503. */
  async #kept(subscription: KeptSubscription, granted: Answer): Promise<Answer> {
    const { store, limits, logger } = this.#options;
    try {
      await store.saveSubscription(subscription);
      return granted;
    } catch (error) {
      const presentity = subscription.presentity.toString();
      logger.error({ presentity, error: describeError(error) }, 'a SUBSCRIBE could not be kept');
      return unavailable('Subscription Storage Unavailable', limits.retryAfter);
    }
  }

  /** Does not restore the subscription any more. */
  #forget(dialogId: string): void {
    if (this.#stopped) return;
    const { store, logger } = this.#options;
    store.removeSubscription(dialogId).catch((error: unknown) => {
      // After a restart its subscriber answers 481 to the first NOTIFY, and that ends it.
      logger.debug({ dialog: dialogId, error: describeError(error) }, 'an ended subscription is still kept');
    });
  }

  #refuseBeyondBounds(presentity: AddressOfRecord, eventPackage: EventPackage): Answer | undefined {
    const { limits } = this.#options;
    if (this.#table.size >= limits.subscriptions) {
      return unavailable('Too Many Subscriptions', limits.retryAfter);
    }
    return this.#table.of(presentity, eventPackage).size >= limits.subscriptionsPerPresentity
      ? unavailable('Too Many Subscriptions To This User', limits.retryAfter)
      : undefined;
  }

  #enter(found: Omit<Entry, 'subscription'>): Entry {
    const { presentity, eventPackage, event, dialog } = found;
    const { clock, limits, bodyOf } = this.#options;
    const entry: Entry = {
      ...found,
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
          if (entry.kept) this.#forget(dialog.id);
          dialog.drop();
        },
      }),
    };
    this.#table.add(entry);
    this.#alive.set(this.#table.size);
    return entry;
  }

  #leave(entry: Entry): void {
    entry.subscription.close();
    this.#table.delete(entry);
    this.#alive.set(this.#table.size);
  }

  /** Whether it ended while something of it was being kept; as the server stops it does not. */
  #endedMeanwhile(entry: Entry): boolean {
    return !this.#stopped && (entry.subscription.ended || !this.#table.has(entry));
  }

  #notified({ dialog, presentity, event }: Entry, status: number): void {
    this.#notifies.add({ status: String(status) });
    if (status >= 200 && status < 300) return;
    const [user, { name }] = [presentity.toString(), event];
    this.#options.logger.info(
      { presentity: user, event: name, dialog: dialog.id, status },
      'NOTIFY not taken',
    );
  }

  #counted(command: Partial<SubscribeCommand>, answer: Answer): Answer {
    const { status, reason } = answer;
    this.#answers.add({ status: String(status) });
    if (status >= 300) {
      const [presentity, watcher] = [command.presentity?.toString(), command.watcher?.toString()];
      this.#options.logger.info({ presentity, watcher, status, reason }, 'SUBSCRIBE refused');
    }
    return answer;
  }
}
