import type { LampTotals } from '../mwi/ports.ts';
import { refusalAdvice } from '../mwi/refusal-advice.ts';
import type { ExitCode, Output } from './command-end.ts';
import { EXIT } from './command-end.ts';

/** The totals of all lamps, as JSON has them. */
export interface StatusReport {
  readonly lamps: number;
  readonly behind: number;
  readonly due: number;
  readonly failing: number;
  readonly refused: readonly {
    /** The SIP status of the refusal. */
    readonly status: number;
    readonly lamps: number;
    readonly advice: string;
  }[];
}

export function statusReport({ refused, lamps, behind, due, failing }: LampTotals): StatusReport {
  const byStatus = [...refused].sort(([a], [b]) => a - b);
  return {
    lamps,
    behind,
    due,
    failing,
    refused: byStatus.map(([status, count]) => ({ status, lamps: count, advice: refusalAdvice(status) })),
  };
}

/** Says that there are none, for DELIVERY is push: `text-mailbox status`. */
export function printNoLamps(none: LampTotals, json: boolean, output: Output): ExitCode {
  output.write(
    json ? `${JSON.stringify(statusReport(none))}\n` : 'No lamps are lit, for DELIVERY is push.\n',
  );
  return EXIT.right;
}

/** Prints the totals: `text-mailbox status`. */
export function printStatus(totals: LampTotals, json: boolean, output: Output): ExitCode {
  const report = statusReport(totals);
  if (json) {
    output.write(`${JSON.stringify(report)}\n`);
    return EXIT.right;
  }
  const width = String(report.lamps).length;
  const row = (name: string, count: number, meaning: string): string =>
    `${name.padEnd(8)}${String(count).padStart(width)}  ${meaning}\n`;
  output.write(row('lamps', report.lamps, 'addresses that have one'));
  output.write(row('behind', report.behind, 'the presence server has yet to be told'));
  output.write(row('due', report.due, 'to be published now'));
  output.write(row('failing', report.failing, 'the last try failed'));
  for (const { status, lamps, advice } of report.refused) {
    output.write(row('refused', lamps, `with ${status}: ${advice}`));
  }
  output.write(`${verdict(report)}\n`);
  return EXIT.right;
}

function verdict({ behind, failing, refused }: StatusReport): string {
  if (refused.length > 0) return 'The presence server refuses lamps: somebody has to look at it.';
  if (failing > 0) return 'Some lamps fail: they are tried again by themselves.';
  return behind > 0 ? 'Some lamps are on their way.' : 'Every lamp was published as it should be.';
}
