import { expect } from 'chai';
import fc from 'fast-check';
import { parseCSeq } from '../../src/engine/message/cseq.ts';
import { topVia } from '../../src/engine/transaction/match.ts';
import type { WellFormed } from './grammar.ts';
import { nearlyWellFormed, wellFormed, written } from './grammar.ts';
import { mutation } from './mutation.ts';
import { originals } from './originals.ts';
import type { Tally } from './read-everything.ts';
import { newTally, readEverything, shown } from './read-everything.ts';

const cuts = fc.array(fc.nat(4_095), { maxLength: 3 });

/** Says which bytes it was, whatever went wrong with them. */
function telling(bytes: Buffer, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${shown(bytes)}`, {
      cause: error,
    });
  }
}

function run(bytes: fc.Arbitrary<Buffer>, runs: number, seed: number): Tally {
  const tally = newTally();
  const property = fc.property(bytes, cuts, (each, places) => {
    telling(each, () => void readEverything(each, places, tally));
  });
  withoutStacks(() => fc.assert(property, { numRuns: runs, seed }));
  return tally;
}

/** Most of the time would go into the stacks of the errors that refuse a value; which bytes it was says more. */
function withoutStacks(work: () => void): void {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Messages by the grammar: each is read, and says what it was made of. */
export function fuzzWellFormed(runs: number, seed: number): Tally {
  const tally = newTally();
  const property = fc.property(wellFormed, cuts, (message, places) => {
    const bytes = written(message);
    telling(bytes, () => checkRead(message, bytes, places, tally));
  });
  withoutStacks(() => fc.assert(property, { numRuns: runs, seed }));
  return tally;
}

function checkRead(meant: WellFormed, bytes: Buffer, places: readonly number[], tally: Tally): void {
  const message = readEverything(bytes, places, tally);
  if (message === undefined) throw new Error('a message by the grammar was refused');
  const start = message.kind === 'request' ? [message.method, message.uri] : [message.status];
  expect(start).to.deep.equal(meant.status === 0 ? [meant.method, meant.uri] : [meant.status]);
  const { headers, body } = message;
  expect(headers.get('Call-ID')).to.equal(meant.callId);
  expect(parseCSeq(headers.get('CSeq') ?? '')).to.deep.equal({
    sequence: meant.sequence,
    method: meant.method,
  });
  expect(headers.all('Via').length, 'Vias').to.equal(meant.branches.length);
  expect(topVia(headers).params.get('branch')).to.equal(meant.branches[0]);
  expect(body.equals(meant.body), 'body').to.equal(true);
}

/** Messages with a fault or two. */
export function fuzzNearlyWellFormed(runs: number, seed: number): Tally {
  return run(nearlyWellFormed, runs, seed);
}

/** The bytes of the fixtures, spoilt. */
export function fuzzMutations(runs: number, seed: number): Tally {
  return run(mutation(originals()), runs, seed);
}
