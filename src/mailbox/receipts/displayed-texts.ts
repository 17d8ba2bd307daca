import { AddressOfRecord } from '../../core/address-of-record.ts';
import { MailboxError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Counter, Metrics } from '../../core/metrics.ts';
import type { CpimMessage } from '../../im/cpim.ts';
import type { Imdn } from '../../im/imdn.ts';
import { isImdn, parseImdn } from '../../im/imdn.ts';
import { unwrapCpim } from '../../im/storable.ts';
import type { ReceiptStore } from '../ports.ts';

export interface DisplayedTextsOptions {
  readonly store: Pick<ReceiptStore, 'markDisplayed'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Notification {
  readonly imdn: Imdn;
  /** Whom it is for, which is the author of the text it speaks of (RFC 5438 §7.2.1); null when it does not say. */
  readonly to: string | null;
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
   * whose session or request it came in; To tells whose text it speaks of, where several authors gave theirs the same id.
   * @throws StoreUnavailable when it could not be kept; the client may send it again
   */
  async take(owner: AddressOfRecord, contentType: string, content: Buffer): Promise<void> {
    const notification = this.#read(owner, contentType, content);
    if (notification === undefined) return;
    const { imdn, to } = notification;
    if (imdn.kind !== 'display' || imdn.status !== 'displayed') {
      this.#outcomes.add({ outcome: 'not_asked_for' });
      return;
    }
    const made = await this.#options.store.markDisplayed(owner, imdn.messageId, to);
    this.#outcomes.add({ outcome: made ? 'passed_on' : 'nobody_asked' });
  }

  #read(owner: AddressOfRecord, contentType: string, content: Buffer): Notification | undefined {
    try {
      const body = unwrapCpim(contentType, content);
      if (!isImdn(body.contentType)) return undefined;
      return { imdn: parseImdn(body.content), to: addresseeOf(body.wrappers[0]) };
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

/** As texts have their authors: a SIP URI without its parameters. */
function addresseeOf(wrapper: CpimMessage | undefined): string | null {
  const uri = wrapper?.to[0]?.uri;
  return uri === undefined ? null : (AddressOfRecord.tryParse(uri)?.toString() ?? uri);
}
