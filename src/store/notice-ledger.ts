import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { NoticeStore } from '../mailbox/push/ports.ts';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import { idsOf, lockMailboxes } from './dirty-marks.ts';

/** Who was told, and of whose texts. */
interface NoticeKey {
  readonly mailbox_id: number;
  readonly author: string;
}

/** Keeps who was told lately that a text was kept; of those who ask at the same time one may tell. */
export class NoticeLedger implements NoticeStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async claimNotice(owner: AddressOfRecord, author: string, now: number, window: number): Promise<boolean> {
    return await this.#database.transaction('keep who was told', async (trx) => {
      const ids = await idsOf(trx, [owner.toString()], true);
      const [mailbox] = await lockMailboxes(this.#database, trx, ids.values());
      if (mailbox === undefined) throw new RowsMoved();
      const key: NoticeKey = { mailbox_id: mailbox.id, author };
      const before: { told_at: number } | undefined = await trx('sender_notice').where(key).first('told_at');
      if (before === undefined) {
        await trx('sender_notice').insert({ ...key, told_at: now });
        return true;
      }
      // Another node's clock may be ahead a little; one that was far ahead and put back must keep nobody waiting.
      if (Math.abs(now - before.told_at) < window) return false;
      const told = await trx('sender_notice')
        .where({ ...key, told_at: before.told_at })
        .update({ told_at: now });
      return told > 0;
    });
  }

  async forgetNotices(before: number, limit: number): Promise<number> {
    return await this.#database.transaction('forget who was told', async (trx) => {
      const old: NoticeKey[] = await trx('sender_notice')
        .where('told_at', '<', before)
        .orderBy('told_at')
        .limit(limit)
        .select('mailbox_id', 'author');
      let forgotten = 0;
      // By their keys, and only who was not told again since.
      for (const key of old) {
        forgotten += await trx('sender_notice').where(key).where('told_at', '<', before).delete();
      }
      return forgotten;
    });
  }
}
