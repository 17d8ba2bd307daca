import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type { Counter, Metrics } from '../core/metrics.ts';
import type { Disposition, NewMessage, ReceiptRequest, ReceiptStatus } from '../mailbox/ports.ts';
import { STORE_LIMITS } from './limits.ts';
import type { MessageRow, ReceiptRequestRow, ReceiptRow } from './rows.ts';
import { dispositionsOf } from './rows.ts';

/** What a transaction wrote of receipts, for after its commit. */
export interface WrittenReceipts {
  readonly written: number;
  /** Not written: too many of their mailbox wait. */
  readonly tooMany: number;
  /** Not written: what they should carry is too long. */
  readonly tooLong: number;
}

export const NO_RECEIPTS: WrittenReceipts = { written: 0, tooMany: 0, tooLong: 0 };

/** A text that was just kept. */
export interface KeptText {
  readonly message: NewMessage;
  readonly mailbox_id: number;
  readonly unique_hash: Buffer;
}

type NewReceipt = Omit<ReceiptRow, 'id' | 'attempts' | 'claim_node' | 'claim_until'>;

/** What each disposition lets its sender be told (RFC 5438 §6.2). */
const TOLD: Readonly<Record<Disposition, ReceiptStatus>> = {
  processing: 'stored',
  'positive-delivery': 'delivered',
  'negative-delivery': 'failed',
  display: 'displayed',
};

/** Writes receipts into the transactions that make them true, and wakes who sends them after the commit. */
export class ReceiptWriter {
  readonly #dropped: Counter;
  readonly #onDue: () => void;

  constructor(metrics: Metrics, onDue: () => void) {
    this.#dropped = metrics.counter(
      'store_receipts_dropped_total',
      'Receipts that were asked for and not kept',
      ['reason'],
    );
    this.#onDue = onDue;
  }

  /** Keeps what the senders of new texts want to be told, and tells those who asked for it that they are stored. */
  async keepRequests(
    trx: Knex.Transaction,
    texts: readonly KeptText[],
    now: number,
  ): Promise<WrittenReceipts> {
    const asking = texts.flatMap((text) => {
      const { receipts } = text.message;
      return receipts === null || receipts.dispositions.length === 0 ? [] : [{ ...text, receipts }];
    });
    const fitting = asking.filter(({ receipts }) => fits(receipts));
    const tooLong = asking.length - fitting.length;
    if (fitting.length === 0) return { ...NO_RECEIPTS, tooLong };
    const ids = await idsOfTexts(trx, fitting);
    const requests = fitting.map(({ message, receipts, mailbox_id, unique_hash }) => ({
      message,
      row: {
        text_id: ids.get(keyOf({ mailbox_id, unique_hash })) ?? -1,
        mailbox_id,
        recipient: message.owner.toString(),
        imdn_hash: hashOfImdn(receipts.messageId),
        imdn_id: receipts.messageId,
        dispositions: receipts.dispositions.join(' '),
        date_time: receipts.dateTime,
        return_hop: receipts.returnHop,
      },
    }));
    await trx('receipt_request').insert(requests.map(({ row }) => row));
    const due = requests.flatMap(({ message, row }) =>
      receiptFor({ ...row, author: message.author }, 'processing', now),
    );
    return { ...(await this.#write(trx, due)), tooLong };
  }

  /** Tells the authors of texts who asked for it what `disposition` stands for. */
  async tell(
    trx: Knex.Transaction,
    texts: readonly Pick<MessageRow, 'id' | 'mailbox_id' | 'author'>[],
    disposition: Disposition,
    now: number,
  ): Promise<WrittenReceipts> {
    const ids = texts.map(({ id }) => id);
    const requests = await trx<ReceiptRequestRow>('receipt_request').whereIn('text_id', ids).select('*');
    const byText = new Map(requests.map((request) => [request.text_id, request]));
    const asked = texts.flatMap(({ id, mailbox_id, author }) => {
      const request = byText.get(id);
      return request === undefined ? [] : [{ ...request, mailbox_id, author }];
    });
    return await this.tellOf(trx, asked, disposition, now);
  }

  /** As {@link tell}, where it is known what they asked for. */
  async tellOf(
    trx: Knex.Transaction,
    requests: readonly (ReceiptRequestRow & { readonly author: string })[],
    disposition: Disposition,
    now: number,
  ): Promise<WrittenReceipts> {
    const due = requests.flatMap((request) => receiptFor(request, disposition, now));
    return await this.#write(trx, due);
  }

  /** To be called once what was written is committed. */
  committed({ written, tooMany, tooLong }: WrittenReceipts): void {
    if (tooMany > 0) this.#dropped.add({ reason: 'too_many' }, tooMany);
    if (tooLong > 0) this.#dropped.add({ reason: 'too_long' }, tooLong);
    if (written > 0) this.#onDue();
  }

  /** What a mailbox has too many of is left out. */
  async #write(trx: Knex.Transaction, receipts: readonly NewReceipt[]): Promise<WrittenReceipts> {
    if (receipts.length === 0) return NO_RECEIPTS;
    const mailboxIds = [...new Set(receipts.map(({ mailbox_id }) => mailbox_id))];
    const counts: { mailbox_id: number; receipts: number }[] = await trx('receipt')
      .whereIn('mailbox_id', mailboxIds)
      .groupBy('mailbox_id')
      .select('mailbox_id')
      .count({ receipts: '*' });
    const waiting = new Map(counts.map((row) => [row.mailbox_id, row.receipts]));
    const rows = receipts.filter(({ mailbox_id }) => {
      const before = waiting.get(mailbox_id) ?? 0;
      if (before >= STORE_LIMITS.receiptsPerMailbox) return false;
      waiting.set(mailbox_id, before + 1);
      return true;
    });
    if (rows.length > 0) await trx('receipt').insert(rows);
    return { written: rows.length, tooMany: receipts.length - rows.length, tooLong: 0 };
  }
}

