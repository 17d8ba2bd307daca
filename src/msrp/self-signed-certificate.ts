import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import type { Logger } from '../core/logger.ts';

const KEY = 'msrp-key.pem';
const CERTIFICATE = 'msrp-certificate.pem';
const DAY_MS = 24 * 3600 * 1000;
const LIFE_MS = 10 * 365 * DAY_MS;

/** PEM. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

/**
 * The key and certificate kept in `folder`, made at the first start. Clients of MSRP take a self-signed one, or compare its
 * fingerprint (RFC 8122).
 * @throws what the file system says when the folder cannot be read or written
 */
export async function selfSignedCertificate(
  folder: string,
  { clock, logger }: { readonly clock: { now(): number }; readonly logger: Logger },
): Promise<KeyAndCertificate> {
  const [keyFile, certificateFile] = [join(folder, KEY), join(folder, CERTIFICATE)];
  const [key, cert] = [await readIfThere(keyFile), await readIfThere(certificateFile)];
  if (key !== undefined && cert !== undefined) return { key, cert };
  const made = await generate([{ name: 'commonName', value: 'text-mailbox' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    // A peer's clock may be behind ours.
    notBeforeDate: new Date(clock.now() - DAY_MS),
    notAfterDate: new Date(clock.now() + LIFE_MS),
  });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // The certificate goes first and comes last: when both are there they belong together, whenever a crash comes.
  await rm(certificateFile, { force: true });
  await writeWhole(keyFile, made.private);
  await writeWhole(certificateFile, made.cert);
  logger.info({ folder }, 'made a self-signed certificate for MSRP over TLS');
  return { key: made.private, cert: made.cert };
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A crash half-way leaves no half file behind; nobody else may ever read it. */
async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
