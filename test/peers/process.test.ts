import { existsSync } from 'node:fs';
import { createServer } from 'node:net';

import { expect } from 'chai';

import { BoundedText } from './bounded-text.ts';
import { freePort, isListenedOn } from './ports.ts';
import { startProgram } from './process.ts';
import type { Program } from './process.ts';

/** A Node that runs `script` and has said `ready` when it resolves. */
function startScript(script: string, stopWithin = 2_000): Promise<Program> {
  return startProgram({
    command: process.execPath,
    args: ['-e', `${script}; console.log('ready')`],
    ready: ({ stdout }) => stdout.text().includes('ready'),
    readyWithin: 5_000,
    stopWithin,
  });
}

async function rejection(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (reason) {
    return String(reason);
  }
  throw new Error('it did not reject');
}

describe('a real program in the tests', () => {
  it('has a folder of its own, which goes with it', async () => {
    const program = await startScript(`setInterval(() => {}, 1000); console.log(process.cwd())`);
    expect(program.stdout.text()).to.include(program.folder);
    expect(existsSync(program.folder)).to.equal(true);
    expect(await program.stop()).to.deep.equal({ code: null, signal: 'SIGTERM' });
    expect(existsSync(program.folder)).to.equal(false);
  });

  it('is killed when it ignores SIGTERM', async () => {
    const program = await startScript(`process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)`, 50);
    expect(await program.stop()).to.deep.equal({ code: null, signal: 'SIGKILL' });
  });

  it('is stopped together with what it forked', async () => {
    const port = await freePort();
    const listen = `require('node:net').createServer().listen(${port}, '127.0.0.1', () => console.log('up'))`;
    const fork = `const { spawn } = require('node:child_process');
      spawn(process.execPath, ['-e', ${JSON.stringify(listen)}], { stdio: 'inherit' })`;
    const program = await startScript(fork);
    await program.isReady(({ stdout }) => stdout.text().includes('up'), 5_000);
    expect(await isListenedOn(port)).to.equal(true);
    await program.stop();
    expect(await isListenedOn(port)).to.equal(false);
  });

  it('that ends before it is ready is an error with all it wrote', async () => {
    expect(await rejection(startScript(`console.error('no such thing'); process.exit(3)`))).to.match(
      /ended before it was ready[^]*"code":3[^]*no such thing/,
    );
  });

  it('that cannot be started is an error', async () => {
    const start = startProgram({ command: '/nowhere/program', args: [], ready: () => false });
    expect(await rejection(start)).to.include('ENOENT');
  });

  it('that is not ready in time is stopped', async () => {
    let program: Program | undefined;
    const start = startProgram({
      command: process.execPath,
      args: ['-e', 'setInterval(() => {}, 1000)'],
      ready: (started) => {
        program = started;
        return false;
      },
      readyWithin: 50,
    });
    expect(await rejection(start)).to.include('not within 50 ms');
    expect(program?.ending).to.deep.equal({ code: null, signal: 'SIGTERM' });
  });
});

describe('a free port', () => {
  it('is handed out once, with its neighbours when asked for', async () => {
    const first = await freePort(3);
    const others = await Promise.all(Array.from({ length: 20 }, () => freePort()));
    expect(new Set([first, first + 1, first + 2, ...others]).size).to.equal(23);
  });

  it('can be listened on', async () => {
    const port = await freePort();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('the output of a program', () => {
  it('is kept up to a limit, the newest part of it', () => {
    const text = new BoundedText(10);
    for (const chunk of ['abcdef', 'ghij', 'k']) text.add(Buffer.from(chunk));
    expect(text.text()).to.equal('ghijk');
    expect(text.length).to.equal(11);
    expect(text.since(9)).to.equal('jk');
    expect(text.since(0)).to.equal('ghijk');
  });

  it('keeps a character whole that comes in two parts', () => {
    const text = new BoundedText();
    const bytes = Buffer.from('ü');
    text.add(bytes.subarray(0, 1));
    text.add(bytes.subarray(1));
    expect(text.text()).to.equal('ü');
  });
});
