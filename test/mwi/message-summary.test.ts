import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import {
  MalformedMessageSummary,
  formatMessageSummary,
  parseMessageSummary,
} from '../../src/mwi/message-summary.ts';

const ROOT = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../..' : '../../..');
const FIXTURES = join(ROOT, 'fixtures/mwi');
const read = (path: string): string => readFileSync(join(FIXTURES, path), 'latin1');
const ACCOUNT = AddressOfRecord.parse('sip:mailbox@example.com');

describe('message-summary body', () => {
  it('says that texts wait, byte for byte', () => {
    const body = formatMessageSummary({ new: 2, old: 8, newUrgent: 1, oldUrgent: 2 }, ACCOUNT);
    expect(body).to.equal(read('valid/texts-waiting.mwi'));
  });

  it('says that none wait, byte for byte', () => {
    const body = formatMessageSummary({ new: 0, old: 3, newUrgent: 0, oldUrgent: 0 }, ACCOUNT);
    expect(body).to.equal(read('valid/nothing-waiting.mwi'));
  });

  it('is what strict presence servers take, whatever the counts and the account', () => {
    const count = fc.integer({ min: -5, max: 2 ** 33 });
    const user = fc.stringMatching(/^[A-Za-z0-9\-_.!~*'()&=+$,;?/]{1,20}$/);
    fc.assert(
      fc.property(
        fc.record({ new: count, old: count, newUrgent: count, oldUrgent: count }),
        user,
        (counts, name) => {
          const account = AddressOfRecord.parse(`sip:${name}@example.com`);
          const body = formatMessageSummary(counts, account);
          expect(body).to.match(
            /^Messages-Waiting: (yes|no)\r\nMessage-Account: sip:[^\s<>]+\r\nText-Message: \d+\/\d+ \(\d+\/\d+\)\r\n$/,
          );
          expect(body).to.match(/^[\x20-\x7e\r\n]*$/);
          expect(parseMessageSummary(body)).to.deep.include({
            messagesWaiting: counts.new > 0,
            messageAccount: account.toString(),
          });
        },
      ),
    );
  });
});

describe('message-summary parser', () => {
  it('reads every context class and the headers of single messages', () => {
    const summary = parseMessageSummary(read('valid/rfc3842-example.mwi'));
    expect(summary.messagesWaiting).to.equal(true);
    expect(summary.messageAccount).to.equal('sip:alice@vmail.example.com');
    expect([...summary.counts.keys()]).to.deep.equal([
      'voice-message',
      'fax-message',
      'pager-message',
      'multimedia-message',
      'text-message',
      'none',
    ]);
    expect(summary.counts.get('voice-message')).to.deep.equal({ new: 4, old: 8, newUrgent: 1, oldUrgent: 2 });
    expect(summary.counts.get('fax-message')).to.deep.equal({ new: 0, old: 1, newUrgent: 0, oldUrgent: 0 });
    expect(summary.messageHeaders.map((block) => block.get('priority'))).to.deep.equal(['normal', 'urgent']);
  });

  it('takes bare LF, other spelling, blanks and lines it does not know', () => {
    const summary = parseMessageSummary(read('valid/lenient-spelling.mwi'));
    expect(summary.messagesWaiting).to.equal(true);
    expect(summary.messageAccount).to.equal('sip:mailbox@example.com');
    expect(summary.counts.get('text-message')).to.deep.equal({ new: 1, old: 0, newUrgent: 0, oldUrgent: 0 });
    expect(summary.counts.size).to.equal(1);
  });

  for (const name of readdirSync(join(FIXTURES, 'valid'))) {
    it(`survives ${name} cut at every byte`, () => {
      const body = read(`valid/${name}`);
      expect(() => parseMessageSummary(body)).not.to.throw();
      for (let length = 0; length < body.length; length++) {
        try {
          parseMessageSummary(body.slice(0, length));
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedMessageSummary);
        }
      }
    });
  }

  for (const name of readdirSync(join(FIXTURES, 'invalid'))) {
    it(`refuses ${name}`, () => {
      expect(() => parseMessageSummary(read(`invalid/${name}`))).to.throw(MalformedMessageSummary);
    });
  }
});
