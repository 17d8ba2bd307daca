import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { RawMsrpClient } from '../doubles/raw-msrp-client.ts';
import { packageRoot } from '../doubles/package-root.ts';
import { PEER, bind, text } from './running-endpoint.ts';

const MB = 1024 * 1024;
const LENGTH = 10 * MB;
const CHUNK = 2_048;
/** What a message may cost above its own size. */
const ABOVE = 3 * MB;
/** The young generation of a process grows by doubling; it has its size after a few messages. */
const MESSAGES = 8;

interface Measured {
  readonly length: number;
  /** How far the memory of the process rose. */
  readonly risen: number;
  /** How much of that is the young generation of its heap, which the message did not make. */
  readonly young: number;
}

/** An endpoint in a process of its own, and a client of its session. */
class LonelyEndpoint {
  readonly client: RawMsrpClient;
  readonly uri: string;
  readonly #stop: () => Promise<void>;
  readonly #nextLine: () => Promise<unknown>;

  private constructor(
    client: RawMsrpClient,
    uri: string,
    nextLine: () => Promise<unknown>,
    stop: () => Promise<void>,
  ) {
    this.client = client;
    this.uri = uri;
    this.#nextLine = nextLine;
    this.#stop = stop;
  }

  static async start(): Promise<LonelyEndpoint> {
    const script = join(packageRoot, 'test/msrp/memory-endpoint.ts');
    const child = spawn(process.execPath, ['--expose-gc', '--import=tsx', script, PEER, String(LENGTH)], {
      cwd: packageRoot,
      // glibc keeps large memory that was freed for the next message, unless it is told a size from which on it must not.
      env: { ...process.env, MALLOC_MMAP_THRESHOLD_: String(128 * 1024) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const nextLine = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value));
    const stop = async (): Promise<void> => {
      const ended = child.exitCode === null ? once(child, 'exit') : Promise.resolve();
      child.kill('SIGKILL');
      await ended;
    };
    try {
      const { port, uri } = (await nextLine()) as { port: number; uri: string };
      const client = await RawMsrpClient.connect(port);
      await client.sendBytes(bind(uri));
      await client.nextFrame();
      return new LonelyEndpoint(client, uri, nextLine, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }

  async send(id: string, total: string): Promise<Measured> {
    const body = Buffer.alloc(CHUNK, 'a line of a long text\r\n');
    for (let at = 0; at < LENGTH; at += CHUNK) {
      const range = `${at + 1}-${at + CHUNK}/${total}`;
      const flag = at + CHUNK < LENGTH ? '+' : '$';
      await this.client.sendBytes(text(this.uri, body, { id, transactId: `${id}x${at}`, range, flag }));
    }
    for (let at = 0; at < LENGTH; at += CHUNK) expect((await this.client.nextFrame()).status).to.equal(200);
    const measured = (await this.#nextLine()) as Measured;
    expect(await this.#nextLine()).to.equal('ready');
    return measured;
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.#stop();
  }
}

describe('the memory of a process that is sent 10 MB in chunks of 2 KB', () => {
  for (const [how, total] of [
    ['known', String(LENGTH)],
    ['unknown', '*'],
  ] as const) {
    it(`rises by less than 3 MB above the message itself, its length ${how}`, async () => {
      const endpoint = await LonelyEndpoint.start();
      try {
        const seen: Measured[] = [];
        while (seen.length < MESSAGES && (seen.length < 2 || seen.at(-1)?.young !== 0)) {
          seen.push(await endpoint.send(`message${seen.length}`, total));
        }
        const risenWith = JSON.stringify(seen);
        expect(seen.map(({ length }) => length)).to.deep.equal(seen.map(() => LENGTH));
        // The first one brings code and tables that stay. Of those after it each keeps within the bound, the young generation
        // not counted, and the last one with everything counted.
        const above = seen.slice(1).map(({ risen, young }) => risen - young - LENGTH);
        expect(Math.max(...above), risenWith).to.be.below(ABOVE);
        const last = seen.at(-1);
        expect(last?.young, risenWith).to.equal(0);
        // A message that had found its memory there already would say nothing.
        expect(last?.risen, risenWith).to.be.within(0.95 * LENGTH, LENGTH + ABOVE);
      } finally {
        await endpoint.stop();
      }
    });
  }
});
