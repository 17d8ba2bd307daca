import { resolve } from 'node:path';

/** The project's folder, seen from the tests' sources and from their build alike. */
export const packageRoot = resolve(
  import.meta.dirname,
  import.meta.filename.endsWith('.ts') ? '../..' : '../../..',
);
