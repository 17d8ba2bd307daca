import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The repository's root, seen from the tests' sources and from their build alike. */
const ROOT = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../..' : '../../..');

/** The bytes under fixtures/<folder>, by file name without its extension. */
export function fixtures(folder: string): ReadonlyMap<string, Buffer> {
  const path = join(ROOT, 'fixtures', folder);
  return new Map(
    readdirSync(path)
      .sort()
      .map((file) => [file.replace(/\.[^.]*$/, ''), readFileSync(join(path, file))]),
  );
}

/** The bytes of one of them. */
export function fixture(folder: string, name: string): Buffer {
  const bytes = fixtures(folder).get(name);
  if (bytes === undefined) throw new Error(`no fixture ${folder}/${name}`);
  return bytes;
}
