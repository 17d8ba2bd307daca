import type { Program } from './process.ts';
import { startProgram } from './process.ts';
import { peerProgram } from './require-peer.ts';

/**
 * Opens `url` in a real browser without a window, with a profile of its own; `stop` ends all its processes.
 * @param more further arguments
 */
export async function startBrowser(url: string, more: readonly string[] = []): Promise<Program> {
  return await startProgram({
    command: peerProgram('chromium'),
    args: (folder) => [
      '--headless',
      // Tests run as root in containers, where Chromium's own walls cannot stand; only our page is opened.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-extensions',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-breakpad',
      '--no-first-run',
      '--no-proxy-server',
      '--enable-logging=stderr',
      `--user-data-dir=${folder}`,
      ...more,
      url,
    ],
    stopWithin: 2_000,
  });
}
