import { AddressOfRecord } from '../core/address-of-record.ts';
import type { MailboxCounts, StoredMessage } from '../mailbox/ports.ts';

/** A row of `mailbox`. MySQL's driver gives big integers as numbers while they are safe. */
export interface MailboxRow {
  id: number;
  aor: string;
  new_count: number;
  old_count: number;
  new_urgent: number;
  old_urgent: number;
  wanted_version: number;
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
}

/** A row of `publication`. */
export interface PublicationRow {
  mailbox_id: number;
  published_version: number;
  entity_tag: string | null;
  expires_at: number | null;
  failures: number;
  due_at: number | null;
  not_before: number;
  claim_node: string | null;
  claim_until: number | null;
}

export const NO_MESSAGES: MailboxCounts = { new: 0, old: 0, newUrgent: 0, oldUrgent: 0 };

export function countsOf(row: MailboxRow): MailboxCounts {
  return {
    new: row.new_count,
    old: row.old_count,
    newUrgent: row.new_urgent,
    oldUrgent: row.old_urgent,
  };
}

export function messageOf(row: MessageRow, owner: AddressOfRecord): StoredMessage {
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
  };
}

export function ownerOf(aor: string): AddressOfRecord {
  return AddressOfRecord.parse(aor);
}
