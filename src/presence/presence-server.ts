import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import type { EventPackage } from './event-package.ts';
import { EventStateCompositor } from './event-state-compositor.ts';
import type { PresenceLimits } from './limits.ts';
import { PRESENCE_LIMITS } from './limits.ts';
import { MessageSummaryPackage } from './message-summary-package.ts';
import { Notifier } from './notifier.ts';
import type { Answer, PublishCommand, SubscribeCommand, SubscriberDialog } from './ports.ts';

export interface PresenceServerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Limits that differ from {@link PRESENCE_LIMITS}. */
  readonly limits?: Partial<PresenceLimits>;
  /** Message-Account named to a phone for whose mailbox nothing was published yet; none unless given. */
  readonly messageAccount?: string;
}

/** The presence server of our own: event state compositor and notifier for message-summary, in memory. */
export interface PresenceServer {
  /** Serves one PUBLISH. */
  publish(command: PublishCommand): Answer;
  /** The answer to an initial SUBSCRIBE; a 200 carries the Expires granted. */
  judgeSubscribe(command: SubscribeCommand): Answer;
  /** The 2xx was sent and the dialog stands: the first NOTIFY follows, then every change for `expires` seconds. */
  addSubscription(command: SubscribeCommand, dialog: SubscriberDialog, expires: number): void;
  /** The answer to a SUBSCRIBE in a dialog; a NOTIFY follows. */
  refreshSubscription(dialogId: string, command: SubscribeCommand): Answer;
  /** The dialog is gone. */
  removeSubscription(dialogId: string): void;
  /** Tells subscribers to subscribe anew later, within a bounded time, and clears every timer. */
  stop(): Promise<void>;
}

/** Starts with no state: publishers and phones learn of it by 412 and 481 and come anew. */
export function startPresenceServer(options: PresenceServerOptions): PresenceServer {
  const { clock, random, logger, metrics } = options;
  const limits = { ...PRESENCE_LIMITS, ...options.limits };
  const lamp = new MessageSummaryPackage(options.messageAccount ?? null);
  const packages: ReadonlyMap<string, EventPackage> = new Map([[lamp.name, lamp]]);
  const shared = { packages, clock, logger, metrics, limits };
  const compositor = new EventStateCompositor({
    ...shared,
    random,
    onChange: (presentity, eventPackage) => notifier.changed(presentity, eventPackage),
  });
  const notifier = new Notifier({
    ...shared,
    bodyOf: (presentity, eventPackage) => compositor.bodyOf(presentity, eventPackage),
  });
  return {
    publish: (command) => compositor.publish(command),
    judgeSubscribe: (command) => notifier.judge(command),
    addSubscription: (command, dialog, expires) => notifier.add(command, dialog, expires),
    refreshSubscription: (dialogId, command) => notifier.refresh(dialogId, command),
    removeSubscription: (dialogId) => notifier.remove(dialogId),
    stop: async () => {
      await notifier.stop();
      compositor.stop();
    },
  };
}
