import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import path from 'node:path';
import { packageRoot } from '../doubles/package-root.ts';
import { until } from './until.ts';

const FOLDER = path.join(packageRoot, 'fixtures/peers/browser');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/**
 * Serves the page in fixtures/peers/browser on a free port of 127.0.0.1, and takes what it tells: each chapter of its story is a
 * POST, and the page goes on when it is answered.
 */
export class BrowserPage {
  readonly #server: Server;
  readonly #chapters = new Map<string, unknown>();
  readonly #asked: string[] = [];

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
      this.#answer(request, response).catch((reason: unknown) => {
        response.writeHead(404).end(String(reason));
      });
    });
  }

  static async open(): Promise<BrowserPage> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new BrowserPage(server);
  }

  /** Where the page is, with what it is told. */
  url(query: Readonly<Record<string, string>>): string {
    const address = this.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return `http://127.0.0.1:${port}/?${new URLSearchParams(query).toString()}`;
  }

  /**
   * What the page told in the chapter `name`. Rejects when the page failed before, or does not come so far within `limit` ms.
   * @param evidence what else is known of why it did not
   */
  async chapter(name: string, limit: number, evidence: () => string): Promise<unknown> {
    return await until(
      `the page's chapter ${name}`,
      limit,
      () => {
        const failed = this.#chapters.get('failed');
        if (failed !== undefined) throw new Error(`the page failed: ${JSON.stringify(failed, undefined, 1)}`);
        return this.#chapters.get(name) ?? false;
      },
      () => `${this.#asked.join('\n')}\n${evidence()}`,
    );
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = new URL(request.url ?? '/', 'http://page').pathname.slice(1);
    if (request.method === 'POST') {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      this.#chapters.set(name, JSON.parse(Buffer.concat(pieces).toString()));
      response.end();
      return;
    }
    const file = name === '' ? 'index.html' : path.basename(name);
    const content = await readFile(path.join(FOLDER, file));
    response.writeHead(200, { 'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream' });
    response.end(content);
  }
}
