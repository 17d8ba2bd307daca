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
  /** The server under test, on 127.0.0.1. */
  port: number;
  /** How many calls, and how many of them begin each second. */
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
  /** Calls begun per second over the whole run. */
  ratePerSecond: number;
  /** What SIPp says of calls that failed; empty when none did. */
  errors: string;
}

const SCENARIOS = fileURLToPath(new URL('../../fixtures/peers/sipp/', import.meta.url));
const GRACE = 15_000;

/**
 * Plays a scenario to its end. Calls that fail are in the result; the promise rejects when SIPp itself
 * could not do its work: a scenario it cannot read, a port that is taken, the deadline.
 */
export async function runSipp(run: SippRun): Promise<SippResult> {
  const deadline = run.deadline ?? (run.calls / run.ratePerSecond) * 1_000 + GRACE;
  const localPort = await freePort();
  const program = await startProgram({
    command: peerProgram('sipp'),
    args: () => parameters(run, localPort),
  });
  try {
    const { code } = await withDeadline(systemClock, deadline, `SIPp ${run.scenario}`, program.ended);
    // 0: every call went well, 1: at least one did not. All else is SIPp's own trouble.
    if (code !== 0 && code !== 1) throw new Error(`SIPp ended with ${code}: ${program.transcript()}`);
    return await readResult(program);
  } finally {
    await program.stop();
  }
}

function parameters(run: SippRun, localPort: number): string[] {
  return [
    `127.0.0.1:${run.port}`,
    ...['-sf', path.join(SCENARIOS, run.scenario)],
    ...['-i', '127.0.0.1', '-p', String(localPort), '-t', run.transport === 'tcp' ? 't1' : 'u1'],
    ...['-m', String(run.calls), '-r', String(run.ratePerSecond)],
    // SIPp's own Call-IDs repeat when a process id does: a mailbox would take them for repeated requests.
    ...['-cid_str', `${hexToken(systemRandom, 64)}-%u@%s`],
    ...['-nostdin', '-trace_stat', '-stf', 'statistics.csv', '-fd', '1'],
    ...['-trace_err', '-error_file', 'errors.log'],
    ...Object.entries(run.keys ?? {}).flatMap(([name, value]) => ['-key', name, value]),
    ...(run.args ?? []),
  ];
}

async function readResult(program: Program): Promise<SippResult> {
  const statistics = await readFile(path.join(program.folder, 'statistics.csv'), 'utf8');
  const rows = statistics
    .trim()
    .split('\n')
    .map((row) => row.split(';'));
  const names = rows[0] ?? [];
  const last = rows.at(-1) ?? [];
  const cumulative = (name: string): number => {
    const value = Number(last[names.indexOf(`${name}(C)`)]);
    if (Number.isNaN(value)) throw new Error(`SIPp's statistics lack ${name}`);
    return value;
  };
  return {
    successful: cumulative('SuccessfulCall'),
    failed: cumulative('FailedCall'),
    retransmissions: cumulative('Retransmissions'),
    ratePerSecond: cumulative('CallRate'),
    errors: await readErrors(program.folder),
  };
}

/** SIPp makes the file with its first error. */
async function readErrors(folder: string): Promise<string> {
  try {
    return await readFile(path.join(folder, 'errors.log'), 'utf8');
  } catch (reason) {
    if (reason instanceof Error && 'code' in reason && reason.code === 'ENOENT') return '';
    throw reason;
  }
}
