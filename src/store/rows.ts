import { AddressOfRecord } from '../core/address-of-record.ts';
import type {
  Disposition,
  MailboxCounts,
  Receipt,
  ReceiptRequest,
  ReceiptStatus,
  StoredMessage,
} from '../mailbox/ports.ts';
import type { LampTruth, PublicationState } from '../mwi/ports.ts';

/** A row of `mailbox`. MySQL's driver gives big integers as numbers while they are safe. */
export interface MailboxRow {
  id: number;
  /** The owner's address of record. */
  aor: string;
  new_count: number;
  old_count: number;
  new_urgent: number;
  old_urgent: number;
  /** Texts that are not due yet. */
  scheduled_count: number;
  /** Of all its texts, those too that are not due yet. */
  bytes: number;
  wanted_version: number;
  changed_at: number;
  /** When one of its users last came online, epoch ms. */
  registered_at: number;
}

/** A row of `message`. */
export interface MessageRow {
  id: number;
  mailbox_id: number;
  unique_hash: Buffer;
  author: string;
  author_name: string;
  message_id: string;
  content_type: string;
  content: Buffer;
  subject: string;
  urgent: number | boolean;
  sent_at: number | null;
  received_at: number;
  read_at: number | null;
  lease_token: string | null;
  lease_until: number | null;
  wrapper: Buffer | null;
  /** Null for a text that was read: it expires no more. */
  expires_at: number | null;
  /** When it is due; null once it is. */
  deliver_at: number | null;
  /** A read text that stays until its owner deletes it. */
  saved: number | boolean;
  /** What it takes of its mailbox's room. */
  bytes: number;
}

/** A row of `receipt_request`: what the sender of a text wants to be told of it. */
export interface ReceiptRequestRow {
  /** `id` of the text. */
  text_id: number;
  mailbox_id: number;
  /** The address she wrote to, the owner's or an alias. */
  recipient: string;
  imdn_hash: Buffer;
  imdn_id: string;
  /** With spaces between them. */
  dispositions: string;
  date_time: string | null;
  return_hop: string | null;
  /** When the owner was first said to have it on her screen. */
  displayed_at: number | null;
}

/** A row of `display_request`: as {@link ReceiptRequestRow}, of a text that was read and is no more. */
export interface DisplayRequestRow extends ReceiptRequestRow {
  author: string;
  forget_at: number;
}

/** A row of `gone_text`: a text that is no more, for as long as its sender may send it again. */
export interface GoneTextRow {
  mailbox_id: number;
  unique_hash: Buffer;
  /** Epoch ms. */
  forget_at: number;
}

/** A row of `receipt`: one that is to be sent. */
export interface ReceiptRow {
  id: number;
  mailbox_id: number;
  author: string;
  /** As whom it speaks: the address the text was sent to. */
  recipient: string;
  status: ReceiptStatus;
  imdn_id: string;
  date_time: string | null;
  return_hop: string | null;
  attempts: number;
  created_at: number;
  due_at: number;
  claim_node: string | null;
  claim_until: number | null;
}

/** A text with what its sender wants to be told, where `message` is joined with `receipt_request`, perhaps without a row. */
export type TextRow = MessageRow & {
  [Column in 'imdn_id' | 'dispositions' | 'date_time' | 'return_hop']: ReceiptRequestRow[Column] | null;
};

/** The columns of a {@link TextRow}. */
export const TEXT_COLUMNS = [
  'message.*',
  ...['imdn_id', 'dispositions', 'date_time', 'return_hop'].map((column) => `receipt_request.${column}`),
];

/** A row of `address`: one address of record of a mailbox, and what was published for its lamp. */
export interface AddressRow {
  id: number;
  mailbox_id: number;
  aor: string;
  published_version: number;
  entity_tag: string | null;
  expires_at: number | null;
  failures: number;
  restore_at: number | null;
  reassure_at: number | null;
  refused_with: number | null;
  due_at: number | null;
  not_before: number;
  claim_node: string | null;
  claim_until: number | null;
}

/** `claimed_wanted` of who registered anew since her push was claimed: what comes of that says nothing of this registration. */
export const REGISTERED_ANEW = -1;

