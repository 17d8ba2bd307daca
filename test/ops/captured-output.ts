import type { Output } from '../../src/ops/command-end.ts';

/** Keeps what a command says. */
export class CapturedOutput implements Output {
  text = '';

  write(text: string): void {
    this.text += text;
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  get last(): string {
    return this.lines.at(-1) ?? '';
  }
}
