import type { AddressOfRecord } from '../core/address-of-record.ts';
import { inPieces } from './desk-pieces.ts';
import type { ShownList, Visit } from './desk-visit.ts';
import type { PagerSender, StoredMessage } from './ports.ts';
import { PagerDeliveryFailed, TextRefused } from './ports.ts';
import { presentAsLines } from './presentation.ts';

/**
 * An owner reached by MESSAGE: texts are plain lines that name author and time. One MESSAGE after the other, so that they arrive
 * in order; when the phone is gone, the rest is not tried.
 */
export class PagerVisit implements Visit {
  shown: ShownList;
  readonly #owner: AddressOfRecord;
  readonly #sender: PagerSender;
  #last: Promise<void> = Promise.resolve();

  constructor(owner: AddressOfRecord, sender: PagerSender) {
    this.#owner = owner;
    this.#sender = sender;
  }

  async handOver(message: StoredMessage): Promise<void> {
    await this.#inTurn(presentAsLines(message, this.#sender.maxBytes)).catch((error: unknown) => {
      throw isOfThisText(error) ? new TextRefused({ cause: error }) : error;
    });
  }

  async say(words: string): Promise<void> {
    await this.#inTurn(inPieces(words, this.#sender.maxBytes));
  }

  #inTurn(lines: readonly string[]): Promise<void> {
    const before = this.#last.catch((error: unknown) => {
      if (!isOfThisText(error)) throw error;
    });
    this.#last = before.then(async () => {
      for (const line of lines) await this.#sender.send(this.#owner, line);
    });
    return this.#last;
  }
}

/** RFC 3261 §21.4: answers that speak of the body, not of the user. */
function isOfThisText(error: unknown): boolean {
  return error instanceof PagerDeliveryFailed && [400, 413, 415, 488, 513, 606].includes(error.status);
}