/** A row of `registration`: that the user of an address is online, and whether texts are to be brought to her. */
export interface RegistrationRow {
  address_id: number;
  /** That which was heard of last; '' when it is over and others last. */
  name: string;
  /** All that last: {@link withPhone}. */
  phones: string;
  /** When the last of them ends. */
  until: number;
  /** With spaces between them; null: unknown. */
  methods: string | null;
  hop: string | null;
  /** Null: there is nothing to bring, or no more is tried. */
  push_due_at: number | null;
  /** Attempts since she registered anew that did not bring all. */
  attempts: number;
  /** Grows with everything that makes a push due. */
  wanted: number;
  claim_node: string | null;
  claim_until: number | null;
  /** What `wanted` was when the push was claimed; {@link REGISTERED_ANEW} since she registered anew. */
  claimed_wanted: number;
}

/** What an address, its mailbox and what the voicemail says of it tell together. */
export type LampRow = Omit<MailboxRow, 'id' | 'aor'> &
  AddressRow & {
    owner: string;
    voicemail_body: string | null;
    stands_until: number | null;
  };

/** The columns of a {@link LampRow}, where `address` is joined with `mailbox` and, perhaps without a row, `voicemail`. */
export const LAMP_COLUMNS = [
  'address.*',
  'mailbox.aor as owner',
  ...['new_count', 'old_count', 'new_urgent', 'old_urgent', 'wanted_version', 'changed_at'].map(
    (column) => `mailbox.${column}`,
  ),
  'voicemail.body as voicemail_body',
  'voicemail.stands_until',
];

export const NO_MESSAGES: MailboxCounts = { new: 0, old: 0, newUrgent: 0, oldUrgent: 0 };

export function countsOf(
  row: Pick<MailboxRow, 'new_count' | 'old_count' | 'new_urgent' | 'old_urgent'>,
): MailboxCounts {
  return {
    new: row.new_count,
    old: row.old_count,
    newUrgent: row.new_urgent,
    oldUrgent: row.old_urgent,
  };
}

export function truthOf(row: LampRow): LampTruth {
  const { voicemail_body: body, stands_until: until } = row;
  return {
    counts: countsOf(row),
    wantedVersion: row.wanted_version,
    changedAt: row.changed_at,
    voicemail: body === null || until === null ? null : { body, until },
  };
}

export function stateOf(row: AddressRow): PublicationState {
  return {
    entityTag: row.entity_tag,
    expiresAt: row.expires_at,
    publishedVersion: row.published_version,
    failures: row.failures,
    restoreAt: row.restore_at,
    reassureAt: row.reassure_at,
    refusedWith: row.refused_with,
  };
}

export function messageOf(row: TextRow, owner: AddressOfRecord): StoredMessage {
  return {
    id: row.id,
    owner,
    author: row.author,
    authorName: row.author_name,
    uniqueKey: row.unique_hash.toString('hex'),
    messageId: row.message_id,
    contentType: row.content_type,
    content: row.content,
    subject: row.subject,
    urgent: Boolean(row.urgent),
    sentAt: row.sent_at,
    receivedAt: row.received_at,
    expiresAt: row.expires_at,
    deliverAt: row.deliver_at,
    wrapper: row.wrapper,
    receipts: requestOf(row),
  };
}

function requestOf({ imdn_id, dispositions, date_time, return_hop }: TextRow): ReceiptRequest | null {
  if (imdn_id === null || dispositions === null) return null;
  return {
    dispositions: dispositionsOf(dispositions),
    messageId: imdn_id,
    dateTime: date_time,
    returnHop: return_hop,
  };
}

const DISPOSITIONS: readonly Disposition[] = [
  'positive-delivery',
  'negative-delivery',
  'processing',
  'display',
];

export function dispositionsOf(column: string): readonly Disposition[] {
  const words = new Set(column.split(' '));
  return DISPOSITIONS.filter((disposition) => words.has(disposition));
}

export function receiptOf(row: ReceiptRow): Receipt {
  return {
    id: row.id,
    to: row.author,
    owner: ownerOf(row.recipient),
    status: row.status,
    messageId: row.imdn_id,
    dateTime: row.date_time,
    returnHop: row.return_hop,
    attempts: row.attempts,
    createdAt: row.created_at,
  };
}

export function ownerOf(aor: string): AddressOfRecord {
  return AddressOfRecord.parse(aor);
}
