import { readFileSync, writeFileSync } from 'node:fs';
import { variableReference } from './config.ts';

/*
 * Writes the reference of the environment into README.md (between its markers) and .env.example, from the schema that
 * reads it: `make reference`.
 */

const BEGIN = '<!-- variables: written by `make reference` -->';
const END = '<!-- end of variables -->';

/** The table for the README. */
export function referenceTable(): string {
  const rows = variableReference().map(({ name, fallback, meaning }) => {
    const shown = fallback === '' ? '' : `\`${fallback}\``;
    return `| \`${name}\` | ${shown} | ${meaning} |`;
  });
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

/** The text of .env.example: every variable with its default, commented out. */
export function referenceEnvironment(): string {
  return variableReference()
    .map(({ name, fallback, meaning }) => `# ${meaning}\n#${name}=${fallback}\n`)
    .join('\n');
}

/** `readme` with its table replaced. @throws Error when the markers are missing */
export function withReference(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin === -1 || end < begin) throw new Error('the README lacks the markers of the variable table');
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${referenceTable()}\n\n${readme.slice(end)}`;
}

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1]) {
  writeFileSync('README.md', withReference(readFileSync('README.md', 'utf8')));
  writeFileSync('.env.example', referenceEnvironment());
}
