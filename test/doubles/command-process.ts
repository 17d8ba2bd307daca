import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { PROGRAM } from './server-process.ts';

const DEADLINE = 20_000;

/** What a command said, and how it ended. */
export interface CommandEnd {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a command of the program as operators do: a process of its own, in `folder`. */
export async function runCommandProcess(
  folder: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandEnd> {
  return await new Promise<CommandEnd>((resolve, reject) => {
    const options = {
      cwd: folder,
      timeout: DEADLINE,
      env: { PATH: process.env['PATH'] ?? dirname(process.execPath), ...environment },
    };
    execFile(process.execPath, [PROGRAM, ...args], options, (error, output, errors) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, output, errors });
      else reject(new Error(`${args.join(' ')} did not end:\n${output}\n${errors}`, { cause: error }));
    });
  });
}
