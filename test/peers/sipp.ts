import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { withDeadline } from '../../src/core/deadline.ts';
import { systemClock } from '../../src/core/clock.ts';
import { hexToken, systemRandom } from '../../src/core/random.ts';
import { freePort } from './ports.ts';
import { startProgram } from './process.ts';
import type { Program } from './process.ts';
import { peerProgram } from './require-peer.ts';

/** One run of a scenario in fixtures/peers/sipp/. */
export interface SippRun {
  /** The file's name, `message.xml`. */
  scenario: string;
  /** The server under test; not needed where SIPp itself is called. */
  port?: number;
  /** Where both are. Default: 127.0.0.1. */
  host?: '127.0.0.1' | '::1';
  /** SIPp's own port. Default: any free one. */
  localPort?: number;
  /** Whom the calls are for: `[service]`. */
  service?: string;
  /** How many calls, and how many of them begin each second; the rate is the caller's where SIPp is called. */
  calls: number;
  ratePerSecond: number;
  /** Default: udp. */
  transport?: 'udp' | 'tcp';
  /** What the scenario leaves open: `[domain]` is the value of `domain`. */
  keys?: Readonly<Record<string, string>>;
  /** More of SIPp's own options. */
  args?: readonly string[];
  /** ms for the whole run. Default: the time the calls need, and 15 s. */
  deadline?: number;
}

/** How a run went. */
export interface SippResult {
  /** Calls that went as the scenario says, and those that did not. */
  successful: number;
  failed: number;
  /** Requests sent again because the answer was late (UDP). */
  retransmissions: number;
  /** Messages that came again. */
  repetitions: number;
  /** Calls begun per second over the whole run. */
  ratePerSecond: number;
  /** What SIPp says first of calls that failed; empty when none did. */
  errors: string;
}

const SCENARIOS = fileURLToPath(new URL('../../fixtures/peers/sipp/', import.meta.url));
const GRACE = 15_000;
const MOST_OF_ERRORS = 2_000;

/** A SIPp at work. */
export interface RunningSipp {
  readonly port: number;
  /**
   * How it went, once all calls are over. Calls that fail are in the result; the promise rejects when SIPp itself could not
   * do its work: a scenario it cannot read, a port that is taken, the deadline.
   */
  result(): Promise<SippResult>;
  /** Ends it before its time; harmless afterwards. */
  stop(): Promise<unknown>;
}

/** Plays a scenario to its end: see {@link RunningSipp.result}. */
export async function runSipp(run: SippRun): Promise<SippResult> {
  return await (await startSipp(run)).result();
}

/** Begins to play a scenario. Where SIPp is called (no port is given) it listens when the promise resolves. */
export async function startSipp(run: SippRun): Promise<RunningSipp> {
  const deadline = run.deadline ?? (run.calls / run.ratePerSecond) * 1_000 + GRACE;
  const localPort = run.localPort ?? (await freePort());
  const program = await startProgram({
    command: peerProgram('sipp'),
    args: () => parameters(run, localPort),
    ready: () => run.port !== undefined || isBound(localPort, run),
  });
  return {
    port: localPort,
    result: async () => {
      try {
        const { code } = await withDeadline(systemClock, deadline, `SIPp ${run.scenario}`, program.ended);
        // 0: every call went well, 1: at least one did not. All else is SIPp's own trouble.
        if (code !== 0 && code !== 1) throw new Error(`SIPp ended with ${code}: ${program.transcript()}`);
        return await readResult(program, run.scenario);
      } finally {
        await program.stop();
      }
    },
    stop: () => program.stop(),
  };
}

function parameters(run: SippRun, localPort: number): string[] {
  const { host = '127.0.0.1' } = run;
  return [
    ...(run.port === undefined ? [] : [`${host === '::1' ? '[::1]' : host}:${run.port}`]),
    ...['-sf', path.join(SCENARIOS, run.scenario)],
    ...['-i', host, '-p', String(localPort), '-t', run.transport === 'tcp' ? 't1' : 'u1'],
    ...['-m', String(run.calls), '-r', String(run.ratePerSecond)],
    ...(run.service === undefined ? [] : ['-s', run.service]),
    // SIPp's own Call-IDs repeat when a process id does: a mailbox would take them for repeated requests.
    ...['-cid_str', `${hexToken(systemRandom, 64)}-%u@%s`],
    ...['-nostdin', '-trace_stat', '-stf', 'statistics.csv', '-fd', '1', '-trace_counts'],
    ...[
      '-trace_err',
      '-error_file',
      'errors.log',
      ...(process.env['MSG'] ? ['-trace_msg', '-message_file', process.env['MSG']] : []),
    ],
    ...Object.entries(run.keys ?? {}).flatMap(([name, value]) => ['-key', name, value]),
    ...(run.args ?? []),
  ];
}

/** Whether a program here has the port, by the kernel's list of sockets. */
async function isBound(port: number, { host, transport = 'udp' }: SippRun): Promise<boolean> {
  const sockets = await readFile(`/proc/net/${transport}${host === '::1' ? '6' : ''}`, 'latin1');
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return sockets.split('\n').some((line) => line.trim().split(/\s+/)[1]?.endsWith(local) === true);
}

async function readResult(program: Program, scenario: string): Promise<SippResult> {
  const statistics = await readLastRow(path.join(program.folder, 'statistics.csv'));
  const cumulative = (name: string): number => {
    const value = Number(statistics.get(`${name}(C)`));
    if (Number.isNaN(value)) throw new Error(`SIPp's statistics lack ${name}`);
    return value;
  };
  return {
    successful: cumulative('SuccessfulCall'),
    failed: cumulative('FailedCall'),
    retransmissions: cumulative('Retransmissions'),
    repetitions: await readRepetitions(program, scenario),
    ratePerSecond: cumulative('CallRate'),
    errors: await readErrors(program.folder),
  };
}

/** What SIPp's last line in a file says, by the names in the first. */
async function readLastRow(file: string): Promise<Map<string, string>> {
  const text = await readFile(file, 'utf8');
  const rows = text
    .trim()
    .split('\n')
    .map((row) => row.split(';'));
  const last = rows.at(-1) ?? [];
  return new Map((rows[0] ?? []).map((name, index) => [name, last[index] ?? '']));
}

async function readRepetitions(program: Program, scenario: string): Promise<number> {
  const name = `${path.basename(scenario, '.xml')}_${program.pid}_counts.csv`;
  const counts = await readLastRow(path.join(program.folder, name));
  const received = [...counts.keys()].filter((each) => each.endsWith('_Recv'));
  return received.reduce((sum, each) => sum + Number(counts.get(each.replace(/Recv$/, 'Retrans')) ?? 0), 0);
}

/** SIPp makes the file with its first error. */
async function readErrors(folder: string): Promise<string> {
  try {
    const events = (await readFile(path.join(folder, 'errors.log'), 'utf8')).split(
      /(?=^'?\d{4}-\d\d-\d\d\t)/m,
    );
    // What comes for calls that are over says little of why they failed.
    return events
      .filter((event) => !/: (Dead call|Discarding message) /.test(event))
      .join('')
      .slice(0, MOST_OF_ERRORS);
  } catch (reason) {
    if (reason instanceof Error && 'code' in reason && reason.code === 'ENOENT') return '';
    throw reason;
  }
}
