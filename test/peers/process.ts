import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';

import { BoundedText } from './bounded-text.ts';
import { until } from './until.ts';

/** What a real program is started with. Times are ms. */
export interface ProgramOptions {
  /** The program, by the path {@link findProgram} gave. */
  command: string;
  /** Its arguments; a function is told the folder the program runs in. */
  args: readonly string[] | ((folder: string) => readonly string[]);
  /** Where it runs. Unset: a folder of its own under the system's temporary one, removed by `stop`. */
  folder?: string;
  /** Added to the environment of the tests. */
  env?: Readonly<Record<string, string>>;
  /** Asked again and again until it says true. Unset: ready as soon as it runs. */
  ready?: (program: Program) => boolean | Promise<boolean>;
  /** How long it may take to get ready. */
  readyWithin?: number;
  /** How long it may take to end after SIGTERM, before SIGKILL. */
  stopWithin?: number;
}

/** How a program ended: one of the two is set. */
export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const READY_WITHIN = 10_000;
const STOP_WITHIN = 5_000;

/** Programs that run, so that none outlives the tests however they end. */
const running = new Set<Program>();

/**
 * Starts a real program and resolves when it is ready. When it ends before, or is not ready in time, it is
 * stopped and the promise rejects with what it wrote.
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const ownFolder = options.folder === undefined;
  const folder = options.folder ?? (await temporaryFolder(path.basename(options.command)));
  const args = typeof options.args === 'function' ? options.args(folder) : options.args;
  const child = spawn(options.command, args, {
    cwd: folder,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A process group of its own: programs that fork are stopped as a whole.
    detached: true,
  });
  const program = new Program(child, folder, ownFolder, options.stopWithin ?? STOP_WITHIN);
  if (running.size === 0) process.once('exit', killAll);
  running.add(program);
  void program.ended.then(() => {
    running.delete(program);
    if (running.size === 0) process.off('exit', killAll);
  });
  try {
    await program.isReady(options.ready ?? (() => true), options.readyWithin ?? READY_WITHIN);
  } catch (reason) {
    await program.stop();
    throw reason;
  }
  return program;
}

/** A folder that nobody else has. Whoever asked for it removes it. */
export function temporaryFolder(name: string): Promise<string> {
  return mkdtemp(path.join(tmpdir(), `text-mailbox-${name}-`));
}

/** A real program under test: its output, its input, its end. */
export class Program {
  readonly folder: string;
  readonly stdout: BoundedText;
  readonly stderr: BoundedText;
  /** Settles, never rejects, when the program has ended and its output is read. */
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #ownFolder: boolean;
  readonly #stopWithin: number;
  #ending: Ending | undefined;
  #failure: Error | undefined;

  constructor(child: ChildProcess, folder: string, ownFolder: boolean, stopWithin: number) {
    this.folder = folder;
    this.#child = child;
    this.#ownFolder = ownFolder;
    this.#stopWithin = stopWithin;
    this.stdout = collect(child.stdout);
    this.stderr = collect(child.stderr);
    // Writing to a program that has gone is an EPIPE, which its ending tells better.
    child.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      child.once('error', (reason) => {
        this.#failure = reason;
        this.#ending ??= { code: null, signal: null };
        resolve(this.#ending);
      });
      child.once('close', (code, signal) => {
        this.#ending ??= { code, signal };
        resolve(this.#ending);
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended, or undefined while it runs. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** All it wrote, for a person who looks why a test failed. */
  transcript(): string {
    const state = this.#failure?.message ?? (this.#ending ? JSON.stringify(this.#ending) : 'running');
    return `${this.#child.spawnfile} (${state})\n${this.stdout.text()}\n${this.stderr.text()}`;
  }

  /** Writes to its standard input, which stays open until `stop`. */
  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Sends a signal to the program and all it forked. False: nobody is left to take it. */
  signal(name: NodeJS.Signals): boolean {
    if (this.pid === undefined) return false;
    try {
      return process.kill(-this.pid, name);
    } catch {
      return false;
    }
  }

  /** Resolves when `look` says true; rejects with the transcript when the program ends or `limit` ms pass. */
  async isReady(look: (program: Program) => boolean | Promise<boolean>, limit: number): Promise<void> {
    await until(
      `${this.#child.spawnfile} is ready`,
      limit,
      async () => {
        if (this.#ending) throw new Error(`ended before it was ready: ${this.transcript()}`);
        return await look(this);
      },
      () => this.transcript(),
    );
  }

  /** Ends it: SIGTERM, then SIGKILL; removes its folder. Asking twice is harmless. */
  async stop(): Promise<Ending> {
    if (!this.#ending) {
      this.signal('SIGTERM');
      const timer = setTimeout(() => this.signal('SIGKILL'), this.#stopWithin);
      await this.ended;
      clearTimeout(timer);
    }
    // Children of a program that has ended itself.
    this.signal('SIGKILL');
    if (this.#ownFolder) await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
    return await this.ended;
  }
}

function collect(stream: Readable | null): BoundedText {
  const text = new BoundedText();
  stream?.on('data', (chunk: Buffer) => text.add(chunk));
  return text;
}

function killAll(): void {
  for (const program of running) program.signal('SIGKILL');
}
