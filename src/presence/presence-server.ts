import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import type { EventPackage } from './event-package.ts';
import { EventStateCompositor } from './event-state-compositor.ts';
import type { PresenceLimits } from './limits.ts';
import { PRESENCE_LIMITS } from './limits.ts';
import { NOTHING_KEPT } from './nothing-kept.ts';
import { Notifier } from './notifier.ts';
import type { PackageSettings } from './packages.ts';
import { eventPackages, packagesByName } from './packages.ts';
import type { PresenceServer, PresenceStore } from './ports.ts';

export interface PresenceServerOptions extends PackageSettings {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where publications and subscriptions are kept; nowhere unless given. */
  readonly store?: PresenceStore;
  /** What is served; every package there is unless given. */
  readonly packages?: readonly EventPackage[];
  /** Limits that differ from {@link PRESENCE_LIMITS}. */
  readonly limits?: Partial<PresenceLimits>;
}

export function startPresenceServer(options: PresenceServerOptions): PresenceServer {
  const { clock, random, logger, metrics, store = NOTHING_KEPT } = options;
  const limits = { ...PRESENCE_LIMITS, ...options.limits };
  const packages = packagesByName(options.packages ?? eventPackages(options));
  const shared = { packages, store, clock, logger, metrics, limits };
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
    events: [...packages.keys()],
    restore: async (dialogOf) => {
      // What expired is read before it is forgotten: it says which counts are to be cleared.
      await compositor.restore();
      await notifier.restore(dialogOf);
      await store.removeExpired(clock.now());
    },
    publish: (command) => compositor.publish(command),
    openSubscription: (command, dialog) => notifier.open(command, dialog),
    addSubscription: (command, dialog, expires) => notifier.add(command, dialog, expires),
    refreshSubscription: (dialogId, command) => notifier.refresh(dialogId, command),
    removeSubscription: (dialogId) => notifier.remove(dialogId),
    stop: () => {
      notifier.stop();
      compositor.stop();
      return Promise.resolve();
    },
  };
}
