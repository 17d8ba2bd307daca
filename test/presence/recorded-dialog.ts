import type { Notification, SubscriberDialog } from '../../src/presence/ports.ts';

/** A subscriber's dialog that keeps what it was sent and answers as the test says. */
export class RecordedDialog implements SubscriberDialog {
  readonly id: string;
  readonly notifications: Notification[] = [];
  /** The answer to the NOTIFYs to come; 'held': none before {@link release}. */
  answer: number | 'held' = 200;
  /** Every answer given so far. */
  readonly statuses: number[] = [];
  dropped = 0;
  inFlight = 0;
  mostInFlight = 0;
  #held: ((status: number) => void)[] = [];

  constructor(id = 'dialog-1') {
    this.id = id;
  }

  async notify(notification: Notification): Promise<number> {
    this.notifications.push(notification);
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    const status =
      this.answer === 'held'
        ? await new Promise<number>((resolve) => this.#held.push(resolve))
        : await Promise.resolve(this.answer);
    this.inFlight -= 1;
    this.statuses.push(status);
    return status;
  }

  drop(): void {
    this.dropped += 1;
  }

  /** Whoever waits for an answer is gone. */
  cut(): void {
    this.#held = [];
    this.inFlight = 0;
  }

  /** Answers what is held. */
  release(status = 200): void {
    const held = this.#held;
    this.#held = [];
    for (const resolve of held) resolve(status);
  }

  get last(): Notification | undefined {
    return this.notifications.at(-1);
  }

  get bodies(): string[] {
    return this.notifications.map(({ body }) => body ?? '');
  }

  get states(): string[] {
    return this.notifications.map(({ subscriptionState }) => subscriptionState);
  }
}
