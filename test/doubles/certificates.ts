import { generate } from 'selfsigned';

/** PEM. */
export interface Certified {
  readonly key: string;
  readonly cert: string;
}

/** Whom a certificate names. */
export interface Names {
  readonly dns?: string;
  readonly ip?: string;
  readonly uri?: string;
}

const ELLIPTIC = { keyType: 'ec', algorithm: 'sha256' } as const;

/** One that others may be signed by. */
export async function authority(commonName = 'Test Authority'): Promise<Certified> {
  const made = await generate([{ name: 'commonName', value: commonName }], {
    ...ELLIPTIC,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { key: made.private, cert: made.cert };
}

/** One for a server, signed by `ca`, else by itself. */
export async function certified({ dns, ip, uri }: Names, ca?: Certified): Promise<Certified> {
  const made = await generate([{ name: 'commonName', value: 'peer' }], {
    ...ELLIPTIC,
    ...(ca === undefined ? {} : { ca: { key: ca.key, cert: ca.cert } }),
    extensions: [
      { name: 'basicConstraints', cA: false },
      {
        name: 'subjectAltName',
        altNames: [
          ...(dns === undefined ? [] : [{ type: 2 as const, value: dns }]),
          ...(uri === undefined ? [] : [{ type: 6 as const, value: uri }]),
          ...(ip === undefined ? [] : [{ type: 7 as const, ip }]),
        ],
      },
    ],
  });
  return { key: made.private, cert: made.cert };
}
