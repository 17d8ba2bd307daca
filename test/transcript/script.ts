const ZONE = 'Europe/Madrid';
const WIDTH = 16;

/** What everybody sees, as a play: scenes with the time, and lines with the name of who speaks. */
export class Script {
  readonly #now: () => number;
  readonly #lines: string[] = [];
  #last: 'scene' | 'line' = 'scene';

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Something happens. */
  scene(words: string): void {
    if (this.#last === 'line') this.#lines.push('');
    this.#last = 'scene';
    this.#lines.push(`[${timeOf(this.#now())}]  ${words}`);
  }

  /** Somebody says something. */
  line(who: string, words: string): void {
    if (this.#last === 'scene' || who === 'Alice') this.#lines.push('');
    this.#last = 'line';
    const [first = '', ...more] = words.split('\n');
    this.#lines.push(`${who.padStart(WIDTH)}  ${first}`);
    for (const line of more) this.#lines.push(`${' '.repeat(WIDTH)}  ${line}`);
  }

  /** A message as a client with CPIM shows it: under the name of its author; plain words are the mailbox's. */
  message(body: string): void {
    const author = /^From: "?([^"<]*?)"? ?</m.exec(body)?.[1];
    if (author === undefined) {
      this.line('mailbox', body);
      return;
    }
    const at = Date.parse(/^DateTime: (\S+)/m.exec(body)?.[1] ?? '');
    const words = body.split('\r\n\r\n').slice(2).join('\r\n\r\n');
    this.line(`${author} ${timeOf(at)}`, words);
  }

  toString(): string {
    return this.#lines.join('\n');
  }
}

function timeOf(at: number): string {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: ZONE, hour: '2-digit', minute: '2-digit' });
  return format.format(at);
}
