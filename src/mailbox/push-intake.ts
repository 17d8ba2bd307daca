import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { PUSH_LIMITS } from './push-limits.ts';
import type { OnlineIntake, PushStore, Registration } from './push-ports.ts';

export interface PushIntakeOptions {
  readonly store: Pick<PushStore, 'registered' | 'unregistered'>;
  /** A push may be due. */
  readonly wake: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps who is online, whoever told: a forwarded REGISTER, a registration event, the operator over HTTP. */
export class PushIntake implements OnlineIntake {
  readonly #options: PushIntakeOptions;

  constructor(options: PushIntakeOptions) {
    this.#options = options;
  }

  /** A registration that is over by now is none. */
  async online(registration: Registration): Promise<void> {
    const { store, wake, clock, logger } = this.#options;
    const now = clock.now();
    const { user, name, methods } = registration;
    if (registration.until <= now) {
      await this.offline(user, name);
      return;
    }
    const until = Math.min(registration.until, now + PUSH_LIMITS.longestRegistration);
    await store.registered({ ...registration, until }, now);
    logger.debug({ user: user.toString(), seconds: Math.round((until - now) / 1000), methods }, 'online');
    wake();
  }

  async offline(user: AddressOfRecord, name?: string): Promise<void> {
    await this.#options.store.unregistered(user, name);
    this.#options.logger.debug({ user: user.toString() }, 'offline');
  }
}
