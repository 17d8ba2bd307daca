import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';

/** A process of our own that is told what to do and answers each order with one message. */
export class Child {
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #ended: Promise<never>;
  readonly #exit: Promise<unknown>;

  private constructor(child: ChildProcess, module: string) {
    this.#process = child;
    this.pid = child.pid ?? 0;
    this.#exit = once(child, 'exit');
    this.#ended = this.#exit.then(() => {
      throw new Error(`${module} ended`);
    });
    // Only who waits for an answer cares.
    this.#ended.catch(() => undefined);
  }

  /**
   * Starts a module of this folder, by its name without extension.
   * @param nodeOptions for Node itself, such as `--cpu-prof`
   */
  static start(module: string, nodeOptions: readonly string[] = []): Child {
    const file = join(import.meta.dirname, `${module}${extname(import.meta.filename)}`);
    const child = fork(file, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [...process.execArgv, ...nodeOptions],
    });
    return new Child(child, module);
  }

  /** Gives an order and resolves with what it is answered; one order at a time. */
  async ask<Answer>(order: unknown): Promise<Answer> {
    const answered = once(this.#process, 'message');
    this.#process.send(order as object);
    const [answer] = (await Promise.race([answered, this.#ended])) as [Answer];
    return answer;
  }

  /** Ends it by SIGTERM, and by SIGKILL where that is not enough. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    const force = setTimeout(() => this.#process.kill('SIGKILL'), 3_000);
    await this.#exit;
    clearTimeout(force);
  }
}
