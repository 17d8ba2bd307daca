import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { AddressBook, AliasOutcome } from '../../src/mailbox/ports.ts';
import { addAlias, listAliases, removeAlias } from '../../src/ops/aliases.ts';
import { CapturedOutput } from './captured-output.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.com');
const SALES = AddressOfRecord.parse('sip:sales@example.com');

describe('text-mailbox alias', () => {
  let output: CapturedOutput;

  beforeEach(() => {
    output = new CapturedOutput();
  });

  const add = async (outcome: AliasOutcome): Promise<number> =>
    await addAlias({ addAlias: () => Promise.resolve(outcome) }, ALICE, SALES, output);

  it('add: ends with 0 when the two share a mailbox, now or already', async () => {
    expect(await add('added')).to.equal(0);
    expect(output.last).to.equal(
      'sip:sales@example.com is an alias of sip:alice@example.com now: one mailbox, the lamp of each.',
    );
    expect(await add('there already')).to.equal(0);
  });

  it('add: ends with 1 and says why when they cannot', async () => {
    expect(await add('is an owner with aliases')).to.equal(1);
    expect(output.last).to.include('sip:sales@example.com has aliases itself');
    expect(await add('belongs to another')).to.equal(1);
    expect(output.last).to.include('alias of somebody else');
  });

  it('add: refuses an address as its own alias without asking the database', async () => {
    const book = { addAlias: () => Promise.reject(new Error('asked')) };
    expect(await addAlias(book, ALICE, ALICE, output)).to.equal(1);
  });

  it('remove: ends with 0 when it was one, with 1 when not', async () => {
    expect(await removeAlias({ removeAlias: () => Promise.resolve(true) }, SALES, output)).to.equal(0);
    expect(await removeAlias({ removeAlias: () => Promise.resolve(false) }, SALES, output)).to.equal(1);
    expect(output.last).to.equal('sip:sales@example.com is no alias.');
  });

  it('list: prints every pair, page by page', async () => {
    const all = Array.from({ length: 1001 }, (_, index) =>
      AddressOfRecord.parse(`sip:a${String(index).padStart(4, '0')}@example.com`),
    );
    const pages: number[] = [];
    const book: Pick<AddressBook, 'aliases'> = {
      aliases: (after, limit) => {
        pages.push(limit);
        const rest = all.filter((alias) => alias.toString() > (after?.toString() ?? ''));
        return Promise.resolve(rest.slice(0, limit).map((alias) => ({ owner: ALICE, alias })));
      },
    };
    expect(await listAliases(book, output)).to.equal(0);
    expect(output.lines).to.deep.equal(all.map((alias) => `${alias.toString()}  sip:alice@example.com`));
    expect(pages).to.deep.equal([500, 500, 500]);
  });
});
