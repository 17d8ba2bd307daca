import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { PresenceLimits } from '../../src/presence/limits.ts';
import type { Answer, PublishCommand, SubscribeCommand } from '../../src/presence/ports.ts';
import type { PresenceServer } from '../../src/presence/presence-server.ts';
import { startPresenceServer } from '../../src/presence/presence-server.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
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

/** A presence server on a clock that only the test turns. */
export class PresenceFixture {
  readonly clock = new FakeClock();
  readonly server: PresenceServer;
  #dialogs = 0;

  constructor(limits: Partial<PresenceLimits> = {}, messageAccount?: string) {
    this.server = startPresenceServer({
      clock: this.clock,
      random: seededRandom(),
      logger: silentLogger,
      metrics: noMetrics,
      limits,
      ...(messageAccount === undefined ? {} : { messageAccount }),
    });
  }

  publish(parts: Partial<PublishCommand> = {}): Answer {
    return this.server.publish(publishOf(parts));
  }

  /** Publishes, and returns the tag of the 200. */
  published(parts: Partial<PublishCommand>): string {
    const answer = this.publish(parts);
    const tag = answer.headers['SIP-ETag'];
    if (answer.status !== 200 || tag === undefined) throw new Error(`${answer.status} ${answer.reason}`);
    return tag;
  }

  /** Subscribes as the SIP side does: judged, answered, added. */
  subscribe(parts: Partial<SubscribeCommand> = {}): RecordedDialog {
    const command = subscribeOf(parts);
    const answer = this.server.judgeSubscribe(command);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.reason}`);
    const dialog = new RecordedDialog(`dialog-${++this.#dialogs}`);
    this.server.addSubscription(command, dialog, Number(answer.headers['Expires']));
    return dialog;
  }

  /** Subscribes, and lets the first NOTIFY be answered. */
  async subscribed(parts: Partial<SubscribeCommand> = {}): Promise<RecordedDialog> {
    const dialog = this.subscribe(parts);
    await this.clock.advance(0);
    return dialog;
  }

  /** What somebody who asks now is told. */
  async fetch(): Promise<string> {
    const dialog = await this.subscribed({ expires: 0 });
    return dialog.last?.body ?? '';
  }
}
