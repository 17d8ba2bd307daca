import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import type { Logger } from '../core/logger.ts';

const KEY = 'msrp-key.pem';
const CERTIFICATE = 'msrp-certificate.pem';
const TEN_YEARS_MS = 10 * 365 * 24 * 3600 * 1000;

/**
 * The key and certificate kept in `folder`, made at the first start. Clients of MSRP take a self-signed one, or compare its
 * fingerprint (RFC 8122).
 */
export async function selfSignedCertificate(
  folder: string,
  { clock, logger }: { readonly clock: { now(): number }; readonly logger: Logger },
): Promise<{ key: string; cert: string }> {
  const [keyFile, certificateFile] = [join(folder, KEY), join(folder, CERTIFICATE)];
  try {
    const [key, cert] = await Promise.all([readFile(keyFile, 'utf8'), readFile(certificateFile, 'utf8')]);
    return { key, cert };
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing) throw error;
  }
  const made = await generate([{ name: 'commonName', value: 'text-mailbox' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(clock.now()),
    notAfterDate: new Date(clock.now() + TEN_YEARS_MS),
  });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(keyFile, made.private, { mode: 0o600 });
  await writeFile(certificateFile, made.cert, { mode: 0o600 });
  logger.info({ folder }, 'made a self-signed certificate for MSRP over TLS');
  return { key: made.private, cert: made.cert };
}
