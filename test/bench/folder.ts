import { rm } from 'node:fs/promises';
import { temporaryFolder } from '../peers/process.ts';

/** A folder of a part's own; to stop it is to remove it. */
export interface Folder {
  readonly path: string;
  stop(): Promise<void>;
}

export async function openFolder(name: string): Promise<Folder> {
  const path = await temporaryFolder(name);
  return { path, stop: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
