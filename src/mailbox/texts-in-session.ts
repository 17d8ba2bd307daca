import { createHash } from 'node:crypto';
import { SendFailed } from '../msrp/errors.ts';
import type { OutgoingMessage } from '../msrp/session.ts';
import type { StoredMessage } from './ports.ts';
import { TextRefused } from './ports.ts';

/** Hands texts over in a chat session. One that was cut goes out before the next: not all their parts are to wait at once. */
export class TextsInSession {
  readonly #send: (part: OutgoingMessage, messageId: string) => Promise<void>;
  /** Ends when the text that was cut into several messages last is delivered, or not. */
  #cutText: Promise<unknown> = Promise.resolve();

  /** @param send resolves when the client has acknowledged the message */
  constructor(send: (part: OutgoingMessage, messageId: string) => Promise<void>) {
    this.#send = send;
  }

  /**
   * Resolves when the client has all parts of a text.
   * @throws TextRefused when it does not take this one; whatever `send` rejects with otherwise
   */
  async deliver(parts: readonly OutgoingMessage[], id: string): Promise<void> {
    const before = this.#cutText;
    const [only, ...more] = parts;
    try {
      if (only !== undefined && more.length === 0) {
        await before;
        await this.#send(only, id);
        return;
      }
      const delivery = before.then(() =>
        Promise.all(parts.map((part, index) => this.#send(part, `${id}-${index}`))),
      );
      this.#cutText = delivery.catch(() => undefined);
      await delivery;
    } catch (error) {
      throw isOfThisText(error) ? new TextRefused({ cause: error }) : error;
    }
  }
}

/**
 * The same whenever a new text is sent, so that a client may know it again; RFC 4975 §9 gives an ident 32 characters.
 * @param again not 0 for a text she had: no two messages of a session have the same Message-ID
 */
export function messageIdOf({ uniqueKey }: StoredMessage, again = 0): string {
  const named = again === 0 ? uniqueKey : `${uniqueKey}\n${again}`;
  return createHash('sha256').update(named).digest('hex').slice(0, 24);
}

/** RFC 4975 §10: 400, 413 and 415 speak of the message, other codes of the session. */
function isOfThisText(error: unknown): boolean {
  return error instanceof SendFailed && [400, 413, 415].includes(error.status);
}
