import { expect } from 'chai';
import { startEngine } from '../../../src/engine/engine.ts';
import { certified } from '../../doubles/certificates.ts';
import type { Certified } from '../../doubles/certificates.ts';
import { Site } from '../drachtio-table/site.ts';
import { newApplication } from '../drachtio-table/srf.ts';
import { deferred } from '../running-engine.ts';

const SECRET = 'told to nobody';

describe('the control port over TLS', () => {
  let certificate: Certified;
  let site: Site;

  before(async () => {
    certificate = await certified({ ip: '127.0.0.1' });
  });

  beforeEach(async () => {
    const listen = ['udp:127.0.0.1:0'];
    const engine = await startEngine({ listen, control: { port: 0, tls: certificate }, secret: SECRET });
    site = new Site({ control: engine.control, secret: SECRET, close: () => engine.close() });
  });

  afterEach(async () => {
    await site.close();
    await site.server.close();
  });

  it('serves applications that connect by srf.connect({ tls })', async () => {
    // The site's own exchange with the application is a request and its response.
    await site.application({}, { tls: { ca: certificate.cert } });
    expect(site.hostPorts).to.match(/^udp\/127\.0\.0\.1:\d+$/);
  });

  it('has a certificate that applications can judge', async () => {
    const application = newApplication();
    const failed = deferred<unknown>();
    application.on('error', failed.resolve);
    application.connect({ ...site.server.control, secret: SECRET, tls: {}, reconnect: { maxAttempts: 1 } });
    expect(await failed.promise).to.have.property('code', 'DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('ends the connection of an application that does not speak it', async () => {
    const application = newApplication();
    const closed = deferred<unknown>();
    application.on('error', () => undefined);
    application.on('close', closed.resolve);
    application.connect({ ...site.server.control, secret: SECRET, reconnect: { maxAttempts: 1 } });
    await closed.promise;
  });
});
