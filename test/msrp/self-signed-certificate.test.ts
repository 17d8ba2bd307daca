import { X509Certificate, createPrivateKey } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { silentLogger } from '../../src/core/logger.ts';
import { selfSignedCertificate } from '../../src/msrp/self-signed-certificate.ts';
import { FakeClock } from '../doubles/fake-clock.ts';

describe('the self-signed certificate', () => {
  const options = { clock: new FakeClock(), logger: silentLogger };
  let folder: string;

  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'msrp-certificate-')), 'tls');
  });

  afterEach(async () => {
    await rm(join(folder, '..'), { recursive: true });
  });

  it('belongs to its key, and is good from a day ago for ten years', async () => {
    const { key, cert } = await selfSignedCertificate(folder, options);
    const certificate = new X509Certificate(cert);
    expect(certificate.checkPrivateKey(createPrivateKey(key))).to.equal(true);
    expect(Date.parse(certificate.validFrom)).to.equal(options.clock.now() - 24 * 3_600_000);
    expect(Date.parse(certificate.validTo)).to.equal(options.clock.now() + 3_650 * 24 * 3_600_000);
  });

  it('is kept where only we can read it, and nothing else is left there', async () => {
    await selfSignedCertificate(folder, options);
    expect((await readdir(folder)).sort()).to.deep.equal(['msrp-certificate.pem', 'msrp-key.pem']);
    for (const file of await readdir(folder)) {
      expect((await stat(join(folder, file))).mode & 0o777).to.equal(0o600);
    }
    expect((await stat(folder)).mode & 0o777).to.equal(0o700);
  });

  it('is the same at the next start', async () => {
    const first = await selfSignedCertificate(folder, options);
    expect(await selfSignedCertificate(folder, options)).to.deep.equal(first);
  });

  for (const lost of ['msrp-key.pem', 'msrp-certificate.pem']) {
    it(`is made anew with its key when ${lost} is lost`, async () => {
      const first = await selfSignedCertificate(folder, options);
      await rm(join(folder, lost));
      const second = await selfSignedCertificate(folder, options);
      expect(second.key).not.to.equal(first.key);
      expect(new X509Certificate(second.cert).checkPrivateKey(createPrivateKey(second.key))).to.equal(true);
      expect(await selfSignedCertificate(folder, options)).to.deep.equal(second);
    });
  }

  it('never stays with a key that is not its own, when making it breaks off half-way', async () => {
    await selfSignedCertificate(folder, options);
    await rm(join(folder, 'msrp-key.pem'));
    const obstacle = join(folder, 'msrp-certificate.pem.new');
    await mkdir(obstacle);
    const error: unknown = await selfSignedCertificate(folder, options).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Error).with.property('code', 'EISDIR');
    await rmdir(obstacle);
    const { key, cert } = await selfSignedCertificate(folder, options);
    expect(new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))).to.equal(true);
  });

  it('is not made where it cannot be kept', async () => {
    await writeFile(folder, 'a file');
    const error: unknown = await selfSignedCertificate(folder, options).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Error).with.property('code', 'ENOTDIR');
  });
});
