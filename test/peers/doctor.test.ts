import { expect } from 'chai';
import { ALICE, Site } from '../doubles/site.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailio } from './kamailio.ts';
import { requirePeer } from './require-peer.ts';

describe('doctor before a real Kamailio', function () {
  this.timeout(60_000);
  requirePeer('kamailio');

  let kamailio: Kamailio;
  let site: Site;

  beforeEach(async () => {
    kamailio = await startKamailio({ mailbox: 'sip:127.0.0.1:9', variant: 'memory' });
    // Without the check of its own the server does not notice that Kamailio forgot.
    site = await Site.open({
      PRESENCE_SERVER: `sip:127.0.0.1:${kamailio.port};transport=tcp`,
      PRESENCE_CHECK_SECONDS: '0',
    });
  });

  afterEach(async () => {
    await site.close();
    await kamailio.stop();
  });

  it('hears from Kamailio the very bytes that were published', async () => {
    await site.leaveText('hello');
    await site.published();
    const { code, output } = await site.run('doctor', '--subscribe', '--json', ALICE);
    expect(output).to.equal(
      '{"verdict":"right","lamps":1,"wrong":0,"late":0,"notes":0,"notAsked":0,"summary":"1 lamp checked: all right."}\n',
    );
    expect(code).to.equal(0);
  });

  it('finds the lamps that Kamailio forgot in a restart, and the ones it cannot ask for while it is down', async () => {
    await site.leaveText('hello');
    await site.published();
    await kamailio.halt();
    const down = await site.run('doctor', '--subscribe', ALICE);
    expect(down.output).to.include(`note  ${ALICE}  not-asked: `);
    expect(down.code).to.equal(2);
    await kamailio.resume();
    const forgot = await site.run('doctor', '--subscribe', ALICE);
    expect(forgot.output).to.include(
      `wrong ${ALICE}  told-nothing: a phone that subscribes is not told that texts wait`,
    );
    expect(forgot.code).to.equal(1);
    expect((await site.run('doctor', ALICE)).code).to.equal(0);
  });
});
