import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { CheckedLamp } from '../mwi/convergence.ts';
import type { Finding } from '../mwi/finding.ts';
import type { ExitCode, Output } from './command-end.ts';
import { EXIT } from './command-end.ts';

/** Findings shown to people; JSON has all. */
const SHOWN = 50;

export interface DoctorOptions {
  /** Looks at the lamps; may reject when that cannot be done. */
  check(): AsyncIterable<CheckedLamp>;
  /** Each finding as a JSON object in a line of its own, the verdict in the last. */
  readonly json: boolean;
  /** No lamps are lit (DELIVERY=push): all that can be wrong of one is the count it would tell. */
  readonly unlit?: boolean;
  readonly output: Output;
}

export interface WatchOptions extends DoctorOptions {
  /** Between the end of one check and the next, ms. */
  readonly every: number;
  readonly clock: Clock;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** How many lamps were looked at, and what was found. */
interface Tally {
  lamps: number;
  wrong: number;
  late: number;
  note: number;
  notAsked: number;
}

/** Checks once and prints what was found: `text-mailbox doctor`. Notes alone are no findings. */
export async function examine(options: DoctorOptions): Promise<ExitCode> {
  const tally: Tally = { lamps: 0, wrong: 0, late: 0, note: 0, notAsked: 0 };
  const show = options.json ? showAll(options.output) : showSome(options.output);
  try {
    for await (const { findings } of options.check()) {
      tally.lamps += 1;
      for (const finding of findings) {
        if (options.unlit === true && finding.problem !== 'counts-wrong') continue;
        tally[finding.severity] += 1;
        if (finding.problem === 'not-asked') tally.notAsked += 1;
        show(finding);
      }
    }
  } catch (error) {
    return conclude(options, tally, EXIT.unknown, `Could not check: ${describeError(error)}.`);
  }
  return conclude(options, tally, codeOf(tally), sentenceOf(tally, options.unlit === true));
}

/** Checks again and again; resolves with the last outcome once the signal comes: `text-mailbox doctor --watch`. */
export async function watch(options: WatchOptions): Promise<ExitCode> {
  for (;;) {
    const code = await examine(options);
    await pauseOrAbort(options);
    if (options.signal.aborted) return code;
  }
}

async function pauseOrAbort({ clock, every, signal }: WatchOptions): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = clock.after(every, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    const abort = (): void => {
      timer.cancel();
      resolve();
    };
    signal.addEventListener('abort', abort, { once: true });
  });
}

function showAll(output: Output): (finding: Finding) => void {
  return ({ target, ...fault }) => {
    output.write(`${JSON.stringify({ target: target.toString(), ...fault })}\n`);
  };
}

function showSome(output: Output): (finding: Finding) => void {
  let shown = 0;
  return ({ target, severity, problem, detail, advice }) => {
    shown += 1;
    if (shown === SHOWN + 1) output.write('… more: --json shows all\n');
    if (shown > SHOWN) return;
    output.write(`${severity.padEnd(6)}${target.toString()}  ${problem}: ${printable(detail)}\n`);
    if (advice !== '') output.write(`      ${advice}\n`);
  };
}

/** What peers say may be meant for the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

function codeOf({ wrong, late, notAsked }: Tally): ExitCode {
  if (wrong + late > 0) return EXIT.findings;
  return notAsked > 0 ? EXIT.unknown : EXIT.right;
}

function sentenceOf(tally: Tally, unlit: boolean): string {
  const { lamps, wrong, late, notAsked } = tally;
  const what = `${unlit ? 'count' : 'lamp'}${lamps === 1 ? '' : 's'}`;
  const looked = `${unlit ? NOT_LIT : ''}${lamps} ${what} checked`;
  const unknown = notAsked > 0 ? `; what ${notAsked} of them tell phones is not known` : '';
  if (wrong + late === 0) return `${looked}: ${unknown === '' ? 'all right' : 'nothing found'}${unknown}.`;
  const found = [...(wrong > 0 ? [`${wrong} wrong`] : []), ...(late > 0 ? [`${late} late`] : [])];
  return `${looked}: ${found.join(', ')}${unknown}.`;
}

/** Begins what is told where DELIVERY is push. */
const NOT_LIT = 'No lamps are lit, for DELIVERY is push; ';

const VERDICTS: Readonly<Record<ExitCode, string>> = { 0: 'right', 1: 'findings', 2: 'unknown' };

function conclude({ json, output }: DoctorOptions, tally: Tally, code: ExitCode, sentence: string): ExitCode {
  const { notAsked, note, ...counts } = tally;
  const line = json
    ? JSON.stringify({ verdict: VERDICTS[code], ...counts, notes: note, notAsked, summary: sentence })
    : sentence;
  output.write(`${line}\n`);
  return code;
}
