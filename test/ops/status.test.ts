import { expect } from 'chai';
import type { LampTotals } from '../../src/mwi/ports.ts';
import { printStatus } from '../../src/ops/status.ts';
import { CapturedOutput } from './captured-output.ts';

const TOTALS: LampTotals = { lamps: 1200, behind: 0, due: 3, failing: 0, refused: new Map() };

describe('text-mailbox status', () => {
  let output: CapturedOutput;

  beforeEach(() => {
    output = new CapturedOutput();
  });

  it('shows the totals and ends with what they come to', () => {
    expect(printStatus(TOTALS, false, output)).to.equal(0);
    expect(output.lines).to.deep.equal([
      'lamps   1200  addresses that have one',
      'behind     0  the presence server has yet to be told',
      'due        3  to be published now',
      'failing    0  the last try failed',
      'Every lamp was published as it should be.',
    ]);
  });

  it('says for each refusal what to look at', () => {
    const refused = new Map([
      [489, 7],
      [403, 1],
    ]);
    printStatus({ ...TOTALS, behind: 8, failing: 8, refused }, false, output);
    const rows = output.lines.filter((line) => line.startsWith('refused'));
    expect(rows[0]).to.match(/^refused {4}1 {2}with 403: /);
    expect(rows[1]).to.match(/^refused {4}7 {2}with 489: .*presence_mwi/);
    expect(output.last).to.equal('The presence server refuses lamps: somebody has to look at it.');
  });

  it('tells what mends itself from what does not', () => {
    printStatus({ ...TOTALS, behind: 1, failing: 1 }, false, output);
    expect(output.last).to.equal('Some lamps fail: they are tried again by themselves.');
    printStatus({ ...TOTALS, behind: 1 }, false, output);
    expect(output.last).to.equal('Some lamps are on their way.');
  });

  it('writes one JSON object when asked to', () => {
    printStatus({ ...TOTALS, refused: new Map([[489, 7]]) }, true, output);
    expect(output.lines).to.have.length(1);
    const report = JSON.parse(output.text) as {
      refused: { status: number; lamps: number; advice: string }[];
    };
    expect(report).to.deep.include({ lamps: 1200, behind: 0, due: 3, failing: 0 });
    expect(report.refused[0]).to.include({ status: 489, lamps: 7 });
    expect(report.refused[0]?.advice).to.include('presence_mwi');
  });
});
