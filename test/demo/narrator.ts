import type { Trace } from '../doubles/sip-phone.ts';

const SHOWN_HEADERS =
  /^(from|to|event|expires|subscription-state|sip-etag|content-type|message-account|messages-waiting|text-message|to-path|from-path|byte-range|status|success-report|contact|warning):/i;

/** Prints the story: steps for people, wire messages for engineers, both short. */
export class Narrator {
  readonly #colour: boolean;
  readonly #print: (line: string) => void;
  #step = 0;

  constructor(print: (line: string) => void, colour: boolean) {
    this.#print = print;
    this.#colour = colour;
  }

  /** The next thing that happens. */
  step(text: string): void {
    this.#print('');
    this.#print(this.#paint('1', `${String(++this.#step)}. ${text}`));
  }

  /** What was seen to hold. */
  check(text: string): void {
    this.#print(`   ${this.#paint('32', '✔')} ${text}`);
  }

  /** Something that did not hold. */
  fail(text: string): void {
    this.#print(`   ${this.#paint('31', '✘')} ${text}`);
  }

  line(text: string): void {
    this.#print(text);
  }

  /** Shows the messages of one party, its headers that matter here and its body. */
  trace(party: string): Trace {
    return (direction, text) => {
      const arrow = direction === 'out' ? `${party} ──>` : `${party} <──`;
      const [startLine = '', ...shown] = condense(text);
      this.#print(`   ${this.#paint('36', arrow)} ${this.#paint('1', startLine)}`);
      for (const line of shown) this.#print(`   ${' '.repeat(arrow.length)} ${this.#paint('2', line)}`);
    };
  }

  #paint(code: string, text: string): string {
    return this.#colour ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

function condense(text: string): string[] {
  const blank = text.indexOf('\r\n\r\n');
  const head = (blank === -1 ? text : text.slice(0, blank)).split('\r\n');
  const body = blank === -1 ? [] : text.slice(blank + 4).split('\r\n');
  const isMsrp = text.startsWith('MSRP ');
  const wanted = head.slice(1).filter((line) => SHOWN_HEADERS.test(line));
  const content = body.filter((line) => line !== '' && !(isMsrp && line.startsWith('-------')));
  return [head[0] ?? '', ...wanted, ...(content.length === 0 ? [] : ['', ...content])];
}
