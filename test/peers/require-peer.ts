import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** The real programs the tests may ask for, and the command each is known by. */
const COMMANDS = {
  kamailio: 'kamailio',
  kamailioTls: 'kamailio',
  baresip: 'baresip',
  sipp: 'sipp',
  tshark: 'tshark',
  mariadb: 'mariadbd',
  openssl: 'openssl',
  chromium: 'chromium',
  linphone: 'linphonec',
  dnsmasq: 'dnsmasq',
} as const;

export type Peer = keyof typeof COMMANDS;

/** Servers stand where the PATH of an ordinary user does not lead. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

/** Each peer's absence is told once a run. */
const told = new Set<string>();

/**
 * Says that the tests of the suite it is called in need `peers`. Where one is absent they are left out and
 * the reason is told; where nothing may be left out (CI=true) they fail.
 * Call it first in a `describe`.
 */
export function requirePeer(...peers: Peer[]): void {
  before(function () {
    const lacking = peers.map(absence).filter((reason) => reason !== undefined);
    if (lacking.length === 0) return;
    if (process.env['CI'] === 'true') throw new Error(lacking.join('; '));
    for (const reason of lacking) {
      if (told.has(reason)) continue;
      told.add(reason);
      process.stderr.write(`  ${reason}: its tests are left out\n`);
    }
    this.skip();
  });
}

/** Whether a peer is there, for tests that are less without it but still tests. Throws where nothing may be left out. */
export function hasPeer(peer: Peer): boolean {
  const reason = absence(peer);
  if (reason !== undefined && process.env['CI'] === 'true') throw new Error(reason);
  return reason === undefined;
}

/** The path of a peer's program. Throws when it is absent: see {@link requirePeer}. */
export function peerProgram(peer: Peer): string {
  const found = findProgram(COMMANDS[peer]);
  if (found === undefined) throw new Error(`${COMMANDS[peer]} is not installed`);
  return found;
}

/** Where a program stands, or undefined when it is not installed. */
export function findProgram(command: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), ...MORE_FOLDERS];
  return folders
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, command))
    .find(isExecutable);
}

function absence(peer: Peer): string | undefined {
  const program = findProgram(COMMANDS[peer]);
  if (program === undefined) return `${COMMANDS[peer]} is not installed`;
  if (peer === 'kamailioTls' && !hasKamailioModule('tls.so')) return 'kamailio has no module for TLS';
  if (peer === 'tshark' && !mayCapture()) return 'dumpcap may not capture on lo (it needs root)';
  return undefined;
}

/** Modules stand under `lib64`, or under the name of the architecture in `lib`. */
function hasKamailioModule(file: string): boolean {
  const libraries = ['/usr/lib64', ...(existsSync('/usr/lib') ? readdirSync('/usr/lib') : [])];
  return libraries.some((each) => existsSync(path.resolve('/usr/lib', each, 'kamailio/modules', file)));
}

/** Whether tshark's capturing half has the right to open the loopback interface. */
function mayCapture(): boolean {
  const dumpcap = findProgram('dumpcap');
  if (dumpcap === undefined) return false;
  const list = spawnSync(dumpcap, ['-D', '-M'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return /^\d+\. lo\b/m.test(list.stdout);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