/** Ids of any length are found by this. */
export function hashOfImdn(messageId: string): Buffer {
  return createHash('sha256').update(messageId).digest();
}

/** The receipt that a request lets be sent, or none. */
function receiptFor(
  request: Omit<ReceiptRequestRow, 'displayed_at'> & { readonly author: string },
  disposition: Disposition,
  now: number,
): NewReceipt[] {
  if (!dispositionsOf(request.dispositions).includes(disposition)) return [];
  const { mailbox_id, author, recipient, imdn_id, date_time, return_hop } = request;
  const told = { mailbox_id, author, recipient, status: TOLD[disposition], imdn_id, date_time, return_hop };
  return [{ ...told, created_at: now, due_at: now }];
}

function fits({ messageId, dateTime, returnHop }: ReceiptRequest): boolean {
  return [messageId, dateTime ?? '', returnHop ?? ''].every(
    (field) => Buffer.byteLength(field) <= STORE_LIMITS.receiptField,
  );
}

type TextKey = Pick<MessageRow, 'mailbox_id' | 'unique_hash'>;

function keyOf({ mailbox_id, unique_hash }: TextKey): string {
  return `${mailbox_id} ${unique_hash.toString('hex')}`;
}

/** The ids that texts of this transaction were given. */
async function idsOfTexts(
  trx: Knex.Transaction,
  texts: readonly TextKey[],
): Promise<ReadonlyMap<string, number>> {
  const rows: (TextKey & Pick<MessageRow, 'id'>)[] = await trx('message')
    .whereIn(
      ['mailbox_id', 'unique_hash'],
      texts.map(({ mailbox_id, unique_hash }): [number, Buffer] => [mailbox_id, unique_hash]),
    )
    .select('id', 'mailbox_id', 'unique_hash');
  return new Map(rows.map((row) => [keyOf(row), row.id]));
}
