import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { EventPackage } from '../../src/presence/event-package.ts';
import type { PresenceLimits } from '../../src/presence/limits.ts';
import type { Answer, PresenceServer, PublishCommand, SubscribeCommand } from '../../src/presence/ports.ts';
import { startPresenceServer } from '../../src/presence/presence-server.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { MemoryPresenceStore } from '../doubles/memory-presence-store.ts';
import { seededRandom } from '../doubles/seeded-random.ts';
import { RecordedDialog } from './recorded-dialog.ts';

export const ALICE = AddressOfRecord.parse('sip:alice@example.test');
export const BOB = AddressOfRecord.parse('sip:bob@example.test');
export const ACCOUNT = 'sip:mailbox@example.test';

/** A whole body about texts; `account` null leaves the account out. */
export function texts(fresh: number, old = 0, account: string | null = ACCOUNT): string {
  return [
    `Messages-Waiting: ${fresh > 0 ? 'yes' : 'no'}\r\n`,
    account === null ? '' : `Message-Account: ${account}\r\n`,
    `Text-Message: ${fresh}/${old}\r\n`,
  ].join('');
}

export function publishOf(parts: Partial<PublishCommand> = {}): PublishCommand {
  return {
    presentity: ALICE,
    event: 'message-summary',
    expires: 3600,
    ...(parts.body === undefined ? {} : { contentType: 'application/simple-message-summary' }),
    ...parts,
  };
}

export function subscribeOf(parts: Partial<SubscribeCommand> = {}): SubscribeCommand {
  return { presentity: ALICE, event: 'message-summary', expires: 600, watcher: ALICE, accept: [], ...parts };
}

export interface FixtureOptions {
  readonly store?: MemoryPresenceStore;
  readonly messageAccount?: string;
  readonly packages?: readonly EventPackage[];
}

/** A presence server on a clock that only the test turns. */
export class PresenceFixture {
  readonly clock = new FakeClock();
  readonly store: MemoryPresenceStore;
  /** Every dialog there ever was, by its id; what is kept of a dialog is its id. */
  readonly dialogs = new Map<string, RecordedDialog>();
  readonly #start: () => PresenceServer;
  #server: PresenceServer;

  constructor(limits: Partial<PresenceLimits> = {}, options: FixtureOptions = {}) {
    const { store = new MemoryPresenceStore(), ...others } = options;
    this.store = store;
    const random = seededRandom();
    this.#start = () =>
      startPresenceServer({
        ...{ clock: this.clock, random, store, logger: silentLogger, metrics: noMetrics, limits },
        ...others,
      });
    this.#server = this.#start();
  }

  get server(): PresenceServer {
    return this.#server;
  }

  /** The process is killed, nobody serves for `away` ms, and another one takes up what was kept. */
  async restart(away = 0): Promise<void> {
    // What the killed process still had in mind is done by nobody.
    await this.#server.stop();
    for (const dialog of this.dialogs.values()) dialog.cut();
    await this.clock.advance(away);
    this.#server = this.#start();
    await this.#server.restore(({ id }) => this.dialogs.get(id));
  }

  async publish(parts: Partial<PublishCommand> = {}): Promise<Answer> {
    return await this.server.publish(publishOf(parts));
  }

  /** Publishes, and returns the tag of the 200. */
  async published(parts: Partial<PublishCommand>): Promise<string> {
    const answer = await this.publish(parts);
    const tag = answer.headers['SIP-ETag'];
    if (answer.status !== 200 || tag === undefined) throw new Error(`${answer.status} ${answer.reason}`);
    return tag;
  }

  /** The answer to an initial SUBSCRIBE in a dialog of its own. */
  async open(command: SubscribeCommand, id = `dialog-${this.dialogs.size + 1}`): Promise<Answer> {
    return await this.server.openSubscription(command, { id, dialog: id });
  }

  async refresh(id: string, parts: Partial<SubscribeCommand> = {}): Promise<Answer> {
    const { event, expires } = subscribeOf(parts);
    const command = { event, dialog: id, ...(expires === undefined ? {} : { expires }) };
    return await this.server.refreshSubscription(id, command);
  }

  /** Subscribes as the SIP side does: judged, kept, answered, added. */
  async subscribe(parts: Partial<SubscribeCommand> = {}): Promise<RecordedDialog> {
    const command = subscribeOf(parts);
    const dialog = new RecordedDialog(`dialog-${this.dialogs.size + 1}`);
    this.dialogs.set(dialog.id, dialog);
    const answer = await this.open(command, dialog.id);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.reason}`);
    this.server.addSubscription(command, dialog, Number(answer.headers['Expires']));
    return dialog;
  }

  /** Subscribes, and lets the first NOTIFY be answered. */
  async subscribed(parts: Partial<SubscribeCommand> = {}): Promise<RecordedDialog> {
    const dialog = await this.subscribe(parts);
    await this.clock.advance(0);
    return dialog;
  }

  /** What somebody who asks now is told. */
  async fetch(): Promise<string> {
    const dialog = await this.subscribed({ expires: 0 });
    return dialog.last?.body ?? '';
  }
}
