import { fork } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';

/** How many PUBLISHes came. */
export interface AnswererCounts {
  readonly publishes: number;
  /** Those for the mailboxes the bench made (`sip:user…`), not for what the program keeps for itself. */
  readonly toMailboxes: number;
}

/** A presence server that only says 200. */
export interface Answerer {
  readonly port: Readonly<Record<'udp' | 'tcp', number>>;
  counts(): Promise<AnswererCounts>;
  stop(): Promise<void>;
}

/** Starts it in a process of its own, so that its work is not the bench's. */
export async function startAnswerer(): Promise<Answerer> {
  const child = fork(join(import.meta.dirname, `answerer-process${extname(import.meta.filename)}`), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const told = async (): Promise<unknown> => {
    const ended = exited.then(() => {
      throw new Error('the answerer ended');
    });
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [unknown];
    return message;
  };
  const port = (await told()) as Record<'udp' | 'tcp', number>;
  return {
    port,
    counts: async () => {
      const counts = told();
      child.send('counts');
      return (await counts) as AnswererCounts;
    },
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
