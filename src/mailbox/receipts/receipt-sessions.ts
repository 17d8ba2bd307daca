import type { AddressOfRecord } from '../../core/address-of-record.ts';
import { IMDN_TYPE } from '../../im/imdn.ts';
import { CPIM_TYPE } from '../../im/storable.ts';
import type { PeerFormats } from '../presentation.ts';
import { takes } from '../presentation.ts';
import { RECEIPT_LIMITS } from './receipt-limits.ts';
import type { ReceiptNotification } from './receipt-notification.ts';

/** Hands a notification over in one chat session; rejects when the peer did not take it. */
export type SendInSession = (notification: ReceiptNotification) => Promise<void>;

/** The chat sessions in which authors leave texts, while they are bound: where a receipt finds its author first. */
export class ReceiptSessions {
  /** By owner and author; of several sessions the last is the one she looks at. */
  readonly #sessions = new Map<string, SendInSession[]>();
  #count = 0;

  /** Keeps a session until the returned function is called. */
  add(owner: AddressOfRecord, author: string, send: SendInSession): () => void {
    if (this.#count >= RECEIPT_LIMITS.sessions) return () => undefined;
    const key = keyOf(owner, author);
    this.#sessions.set(key, [...(this.#sessions.get(key) ?? []), send]);
    this.#count++;
    let there = true;
    return () => {
      if (!there) return;
      there = false;
      this.#count--;
      const rest = (this.#sessions.get(key) ?? []).filter((each) => each !== send);
      if (rest.length === 0) this.#sessions.delete(key);
      else this.#sessions.set(key, rest);
    };
  }

  /** The session in which `author` leaves texts for `owner` now. */
  find(owner: AddressOfRecord, author: string): SendInSession | undefined {
    return this.#sessions.get(keyOf(owner, author))?.at(-1);
  }
}

/** A receipt is message/imdn+xml within message/cpim: a client has to take both (RFC 4975 §8.6). */
export function takesReceipts({ acceptTypes, acceptWrappedTypes }: PeerFormats): boolean {
  if (!takes(acceptTypes, CPIM_TYPE)) return false;
  return acceptWrappedTypes.length === 0 || takes(acceptWrappedTypes, IMDN_TYPE);
}

function keyOf(owner: AddressOfRecord, author: string): string {
  return `${owner.toString()} ${author}`;
}
