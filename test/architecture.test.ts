import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { expect } from 'chai';

const SOURCE = resolve(import.meta.dirname, '../src');

/** What each folder may import of ours. `app` and the commands wire everything and may import all. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  // All it takes along when it is published alone.
  engine: [
    'core/clock.ts',
    'core/deadline.ts',
    'core/errors.ts',
    'core/logger.ts',
    'core/metrics.ts',
    'core/random.ts',
  ],
  msrp: ['core'],
  im: ['core'],
  'web-socket': ['core'],
  subscription: ['core'],
  presence: ['core', 'im'],
  mailbox: ['core', 'im', 'msrp', 'subscription'],
  mwi: ['core', 'im', 'mailbox/ports.ts', 'subscription'],
  store: [
    'core',
    'mailbox/ports.ts',
    'mailbox/desk/ports.ts',
    'mailbox/desk/limits.ts',
    'mailbox/push/ports.ts',
    'mwi/ports.ts',
    'presence/ports.ts',
  ],
  ops: [
    'core',
    'im',
    'mailbox/ports.ts',
    'mailbox/push/ports.ts',
    'mwi/ports.ts',
    'mwi/convergence.ts',
    'mwi/finding.ts',
    'mwi/refusal-advice.ts',
  ],
  sip: [
    'core',
    'im',
    'mailbox',
    'mwi/ports.ts',
    'mwi/voicemail-ports.ts',
    'presence/ports.ts',
    'subscription/ports.ts',
  ],
  variables: ['core', 'config.ts'],
  'config.ts': ['core', 'variables'],
  'reference.ts': ['config.ts'],
  'sip-credentials.ts': ['config.ts', 'sip/digest.ts'],
  'summary-settings.ts': ['config.ts', 'mwi/summary-body.ts'],
  'store-settings.ts': ['config.ts', 'store/store.ts'],
  'app.ts': ['*'],
  'app-notices.ts': ['*'],
  'app-push.ts': ['*'],
  'app-receipts.ts': ['*'],
  'app-sweeps.ts': ['*'],
  'app-voicemail.ts': ['*'],
  'app-presence.ts': ['*'],
  'app-registrations.ts': ['*'],
  'app-deposits.ts': ['*'],
  'app-desk.ts': ['*'],
  'app-certificates.ts': ['*'],
  'app-listeners.ts': ['*'],
  'app-web-socket.ts': ['*'],
  'lamp-fetching.ts': ['*'],
  'serve.ts': ['*'],
  'commands.ts': ['*'],
  'main.ts': ['commands.ts'],
};

interface Import {
  readonly from: string;
  readonly to: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sourceFiles(path) : path.endsWith('.ts') ? [path] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, to = '']) => ({
    from: relative(SOURCE, file).split(sep).join('/'),
    to: to.startsWith('.')
      ? relative(SOURCE, resolve(dirname(file), to))
          .split(sep)
          .join('/')
      : to,
  }));
}

const imports = sourceFiles(SOURCE).flatMap(importsOf);
const part = (path: string): string => path.split('/')[0] ?? path;

describe('the architecture', () => {
  it('has a rule for every part', () => {
    expect(Object.keys(ALLOWED)).to.include.members([...new Set(imports.map(({ from }) => part(from)))]);
  });

  it('lets nothing import upward', () => {
    const breaches = imports.filter(({ from, to }) => {
      if (!to.endsWith('.ts') || part(from) === part(to)) return false;
      // The schema is the store's own.
      if (to.startsWith('../schema/')) return part(from) !== 'store';
      const allowed = ALLOWED[part(from)] ?? [];
      return !allowed.some((rule) => rule === '*' || rule === to || rule === part(to));
    });
    expect(breaches).to.deep.equal([]);
  });

  it('lets only src/sip see drachtio-srf, only src/store knex, and only src/web-socket ws', () => {
    const owners: Readonly<Record<string, string>> = {
      'drachtio-srf': 'sip',
      knex: 'store',
      'better-sqlite3': 'store',
      mysql2: 'store',
      ws: 'web-socket',
    };
    const breaches = imports.filter(({ from, to }) => {
      const owner = owners[to.split('/')[0] ?? to];
      return owner !== undefined && part(from) !== owner;
    });
    expect(breaches).to.deep.equal([]);
  });

  it('reads the environment in src/config.ts alone', () => {
    const readers = sourceFiles(SOURCE)
      .filter((file) => /process\s*\.\s*env\b/.test(readFileSync(file, 'utf8')))
      .map((file) => relative(SOURCE, file));
    expect(readers).to.deep.equal(['config.ts']);
  });
});
