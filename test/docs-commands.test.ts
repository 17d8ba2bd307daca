import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseCommand } from '../src/mailbox/commands/parse-command.ts';
import { LANGUAGES } from '../src/mailbox/phrases/phrases.ts';
import { packageRoot } from './doubles/package-root.ts';

/** Commands of the table in docs/commands.md: of each row, by column, what stands in code. */
function rows(): string[][][] {
  const page = readFileSync(join(packageRoot, 'docs/commands.md'), 'utf8');
  return [...page.matchAll(/^\| [A-Z].*\|$/gm)].map(([row]) =>
    row
      .split('|')
      .slice(2, 2 + LANGUAGES.length)
      .map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, words = '']) => words)),
  );
}

describe('docs/commands.md', () => {
  for (const columns of rows()) {
    const [english] = columns[0] ?? [];
    it(`names "${english ?? ''}" as it is said in each language`, () => {
      const { kind } = parseCommand(english ?? '', 'en');
      columns.forEach((spoken, column) => {
        expect(spoken).to.not.deep.equal([]);
        for (const words of spoken) {
          expect(parseCommand(words, LANGUAGES[column] ?? 'en').kind, words).to.equal(kind);
        }
      });
    });
  }

  it('names all commands', () => {
    const kinds = rows().map((columns) => parseCommand(columns[0]?.[0] ?? '', 'en').kind);
    expect(new Set(kinds).size).to.equal(18);
  });
});
