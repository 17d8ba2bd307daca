/**
 * Rows of work, one an author: what is for one author is done one after the other, in order, what is for different ones side by
 * side. Work that waits for somebody who may never answer lets the rest of its row go, so that a row holds up nobody else for
 * long, however many stand in it.
 */
export class AuthorRows {
  /** When each row's last one has let go. */
  readonly #ends = new Map<string, Promise<void>>();

  /**
   * Runs `work` once whatever was there before for `author` has ended or let go. It is given what lets the rest of the row go on
   * before it has ended itself.
   */
  async take(author: string, work: (letGo: () => void) => Promise<void>): Promise<void> {
    const before = this.#ends.get(author) ?? Promise.resolve();
    let letGo = (): void => undefined;
    const end = new Promise<void>((resolve) => {
      letGo = () => {
        if (this.#ends.get(author) === end) this.#ends.delete(author);
        resolve();
      };
    });
    this.#ends.set(author, end);
    try {
      await before;
      await work(letGo);
    } finally {
      letGo();
    }
  }
}
