import type { Clock } from '../core/clock.ts';
import { DeadlineExceeded, withDeadline } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { KeptDialog, Notification, SubscriberDialog } from '../presence/ports.ts';
import type { DrachtioDialog } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import type { RequestSender } from './request-sender.ts';
import { NoSuchDialog } from './server-errors.ts';
import type { DialogRecord } from './restored-dialog.ts';
import {
  formatRecord,
  nextSequence,
  notifyHeaders,
  notifyIn,
  readRecord,
  recordedId,
} from './restored-dialog.ts';

/** A subscriber's dialog, and what it would take to go on with it in another process. */
export interface RecordedSubscriberDialog extends SubscriberDialog {
  /** Undefined when what was kept cannot be read. */
  readonly record: DialogRecord | undefined;
  /**
   * The last NOTIFY could not be delivered. The connection it would take may be one that only the subscriber can open, and
   * that only a subscription of this process would know.
   */
  readonly unreached: boolean;
  /** A refresh was accepted: the dialog is now as `record` says. */
  follow(record: DialogRecord): void;
}

export interface SubscriberDialogsOptions {
  /** Sends what belongs to dialogs that no SIP server knows. */
  readonly requests: RequestSender;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The dialogs of all who subscribed, those of this process and those restored from before it. */
export class SubscriberDialogs {
  readonly #options: SubscriberDialogsOptions;
  readonly #dialogs = new Map<string, RecordedSubscriberDialog>();

  constructor(options: SubscriberDialogsOptions) {
    this.#options = options;
  }

  find(id: string): RecordedSubscriberDialog | undefined {
    return this.#dialogs.get(id);
  }

  /** A dialog that the SIP server knows. */
  add(dialog: DrachtioDialog, record: DialogRecord): SubscriberDialog {
    return this.#enter(new LiveDialog(dialog, record, this.#options, (id) => this.forget(id)));
  }

  /** A dialog of an earlier process, as it was kept. */
  restore(kept: KeptDialog): SubscriberDialog {
    return this.#enter(new RestoredDialog(kept, this.#options, (id) => this.forget(id)));
  }

  /** The dialog is gone. */
  forget(id: string): void {
    this.#dialogs.delete(id);
  }

  #enter(dialog: RecordedSubscriberDialog): SubscriberDialog {
    this.#dialogs.set(dialog.id, dialog);
    return dialog;
  }
}

/** A dialog the SIP server knows; once it is found to know it no longer, for it was restarted, a restored one goes on. */
class LiveDialog implements RecordedSubscriberDialog {
  readonly id: string;
  #record: DialogRecord;
  readonly #dialog: DrachtioDialog;
  readonly #options: SubscriberDialogsOptions;
  readonly #dropped: (id: string) => void;
  #restored: RestoredDialog | undefined;

  constructor(
    dialog: DrachtioDialog,
    record: DialogRecord,
    options: SubscriberDialogsOptions,
    dropped: (id: string) => void,
  ) {
    this.id = recordedId(record);
    this.#record = record;
    this.#dialog = dialog;
    this.#options = options;
    this.#dropped = dropped;
  }

  get record(): DialogRecord {
    return this.#record;
  }

  get unreached(): boolean {
    return this.#restored?.unreached === true;
  }

  follow(record: DialogRecord): void {
    this.#record = record;
    this.#restored?.follow(record);
  }

  async notify(notification: Notification): Promise<number> {
    if (this.#restored !== undefined) return await this.#restored.notify(notification);
    const { clock, logger } = this.#options;
    const { body } = notification;
    try {
      const sent = this.#dialog.request({
        method: 'NOTIFY',
        headers: notifyHeaders(notification),
        ...(body === undefined ? {} : { body }),
      });
      return (await withDeadline(clock, SIP_LIMITS.requestDeadline, 'NOTIFY', sent)).status;
    } catch (error) {
      logger.info({ dialog: this.#dialog.id, error: describeError(error) }, 'NOTIFY not answered');
      if (!(error instanceof NoSuchDialog)) return statusWithoutAnswer(error);
      this.#release();
      const kept = { id: this.id, dialog: formatRecord(this.#record) };
      this.#restored = new RestoredDialog(kept, this.#options, this.#dropped);
      return await this.#restored.notify(notification);
    }
  }

  drop(): void {
    this.#dropped(this.id);
    this.#release();
  }

  /** After a refusal drachtio-srf would keep the dialog for good; its own way to end one sends another NOTIFY. */
  #release(): void {
    this.#dialog.srf.removeDialog(this.#dialog);
    this.#dialog.removeAllListeners();
  }
}

/** Many are made at a start, so each is read when it is first needed. */
class RestoredDialog implements RecordedSubscriberDialog {
  readonly id: string;
  unreached = false;
  #kept: string;
  #sequence = 0;
  readonly #options: SubscriberDialogsOptions;
  readonly #dropped: (id: string) => void;

  constructor({ id, dialog }: KeptDialog, options: SubscriberDialogsOptions, dropped: (id: string) => void) {
    this.id = id;
    this.#kept = dialog;
    this.#options = options;
    this.#dropped = dropped;
  }

  get record(): DialogRecord | undefined {
    return readRecord(this.#kept);
  }

  follow(record: DialogRecord): void {
    this.#kept = formatRecord(record);
  }

  async notify(notification: Notification): Promise<number> {
    const { requests, clock, logger } = this.#options;
    const { record } = this;
    // The subscription is of no use to anybody then.
    if (record === undefined) return 481;
    this.#sequence = nextSequence(this.#sequence, clock.now());
    const { uri, options } = notifyIn(record, this.#sequence, notification);
    try {
      const { status } = await requests.request(uri, options);
      // The SIP server's own word when there is no way to the subscriber.
      this.unreached = status === 503;
      return status;
    } catch (error) {
      logger.info({ callId: record.callId, uri, error: describeError(error) }, 'NOTIFY not answered');
      return statusWithoutAnswer(error);
    }
  }

  drop(): void {
    this.#dropped(this.id);
  }
}

/** What could not be sent, as while no SIP server is connected, says nothing about the subscriber; silence does. */
function statusWithoutAnswer(error: unknown): number {
  return error instanceof DeadlineExceeded ? 0 : 503;
}
