import { fork } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { openFolder } from './folder.ts';

export type SinkRequest =
  | { readonly ask: 'open'; readonly transport: 'tcp' | 'tls' }
  | { readonly ask: 'send'; readonly count: number; readonly bytes: number }
  | { readonly ask: 'cpu' };

/** The MSRP endpoint by itself, without a mailbox behind it. */
export interface MsrpSink {
  /** Resolves with the path of a new session. */
  open(transport: 'tcp' | 'tls'): Promise<string>;
  /** Sends messages over the session opened last; resolves with the ms until they were delivered. */
  send(count: number, bytes: number): Promise<number>;
  /** CPU it has taken since its start, ms. */
  cpu(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts it in a process of its own, so that its work is not the bench's. @param chunkOver as MSRP_CHUNK_OVER */
export async function startMsrpSink(chunkOver = 0): Promise<MsrpSink> {
  const folder = await openFolder('bench-msrp');
  const file = join(import.meta.dirname, `msrp-sink-process${extname(import.meta.filename)}`);
  const child = fork(file, [folder.path, String(chunkOver)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const told = async (): Promise<unknown> => {
    const ended = exited.then(() => {
      throw new Error('the MSRP endpoint ended');
    });
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [unknown];
    const { answered, failed } = message as { answered?: unknown; failed?: string };
    if (failed !== undefined) throw new Error(failed);
    return answered;
  };
  const ask = async (request: SinkRequest): Promise<unknown> => {
    const answer = told();
    child.send(request);
    return await answer;
  };
  await told();
  return {
    open: async (transport) => (await ask({ ask: 'open', transport })) as string,
    send: async (count, bytes) => (await ask({ ask: 'send', count, bytes })) as number,
    cpu: async () => (await ask({ ask: 'cpu' })) as number,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      await folder.stop();
    },
  };
}
