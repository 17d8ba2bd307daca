import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { MessageSummary } from '../../src/presence/message-summary.ts';
import { addCounts, formatMessageSummary, parseMessageSummary } from '../../src/presence/message-summary.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/presence');
const fixture = (path: string): string => readFileSync(join(FIXTURES, path), 'latin1');

const parsed = (body: string): MessageSummary => {
  const summary = parseMessageSummary(body);
  if (summary === null) throw new Error(`not a summary: ${JSON.stringify(body)}`);
  return summary;
};

describe('the message-summary body', () => {
  for (const name of readdirSync(join(FIXTURES, 'valid'))) {
    it(`is read, and written in a form that reads the same: ${name}`, () => {
      const summary = parsed(fixture(`valid/${name}`));
      const written = formatMessageSummary(summary);
      expect(parsed(written)).to.deep.equal(summary);
      expect(written.replaceAll('\r\n', '')).not.to.match(/[\r\n]/);
      expect(written.endsWith('\r\n')).to.equal(true);
    });
  }

  for (const name of readdirSync(join(FIXTURES, 'invalid'))) {
    it(`is refused: ${name}`, () => {
      expect(parseMessageSummary(fixture(`invalid/${name}`))).to.equal(null);
    });
  }

  it('gives status, account, counts and urgent counts', () => {
    const summary = parsed(fixture('valid/text-with-urgent.txt'));
    expect(summary.waiting).to.equal(true);
    expect(summary.account).to.equal('sip:mailbox@example.test');
    expect([...summary.classes]).to.deep.equal([
      ['text-message', { new: 2, old: 1, urgent: { new: 1, old: 0 } }],
    ]);
  });

  it('is written byte for byte as it came when it came in its canonical form', () => {
    for (const name of ['nothing-waits.txt', 'text-with-urgent.txt', 'header-blocks.txt']) {
      expect(formatMessageSummary(parsed(fixture(`valid/${name}`)))).to.equal(fixture(`valid/${name}`));
    }
  });

  it('loses no sum of counts beyond 32 bits to an overflow', () => {
    const most = { new: 2 ** 32 - 1, old: 0, urgent: null };
    expect(addCounts(most, most)).to.deep.equal(most);
  });

  it('adds urgent counts where only one side tells them apart', () => {
    expect(
      addCounts({ new: 2, old: 1, urgent: null }, { new: 1, old: 1, urgent: { new: 1, old: 0 } }),
    ).to.deep.equal({ new: 3, old: 2, urgent: { new: 1, old: 0 } });
  });

  it('survives any text, and what it takes it writes in a form it takes', () => {
    const line = fc.oneof(
      fc.constantFrom(
        'Messages-Waiting: yes',
        'Message-Account: sip:a@b',
        'Text-Message: 1/0',
        'X: 1/2 (3/4)',
        '',
      ),
      fc.string({ maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        const summary = parseMessageSummary(lines.join('\r\n'));
        if (summary !== null)
          expect(parseMessageSummary(formatMessageSummary(summary))).to.deep.equal(summary);
      }),
    );
  });
});
