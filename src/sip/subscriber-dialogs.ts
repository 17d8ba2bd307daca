import type { Clock } from '../core/clock.ts';
import { DeadlineExceeded, withDeadline } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Notification, SubscriberDialog } from '../presence/ports.ts';
import type { DrachtioDialog } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import type { RequestSender } from './request-sender.ts';
import type { DialogRecord } from './restored-dialog.ts';
import { nextSequence, notifyHeaders, notifyIn, readRecord, recordedId } from './restored-dialog.ts';

/** A subscriber's dialog, and what it would take to go on with it in another process. */
export interface RecordedSubscriberDialog extends SubscriberDialog {
  /** Changed by a refresh that was accepted. */
  record: DialogRecord;
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
  add(dialog: DrachtioDialog, record: DialogRecord): RecordedSubscriberDialog {
    return this.#keep(record, {
      notify: (notification) => this.#notifyWithin(dialog, notification),
      // After a refusal drachtio-srf would keep the dialog for good; its own way to end one sends another NOTIFY.
      drop: () => {
        dialog.srf.removeDialog(dialog);
        dialog.removeAllListeners();
      },
    });
  }

  /** A dialog of an earlier process, as it was kept; undefined when that cannot be read. */
  restore(kept: string): SubscriberDialog | undefined {
    const record = readRecord(kept);
    if (record === undefined) return undefined;
    let sequence = 0;
    const dialog: RecordedSubscriberDialog = this.#keep(record, {
      notify: (notification) => {
        sequence = nextSequence(sequence, this.#options.clock.now());
        return this.#notifyOutside(dialog.record, sequence, notification);
      },
      drop: () => undefined,
    });
    return dialog;
  }

  /** The dialog is gone. */
  forget(id: string): void {
    this.#dialogs.delete(id);
  }

  #keep(
    record: DialogRecord,
    { notify, drop }: Pick<SubscriberDialog, 'notify' | 'drop'>,
  ): RecordedSubscriberDialog {
    const id = recordedId(record);
    const dialog: RecordedSubscriberDialog = {
      id,
      record,
      notify,
      drop: () => {
        this.forget(id);
        drop();
      },
    };
    this.#dialogs.set(id, dialog);
    return dialog;
  }

  async #notifyWithin(dialog: DrachtioDialog, notification: Notification): Promise<number> {
    const { clock, logger } = this.#options;
    const { body } = notification;
    try {
      const sent = dialog.request({
        method: 'NOTIFY',
        headers: notifyHeaders(notification),
        ...(body === undefined ? {} : { body }),
      });
      return (await withDeadline(clock, SIP_LIMITS.requestDeadline, 'NOTIFY', sent)).status;
    } catch (error) {
      logger.info({ dialog: dialog.id, error: describeError(error) }, 'NOTIFY not answered');
      return 0;
    }
  }

  async #notifyOutside(record: DialogRecord, sequence: number, notification: Notification): Promise<number> {
    const { requests, logger } = this.#options;
    const { uri, options } = notifyIn(record, sequence, notification);
    try {
      return (await requests.request(uri, options)).status;
    } catch (error) {
      logger.info({ callId: record.callId, uri, error: describeError(error) }, 'NOTIFY not answered');
      // What could not be sent (no SIP server is connected yet) says nothing about the subscriber.
      return error instanceof DeadlineExceeded ? 0 : 503;
    }
  }
}
