import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The repository's root, seen from the tests' sources and from their build alike. */
const ROOT = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../../..' : '../../../..');

/** The bytes under fixtures/sip/<folder> with that extension, by file name without it. */
export function sipFixtures(folder: 'valid' | 'invalid', extension = '.sip'): ReadonlyMap<string, Buffer> {
  const path = join(ROOT, 'fixtures/sip', folder);
  return new Map(
    readdirSync(path)
      .filter((file) => file.endsWith(extension))
      .sort()
      .map((file) => [file.slice(0, -extension.length), readFileSync(join(path, file))]),
  );
}

/** The bytes of one of them. */
export function sipFixture(folder: 'valid' | 'invalid', name: string, extension = '.sip'): Buffer {
  const bytes = sipFixtures(folder, extension).get(name);
  if (bytes === undefined) throw new Error(`no fixture sip/${folder}/${name}${extension}`);
  return bytes;
}
