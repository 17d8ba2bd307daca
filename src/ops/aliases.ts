import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { AddressBook, AliasOutcome } from '../mailbox/ports.ts';
import type { ExitCode, Output } from './command-end.ts';
import { EXIT } from './command-end.ts';

/** Aliases read at a time. */
const PAGE = 500;

/** Gives a mailbox one address more: `text-mailbox alias add`. */
export async function addAlias(
  book: Pick<AddressBook, 'addAlias'>,
  owner: AddressOfRecord,
  alias: AddressOfRecord,
  output: Output,
): Promise<ExitCode> {
  if (owner.equals(alias)) {
    output.write(`${alias.toString()} is the owner herself.\n`);
    return EXIT.findings;
  }
  const outcome = await book.addAlias(owner, alias);
  output.write(`${sentence(outcome, owner.toString(), alias.toString())}\n`);
  return outcome === 'added' || outcome === 'there already' ? EXIT.right : EXIT.findings;
}

function sentence(outcome: AliasOutcome, owner: string, alias: string): string {
  switch (outcome) {
    case 'added':
      return `${alias} is an alias of ${owner} now: one mailbox, the lamp of each.`;
    case 'there already':
      return `${alias} and ${owner} have one mailbox already.`;
    case 'is an owner with aliases':
      return `${alias} has aliases itself: remove them first.`;
    case 'belongs to another':
      return `${alias} is an alias of somebody else: remove it there first.`;
  }
}

/** Takes an address away from its mailbox: `text-mailbox alias remove`. */
export async function removeAlias(
  book: Pick<AddressBook, 'removeAlias'>,
  alias: AddressOfRecord,
  output: Output,
): Promise<ExitCode> {
  const removed = await book.removeAlias(alias);
  output.write(
    removed
      ? `${alias.toString()} is an alias no more; its texts stay with the owner.\n`
      : `${alias.toString()} is no alias.\n`,
  );
  return removed ? EXIT.right : EXIT.findings;
}

/** Prints all aliases, `ALIAS  OWNER` a line: `text-mailbox alias list`. */
export async function listAliases(book: Pick<AddressBook, 'aliases'>, output: Output): Promise<ExitCode> {
  let after: AddressOfRecord | null = null;
  for (;;) {
    const page = await book.aliases(after, PAGE);
    for (const { owner, alias } of page) output.write(`${alias.toString()}  ${owner.toString()}\n`);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return EXIT.right;
    after = last.alias;
  }
}
