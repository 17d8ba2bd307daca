const HEAD_END = '\r\n\r\n';

/** Cuts the bytes of a TCP connection into SIP messages (RFC 3261 §18.3). Shares no code with the program measured. */
export class SipStream {
  #rest = '';

  /** The messages that are whole now. Bytes stand as characters of the same number. */
  push(bytes: Buffer): string[] {
    this.#rest += bytes.toString('latin1');
    const messages: string[] = [];
    for (;;) {
      const headEnd = this.#rest.indexOf(HEAD_END);
      if (headEnd < 0) break;
      const bodyLength = Number(
        /\r\n(?:content-length|l) *: *(\d+)/i.exec(this.#rest.slice(0, headEnd))?.[1] ?? 0,
      );
      const end = headEnd + HEAD_END.length + bodyLength;
      if (this.#rest.length < end) break;
      messages.push(this.#rest.slice(0, end).trimStart());
      this.#rest = this.#rest.slice(end);
    }
    return messages;
  }
}
