import { createHash } from 'node:crypto';
import { emptyCpim } from '../../im/cpim.ts';
import { formatCpim } from '../../im/cpim-writer.ts';
import type { ImdnKind } from '../../im/imdn.ts';
import { IMDN_CPIM_NAMESPACE, IMDN_TYPE, formatImdn } from '../../im/imdn.ts';
import { CPIM_TYPE } from '../../im/storable.ts';
import type { Receipt, ReceiptStatus } from '../ports.ts';

/** What is sent to an author: a disposition notification in message/cpim. */
export interface ReceiptNotification {
  readonly contentType: string;
  readonly content: Buffer;
}

/** RFC 5438 §5: what each status is a notification of. */
const KINDS: Readonly<Record<ReceiptStatus, ImdnKind>> = {
  stored: 'processing',
  delivered: 'delivery',
  failed: 'delivery',
  displayed: 'display',
};

/**
 * The notification for a receipt (RFC 5438 §7.2.1): it speaks as the owner to the author, says `Content-Disposition:
 * notification`, and never asks for a notification itself. The same receipt gives the same bytes each time it is sent, its
 * Message-ID too, so that one which arrives twice is known again.
 *
 * RFC 5438 §11: `datetime` is what the text's own DateTime said, as it stood there. The schema wants one always, so that of a
 * text without is when it happened. `recipient-uri` and `original-recipient-uri` come together or not at all; nothing between
 * the author and us is known to have changed the address, so both are the owner's.
 */
export function writeNotification(receipt: Receipt): ReceiptNotification {
  const owner = receipt.owner.toString();
  const content = formatCpim({
    ...emptyCpim,
    // Linphone answers 488 to a display name here, and to a From that is not SIP's.
    from: { displayName: '', uri: owner },
    to: [{ displayName: '', uri: receipt.to }],
    dateTime: receipt.createdAt,
    namespaces: new Map([['imdn', IMDN_CPIM_NAMESPACE]]),
    headers: [{ name: 'imdn.Message-ID', value: notificationId(receipt) }],
    contentType: IMDN_TYPE,
    mimeHeaders: [{ name: 'Content-Disposition', value: 'notification' }],
    content: formatImdn({
      messageId: receipt.messageId,
      dateTime: receipt.dateTime ?? new Date(receipt.createdAt).toISOString(),
      recipientUri: owner,
      originalRecipientUri: owner,
      kind: KINDS[receipt.status],
      status: receipt.status,
    }),
  });
  return { contentType: CPIM_TYPE, content };
}

/** The notification's own Message-ID (RFC 5438 §6.3): 128 bits out of all that tells it from others. */
function notificationId({ owner, to, messageId, status, createdAt }: Receipt): string {
  const whole = JSON.stringify([owner.toString(), to, messageId, status, createdAt]);
  return createHash('sha256').update(whole).digest('hex').slice(0, 32);
}
