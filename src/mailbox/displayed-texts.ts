import type { AddressOfRecord } from '../core/address-of-record.ts';
import { MailboxError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import type { Imdn } from '../im/imdn.ts';
import { isImdn, parseImdn } from '../im/imdn.ts';
import { unwrapCpim } from '../im/storable.ts';
import type { ReceiptStore } from './ports.ts';

export interface DisplayedTextsOptions {
  readonly store: Pick<ReceiptStore, 'markDisplayed'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Takes what owners' clients tell of the texts they got: that one was displayed is passed on to its author. */
export class DisplayedTexts {
  readonly #options: DisplayedTextsOptions;
  readonly #outcomes: Counter;

  constructor(options: DisplayedTextsOptions) {
    this.#options = options;
    this.#outcomes = options.metrics.counter(
      'notifications_taken_total',
      'Disposition notifications that came, by what became of them',
      ['outcome'],
    );
  }

  /**
   * Takes a notice of the owner's client, bare or in message/cpim. Whatever is no notification of display is dropped, what
   * cannot be read as well: a client that is refused one sends it again and again. Who it says it is from does not count, only
   * whose session or request it came in.
   * @throws StoreUnavailable when it could not be kept; the client may send it again
   */
  async take(owner: AddressOfRecord, contentType: string, content: Buffer): Promise<void> {
    const imdn = this.#read(owner, contentType, content);
    if (imdn === undefined) return;
    if (imdn.kind !== 'display' || imdn.status !== 'displayed') {
      this.#outcomes.add({ outcome: 'not_asked_for' });
      return;
    }
    const made = await this.#options.store.markDisplayed(owner, imdn.messageId);
    this.#outcomes.add({ outcome: made ? 'passed_on' : 'nobody_asked' });
  }

  /** One of our own came back: its author is offline as well, and it is not kept for her. */
  returned(): void {
    this.#outcomes.add({ outcome: 'came_back' });
  }

  #read(owner: AddressOfRecord, contentType: string, content: Buffer): Imdn | undefined {
    try {
      const body = unwrapCpim(contentType, content);
      return isImdn(body.contentType) ? parseImdn(body.content) : undefined;
    } catch (error) {
      if (!(error instanceof MailboxError)) throw error;
      this.#outcomes.add({ outcome: 'unreadable' });
      this.#options.logger.info(
        { mailbox: owner.toString(), error: error.message },
        'unreadable notification dropped',
      );
      return undefined;
    }
  }
}
