import type { AddressOfRecord } from '../../core/address-of-record.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { describeError } from '../../core/errors.ts';
import { PUSH_LIMITS } from './limits.ts';
import type { OnlineIntake, PushStore, Registration } from './ports.ts';

export interface PushIntakeOptions {
  readonly store: Pick<PushStore, 'registered' | 'unregistered'>;
  /** A push may be due. */
  readonly wake: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps who is online, whoever told: a forwarded REGISTER, a registration event, the operator over HTTP. Those of users without a
 * mailbox, who may be very many, are kept in mind only: until the first text comes.
 */
export class PushIntake implements OnlineIntake {
  readonly #options: PushIntakeOptions;
  /** By address; the one told of longest ago first. */
  readonly #withoutMailbox = new Map<string, Registration>();

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
    const bounded = { ...registration, until };
    // Ahead of the look into the store: a first text may come meanwhile.
    this.#keepInMind(bounded);
    if (await store.registered(bounded, now)) this.#withoutMailbox.delete(user.toString());
    logger.debug({ user: user.toString(), seconds: Math.round((until - now) / 1000), methods }, 'online');
    wake();
  }

  async offline(user: AddressOfRecord, name?: string): Promise<void> {
    const known = this.#withoutMailbox.get(user.toString());
    if (name === undefined || known?.name === name) this.#withoutMailbox.delete(user.toString());
    await this.#options.store.unregistered(user, name);
    this.#options.logger.debug({ user: user.toString() }, 'offline');
  }

  /** A text came for `user`: if it is the first of one who is online, it is to be brought. */
  textCame(user: AddressOfRecord): void {
    const registration = this.#withoutMailbox.get(user.toString());
    if (registration === undefined) return;
    this.online(registration).catch((error: unknown) => {
      // Her next REGISTER tells again.
      const fields = { user: user.toString(), error: describeError(error) };
      this.#options.logger.info(fields, 'a first text waits for its reader to register again');
    });
  }

  #keepInMind(registration: Registration): void {
    this.#withoutMailbox.delete(registration.user.toString());
    this.#withoutMailbox.set(registration.user.toString(), registration);
    for (const oldest of this.#withoutMailbox.keys()) {
      if (this.#withoutMailbox.size <= PUSH_LIMITS.withoutMailbox) break;
      this.#withoutMailbox.delete(oldest);
    }
  }
}
