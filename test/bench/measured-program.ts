import { join } from 'node:path';
import { packageRoot } from '../doubles/package-root.ts';
import { freePort } from '../peers/ports.ts';
import { startProgram } from '../peers/process.ts';
import { cpuOf, memoryOf } from './process-cost.ts';

/** The built program: `make` puts it there. */
const PROGRAM = join(packageRoot, 'dist/src/main.js');

/** PUBLISH_RATE where the program is to do what it can: the most that may be set. */
export const HIGHEST_RATE = '20000';

/** ms; a million mailboxes are no excuse. */
const READY_WITHIN = 60_000;

/** How PUBLISHes were answered since the start. */
export interface PublishAnswers {
  readonly accepted: number;
  /** 412: the presence server does not know our tag. */
  readonly stale: number;
  readonly unanswered: number;
  /** All other answers. */
  readonly refused: number;
  /** PUBLISHes a second that the program lets itself send, as the presence server answers now. */
  readonly pace: number;
}

/** The program as operators run it, in its own process, and what it costs. */
export interface MeasuredProgram {
  /** ms from the start of the process to its word that it is ready. */
  readonly readyAfter: number;
  /** CPU it has taken since its start, ms, to 10 ms. */
  cpu(): number;
  /** MB it holds, and the most it ever held. */
  memory(): { readonly now: number; readonly peak: number };
  answers(): Promise<PublishAnswers>;
  stop(): Promise<void>;
}

/** Starts the program; what `environment` leaves open is as in this process' own. */
export async function startMeasured(environment: Readonly<Record<string, string>>): Promise<MeasuredProgram> {
  const http = await freePort();
  const startedAt = Date.now();
  const program = await startProgram({
    command: process.execPath,
    args: [PROGRAM],
    env: {
      SIP_LISTEN: 'udp:127.0.0.1:0,tcp:127.0.0.1:0',
      MSRP_LISTEN: 'tcp:127.0.0.1:0',
      HTTP_LISTEN: `127.0.0.1:${http}`,
      DOMAINS: 'example.test',
      LOG_LEVEL: 'info',
      ...environment,
    },
    ready: ({ stdout }) => readyLine(stdout.text()) !== undefined,
    readyWithin: READY_WITHIN,
    stopWithin: 12_000,
  });
  const { time } = JSON.parse(readyLine(program.stdout.text()) ?? '{}') as { time: number };
  return {
    readyAfter: time - startedAt,
    cpu: () => cpuOf(program.pid ?? 0),
    memory: () => memoryOf(program.pid ?? 0),
    answers: async () => answersIn(await (await fetch(`http://127.0.0.1:${http}/metrics`)).text()),
    stop: async () => {
      await program.stop();
    },
  };
}

function readyLine(log: string): string | undefined {
  return log.split('\n').find((line) => line.includes('text-mailbox is ready'));
}

function answersIn(exposition: string): PublishAnswers {
  const pace = Number(/^text_mailbox_publish_rate (\S+)/m.exec(exposition)?.[1] ?? 0);
  const answers = { pace, accepted: 0, stale: 0, unanswered: 0, refused: 0 };
  for (const [, answer, count] of exposition.matchAll(
    /^text_mailbox_publish_total\{answer="([^"]+)"\} (\d+)/gm,
  )) {
    if (answer === 'accepted' || answer === 'unanswered') answers[answer] += Number(count);
    else if (answer === '412') answers.stale += Number(count);
    else answers.refused += Number(count);
  }
  return answers;
}
