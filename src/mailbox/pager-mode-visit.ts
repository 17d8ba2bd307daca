import type { AddressOfRecord } from '../core/address-of-record.ts';
import { inPieces } from './desk/pieces.ts';
import type { ShownList, Visit } from './desk/visit.ts';
import type { PagerSender, StoredMessage } from './ports.ts';
import { PagerDeliveryFailed, TextRefused, refusesThisText } from './ports.ts';
import { presentAsLines } from './presentation.ts';

/** What an owner who is reached by MESSAGE has before her, from one MESSAGE to the next. */
interface Screen {
  shown: ShownList;
}

/** The screens of those who wrote last. */
export class Screens {
  readonly #most: number;
  /** By owner; whoever wrote longest ago first. */
  readonly #screens = new Map<string, Screen>();

  constructor(most: number) {
    this.#most = most;
  }

  of(owner: string): Screen {
    const screen = this.#screens.get(owner) ?? { shown: undefined };
    this.#screens.delete(owner);
    this.#screens.set(owner, screen);
    for (const oldest of this.#screens.keys()) {
      if (this.#screens.size <= this.#most) break;
      this.#screens.delete(oldest);
    }
    return screen;
  }
}

/**
 * An owner reached by MESSAGE: texts are plain lines that name author and time. One MESSAGE after the other, so that they arrive
 * in order; when the phone is gone, the rest is not tried.
 */
export class PagerVisit implements Visit {
  /** Another node may have shown her a list there, too. */
  readonly isShared = true;
  readonly #screen: Screen;
  readonly #owner: AddressOfRecord;
  readonly #sender: PagerSender;
  #last: Promise<void> = Promise.resolve();

  constructor(owner: AddressOfRecord, sender: PagerSender, screen: Screen) {
    this.#owner = owner;
    this.#sender = sender;
    this.#screen = screen;
  }

  get shown(): ShownList {
    return this.#screen.shown;
  }

  set shown(list: ShownList) {
    this.#screen.shown = list;
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

function isOfThisText(error: unknown): boolean {
  return error instanceof PagerDeliveryFailed && refusesThisText(error.status);
}
