import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import { describeError } from './core/errors.ts';
import type { TlsSettings } from './engine/engine.ts';
import type { KeyAndCertificate } from './msrp/self-signed-certificate.ts';
import { selfSignedCertificate } from './msrp/self-signed-certificate.ts';
import type { ConfigFault } from './variables/conflicts.ts';

/** What we show over TLS, as far as anything listens for it and the files serve. */
export interface Certificates {
  /** For SIP, with what is asked of the servers we connect to. */
  readonly sip?: TlsSettings;
  /** For MSRP, and for WebSockets. */
  readonly chat?: KeyAndCertificate;
  /** Why one is not there, by the variable that names the file. */
  readonly faults: readonly ConfigFault[];
}

/** What is wrong with files that variables name. */
class FileFaults {
  readonly all: ConfigFault[] = [];

  add(variable: string, problem: string): void {
    this.all.push({ variable, problem });
  }

  /** What the file holds. */
  async read(variable: string, file: string): Promise<string | undefined> {
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      this.add(variable, `cannot be read: ${describeError(error)}`);
      return undefined;
    }
  }

  /** What the work gives; what it throws is a fault. */
  attempt<T>(work: () => T, variable: string, problem: (error: unknown) => string): T | undefined {
    try {
      return work();
    } catch (error) {
      this.add(variable, problem(error));
      return undefined;
    }
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Reads the operator's keys and certificates; without them one of our own making serves. */
export async function readCertificates(config: Config, surroundings: Surroundings): Promise<Certificates> {
  const faults = new FileFaults();
  const wanted = wantedFor(config);
  const ownForSip = wanted.sip && config.SIP_TLS_CERTIFICATE !== '';
  const forSip = ownForSip ? await identity(config, 'SIP', surroundings, faults) : undefined;
  const shared = wanted.chat || (wanted.sip && !ownForSip);
  const forChat = shared ? await identity(config, 'MSRP', surroundings, faults) : undefined;
  const sip = wanted.sip ? await sipSettings(config, ownForSip ? forSip : forChat, faults) : undefined;
  return {
    ...(sip === undefined ? {} : { sip }),
    ...(wanted.chat && forChat !== undefined ? { chat: forChat } : {}),
    faults: faults.all,
  };
}

async function sipSettings(
  config: Config,
  own: KeyAndCertificate | undefined,
  faults: FileFaults,
): Promise<TlsSettings | undefined> {
  const given = config.SIP_TLS_CA !== '';
  const ca = given ? await authorities(config.SIP_TLS_CA, faults) : undefined;
  if (own === undefined || (given && ca === undefined)) return undefined;
  return { ...own, ...(ca === undefined ? {} : { ca }), verifyPeers: config.SIP_TLS_VERIFY === 'on' };
}

/** Who shows certificates; each throws when one does not serve. */
export interface CertificateBearers {
  readonly sip: (tls: TlsSettings) => void;
  readonly chat: (tls: KeyAndCertificate) => void;
}

/** Hands certificates that were renewed to who shows them. */
export class CertificateRenewal {
  readonly #config: Config;
  readonly #surroundings: Surroundings;
  readonly #bearers: CertificateBearers;
  /** One at a time: the last one asked for is the last one done. */
  #last: Promise<void> = Promise.resolve();

  constructor(config: Config, surroundings: Surroundings, bearers: CertificateBearers) {
    this.#config = config;
    this.#surroundings = surroundings;
    this.#bearers = bearers;
  }

  /** Never rejects: what does not serve is logged, and the old one stays. */
  async renew(): Promise<void> {
    this.#last = this.#last.then(() =>
      this.#renew().catch((error: unknown) => this.#refuse({ error: describeError(error) })),
    );
    await this.#last;
  }

  async #renew(): Promise<void> {
    const { sip, chat, faults } = await readCertificates(this.#config, this.#surroundings);
    for (const fault of faults) this.#refuse({ ...fault });
    const renewed: string[] = [];
    for (const [name, renew] of [
      ['sip', sip === undefined ? undefined : (): void => this.#bearers.sip(sip)],
      ['chat', chat === undefined ? undefined : (): void => this.#bearers.chat(chat)],
    ] as const) {
      try {
        if (renew === undefined) continue;
        renew();
        renewed.push(name);
      } catch (error) {
        this.#refuse({ for: name, error: describeError(error) });
      }
    }
    this.#surroundings.logger.info({ for: renewed }, 'certificates read again');
  }

  #refuse(why: Readonly<Record<string, unknown>>): void {
    this.#surroundings.logger.error(why, 'a certificate does not serve: the old one stays');
  }
}

function wantedFor(config: Config): { readonly sip: boolean; readonly chat: boolean } {
  return {
    sip: config.DRACHTIO_SERVERS.length === 0 && config.SIP_LISTEN.some(({ protocol }) => protocol === 'tls'),
    chat: [...config.MSRP_LISTEN, ...config.WS_LISTEN].some(
      ({ protocol }) => protocol === 'tls' || protocol === 'wss',
    ),
  };
}

async function identity(
  config: Config,
  kind: 'SIP' | 'MSRP',
  surroundings: Surroundings,
  faults: FileFaults,
): Promise<KeyAndCertificate | undefined> {
  const [certificateVariable, keyVariable] = [`${kind}_TLS_CERTIFICATE`, `${kind}_TLS_KEY`] as const;
  if (config[certificateVariable] === '') {
    return await selfSignedCertificate(join(config.DATA_DIR, 'tls'), surroundings);
  }
  const [cert, key] = await Promise.all([
    faults.read(certificateVariable, config[certificateVariable]),
    faults.read(keyVariable, config[keyVariable]),
  ]);
  const certificate =
    cert === undefined
      ? undefined
      : faults.attempt(
          () => new X509Certificate(cert),
          certificateVariable,
          () => 'holds no certificate',
        );
  const privateKey =
    key === undefined
      ? undefined
      : faults.attempt(
          () => createPrivateKey(key),
          keyVariable,
          () => 'holds no private key that can be read',
        );
  if (cert === undefined || key === undefined || certificate === undefined || privateKey === undefined) {
    return undefined;
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    faults.add(keyVariable, `is not the key of ${certificateVariable}`);
    return undefined;
  }
  // What TLS itself does not take: a key too short, a digest too weak.
  const context = faults.attempt(
    () => createSecureContext({ cert, key }),
    certificateVariable,
    (error) => `does not serve: ${describeError(error)}`,
  );
  if (context === undefined) return undefined;
  warnOfAge(certificate, certificateVariable, surroundings);
  return { cert, key };
}

/** Peers that verify us will not talk to us, but who wants to start shall. */
function warnOfAge(certificate: X509Certificate, variable: string, { clock, logger }: Surroundings): void {
  const { validFrom, validTo } = certificate;
  const now = clock.now();
  if (Date.parse(validFrom) > now || Date.parse(validTo) < now) {
    logger.warn({ variable, validFrom, validTo }, 'the certificate is not valid now');
  }
}

async function authorities(file: string, faults: FileFaults): Promise<string | undefined> {
  const text = await faults.read('SIP_TLS_CA', file);
  if (text === undefined) return undefined;
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) {
    faults.add('SIP_TLS_CA', 'holds no certificate');
    return undefined;
  }
  const parsed = faults.attempt(
    () => certificates.map((certificate) => new X509Certificate(certificate)),
    'SIP_TLS_CA',
    () => 'holds a certificate that cannot be read',
  );
  return parsed === undefined ? undefined : certificates.join('\n');
}
