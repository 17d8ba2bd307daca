import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { isResponse, rawRequest, RawSipClient } from '../doubles/raw-sip-client.ts';

const ROOT = join(import.meta.dirname, '../..');
const TITLE = '## The SIP engine for other drachtio-srf applications';
const require = createRequire(import.meta.url);

/** The programs of the section, on free ports, with what they import in its place. */
function examples(): string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, section = ''] = readme.split(TITLE);
  const url = (path: string): string => pathToFileURL(path).href;
  return [...(section.split('\n## ')[0] ?? '').matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) =>
    code
      .replaceAll("'text-mailbox/engine'", `'${url(join(ROOT, 'src/engine/engine.ts'))}'`)
      .replaceAll("'drachtio-srf'", `'${url(require.resolve('drachtio-srf'))}'`)
      .replaceAll(/\b(5060|9022)\b/g, '0'),
  );
}

describe('the engine’s part of the README', () => {
  let folder: string;
  let child: ChildProcess | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'engine-readme-'));
  });

  afterEach(async () => {
    if (child?.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true });
  });

  /** Runs a program with these arguments before its own file. */
  function run(code: string, ...before: readonly string[]): { process: ChildProcess; output: () => string } {
    const file = join(folder, 'example.mjs');
    writeFileSync(file, code);
    const started = spawn(process.execPath, ['--import', require.resolve('tsx'), ...before, file], {
      cwd: ROOT,
    });
    child = started;
    let output = '';
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    return { process: started, output: () => output };
  }

  it('shows an application that answers MESSAGE, and ends when it is told to', async () => {
    const { process: running, output } = run(examples()[0] ?? '');
    for (let found; found === undefined; found = /udp\/127\.0\.0\.1:(\d+)/.exec(output())?.[1]) {
      expect(running.exitCode, output()).to.equal(null);
      await once(running.stdout ?? running, 'data');
    }
    const port = Number(/udp\/127\.0\.0\.1:(\d+)/.exec(output())?.[1]);
    const peer = await RawSipClient.connect('udp', port);
    try {
      const headers = ['Content-Type: text/plain'];
      const parts = { uri: 'sip:a@example.test', client: peer, headers, body: 'hello' };
      peer.send(rawRequest({ ...parts, method: 'MESSAGE' }));
      const response = await peer.nextMessage(isResponse(200));
      expect(response.header('Subject')).to.equal('heard: hello');
    } finally {
      await peer.close();
    }
    running.kill('SIGTERM');
    expect(await once(running, 'exit'), output()).to.deep.equal([0, null]);
  });

  it('shows a test with the engine in drachtio-server’s place', async () => {
    const mocha = require.resolve('mocha/bin/mocha.js');
    const { process: running, output } = run(examples()[1] ?? '', mocha, '--no-config');
    expect(await once(running, 'exit'), output()).to.deep.equal([0, null]);
    expect(output()).to.contain('1 passing');
  });

  it('imports what package.json exports', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      exports: Record<string, { default: string }>;
    };
    const built = manifest.exports['./engine']?.default ?? '';
    expect(built).to.match(/^\.\/dist\/src\/.*\.js$/);
    expect(existsSync(join(ROOT, built.replace('./dist/', '').replace(/\.js$/, '.ts')))).to.equal(true);
  });
});
