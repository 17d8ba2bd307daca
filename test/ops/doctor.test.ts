import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { CheckedLamp } from '../../src/mwi/convergence.ts';
import type { Fault } from '../../src/mwi/finding.ts';
import { fault } from '../../src/mwi/finding.ts';
import { examine, watch } from '../../src/ops/doctor.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { CapturedOutput } from './captured-output.ts';

function lamp(user: string, ...faults: readonly Fault[]): CheckedLamp {
  const target = AddressOfRecord.parse(`sip:${user}@example.com`);
  return { target, findings: faults.map((each) => ({ target, ...each })) };
}

function lamps(...checked: readonly CheckedLamp[]): () => AsyncIterable<CheckedLamp> {
  return async function* () {
    yield* await Promise.resolve(checked);
  };
}

const WRONG = fault('counts-wrong', 'the mailbox says 2/0', 'report it');
const LATE = fault('overdue', 'due for 3 min', 'see whether a node runs');
const NOTE = fault('told-otherwise', 'other bytes', '');
const NOT_ASKED = fault('not-asked', 'no answer', 'see whether it lives');

describe('text-mailbox doctor', () => {
  let output: CapturedOutput;

  beforeEach(() => {
    output = new CapturedOutput();
  });

  const run = (check: () => AsyncIterable<CheckedLamp>, json = false): Promise<number> =>
    examine({ check, json, output });

  it('ends with 0 and one line when every lamp is right', async () => {
    expect(await run(lamps(lamp('alice'), lamp('bob')))).to.equal(0);
    expect(output.lines).to.deep.equal(['2 lamps checked: all right.']);
  });

  it('ends with 1 and says whose lamp, what, and what to do', async () => {
    expect(await run(lamps(lamp('alice', WRONG), lamp('bob'), lamp('carol', LATE)))).to.equal(1);
    expect(output.lines).to.deep.equal([
      'wrong sip:alice@example.com  counts-wrong: the mailbox says 2/0',
      '      report it',
      'late  sip:carol@example.com  overdue: due for 3 min',
      '      see whether a node runs',
      '3 lamps checked: 1 wrong, 1 late.',
    ]);
  });

  it('ends with 0 when there are notes only', async () => {
    expect(await run(lamps(lamp('alice', NOTE)))).to.equal(0);
    expect(output.lines).to.deep.equal([
      'note  sip:alice@example.com  told-otherwise: other bytes',
      '1 lamp checked: all right.',
    ]);
  });

  it('ends with 2 when it could not ask what phones are told, with 1 when something is wrong besides', async () => {
    expect(await run(lamps(lamp('alice', NOT_ASKED)))).to.equal(2);
    expect(output.last).to.equal('1 lamp checked: nothing found; what 1 of them tell phones is not known.');
    expect(await run(lamps(lamp('alice', NOT_ASKED), lamp('bob', WRONG)))).to.equal(1);
  });

  it('ends with 2 and says why when the database does not answer', async () => {
    const failing = async function* (): AsyncGenerator<CheckedLamp> {
      yield await Promise.resolve(lamp('alice'));
      throw new Error('the database could not look at lamps');
    };
    expect(await run(failing)).to.equal(2);
    expect(output.lines).to.deep.equal(['Could not check: the database could not look at lamps.']);
  });

  it('shows people the first fifty findings, and JSON all', async () => {
    const many = Array.from({ length: 60 }, (_, index) => lamp(`user${index}`, WRONG));
    expect(await run(lamps(...many))).to.equal(1);
    expect(output.lines).to.have.length(2 * 50 + 2);
    expect(output.last).to.equal('60 lamps checked: 60 wrong.');
    output = new CapturedOutput();
    await run(lamps(...many), true);
    expect(output.lines).to.have.length(61);
  });

  it('writes each finding as JSON in a line of its own, the verdict in the last', async () => {
    expect(await run(lamps(lamp('alice', WRONG, NOTE)), true)).to.equal(1);
    const [first, , verdict] = output.lines.map((line) => JSON.parse(line) as unknown);
    expect(first).to.deep.equal({
      target: 'sip:alice@example.com',
      problem: 'counts-wrong',
      severity: 'wrong',
      detail: 'the mailbox says 2/0',
      advice: 'report it',
    });
    expect(verdict).to.deep.equal({
      verdict: 'findings',
      lamps: 1,
      wrong: 1,
      late: 0,
      notes: 1,
      notAsked: 0,
      summary: '1 lamp checked: 1 wrong.',
    });
  });

  it("escape sequences in a peer's words: does not pass them to the terminal", async () => {
    await run(lamps(lamp('alice', fault('told-wrong', 'account \u001b[2Jgone\r\n', ''))));
    expect(output.lines[0]).to.equal('wrong sip:alice@example.com  told-wrong: account  [2Jgone ');
  });
});

describe('text-mailbox doctor --watch', () => {
  it('checks again after each pause and ends with the last outcome when it is told to', async () => {
    const clock = new FakeClock();
    const output = new CapturedOutput();
    const controller = new AbortController();
    const outcomes = [lamp('alice', WRONG), lamp('alice'), lamp('alice')];
    const check = (): AsyncIterable<CheckedLamp> => lamps(...outcomes.splice(0, 1))();
    const watching = watch({
      check,
      json: false,
      output,
      every: 5_000,
      clock,
      signal: controller.signal,
    });
    await clock.advance(4_999);
    expect(output.last).to.equal('1 lamp checked: 1 wrong.');
    await clock.advance(1);
    expect(output.last).to.equal('1 lamp checked: all right.');
    controller.abort();
    expect(await watching).to.equal(0);
    expect(clock.pendingTimers).to.equal(0);
    expect(outcomes).to.have.length(1);
  });
});
