import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { variableReference } from '../src/config.ts';

const ROOT = resolve(import.meta.dirname, '..');
const PAGE = readFileSync(join(ROOT, 'docs/msilo.md'), 'utf8');

/** What msilo of Kamailio has, as its manual lists it: parameters, functions and statistics. */
const MSILO = [
  ...[
    'db_url',
    'db_table',
    'sc_mid',
    'sc_from',
    'sc_to',
    'sc_uri_user',
    'sc_uri_host',
    'sc_body',
    'sc_ctype',
  ],
  ...[
    'sc_exp_time',
    'sc_inc_time',
    'sc_snd_time',
    'sc_stored_hdrs',
    'from_address',
    'contact_hdr',
    'extra_hdrs',
  ],
  ...['offline_message', 'content_type_hdr', 'reminder', 'outbound_proxy', 'expire_time', 'check_time'],
  ...['send_time', 'clean_period', 'use_contact', 'snd_time_avp', 'add_date', 'max_messages', 'add_contact'],
  ...['extra_hdrs_avp', 'skip_notification_flag', 'm_store', 'm_dump', 'stored_messages', 'dumped_messages'],
  ...['failed_messages', 'dumped_reminders', 'failed_reminders'],
];

interface Row {
  readonly subject: string;
  readonly here: string;
  readonly proof: string;
}

/** The rows of all three-column tables on the page. */
function rows(): Row[] {
  return PAGE.split('\n').flatMap((line) => {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    const [subject = '', here = '', proof = ''] = cells;
    const isRow = cells.length === 3 && !/^-+$/.test(subject) && proof !== 'proved by';
    return isRow ? [{ subject, here, proof }] : [];
  });
}

/** Words in backticks. */
function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
}

describe('the table that maps msilo to this mailbox', () => {
  it('has a row for everything msilo has', () => {
    const named = new Set(rows().flatMap(({ subject }) => quoted(subject)));
    expect(MSILO.filter((name) => !named.has(name))).to.deep.equal([]);
  });

  it('names settings that exist', () => {
    const settings = new Set(variableReference().map(({ name }) => name));
    const named = rows()
      .flatMap(({ here }) => quoted(here))
      .flatMap((word) => /^([A-Z][A-Z_]{4,})(=|$)/.exec(word)?.[1] ?? []);
    expect(named.filter((name) => !settings.has(name))).to.deep.equal([]);
    expect(named).to.not.have.length(0);
  });

  for (const { subject, proof } of rows()) {
    it(`names a test that runs for ${subject}`, () => {
      const proofs = [...proof.matchAll(/`(test\/[^`]+\.ts)`: ([^;]+)/g)];
      expect(proofs, 'at least one: `test/FILE.ts`: its name').to.not.have.length(0);
      for (const [, file = '', name = ''] of proofs) {
        const path = join(ROOT, file);
        expect(existsSync(path), `${file} exists`).to.equal(true);
        const source = readFileSync(path, 'utf8').replace(/\\'/g, "'");
        expect(source.includes(name.trim()), `${file} has the test "${name.trim()}"`).to.equal(true);
      }
    });
  }
});
