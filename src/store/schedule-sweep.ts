import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { ScheduleStore } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import type { PushMarks } from './push-marks.ts';
import { NO_RECEIPTS } from './receipt-writer.ts';
import type { MessageRow } from './rows.ts';
import { sweepTexts } from './text-sweep.ts';

/** Lets texts become new when they are due. */
export class ScheduleSweep implements ScheduleStore {
  readonly #database: Database;
  readonly #pushes: PushMarks;
  readonly #onDirty: (owner: AddressOfRecord) => void;

  constructor(database: Database, pushes: PushMarks, onDirty: (owner: AddressOfRecord) => void) {
    this.#database = database;
    this.#pushes = pushes;
    this.#onDirty = onDirty;
  }

  async deliverScheduled(now: number, limit: number): Promise<number> {
    let isToBeBrought = false;
    return await sweepTexts(
      this.#database,
      {
        operation: 'let texts become new that are due',
        find: (trx) => trx('message').where('deliver_at', '<=', now).orderBy(['deliver_at', 'id']),
        isMeant: ({ deliver_at }) => deliver_at !== null && deliver_at <= now,
        count: (mailbox, { urgent }) => {
          mailbox.scheduled_count -= 1;
          mailbox.new_count += 1;
          if (Boolean(urgent)) mailbox.new_urgent += 1;
        },
        write: async (trx, texts) => {
          const ids = texts.map(({ id }) => id);
          await trx('message').whereIn('id', ids).update({ deliver_at: null });
          const mailboxIds = texts.map(({ mailbox_id }) => mailbox_id);
          isToBeBrought = await this.#pushes.mark(trx, mailboxIds, now);
          return NO_RECEIPTS;
        },
        committed: () => {
          this.#pushes.committed(isToBeBrought);
          isToBeBrought = false;
        },
        onDirty: this.#onDirty,
      },
      limit,
    );
  }

  async nextScheduledAt(): Promise<number | null> {
    return await this.#database.run('look for the next text to become due', async (knex) => {
      const next = await knex<MessageRow>('message')
        .whereNotNull('deliver_at')
        .orderBy('deliver_at')
        .first('deliver_at');
      return next?.deliver_at ?? null;
    });
  }
}
