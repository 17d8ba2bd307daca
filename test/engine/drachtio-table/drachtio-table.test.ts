import { expect } from 'chai';
import { BACK_TO_BACK } from './rows/back-to-back.ts';
import { CALLS_IN } from './rows/calls-in.ts';
import { CALLS_OUT } from './rows/calls-out.ts';
import { CONNECTING } from './rows/connecting.ts';
import { IN_DIALOG } from './rows/in-dialog.ts';
import { NOT_SERVED } from './rows/not-served.ts';
import { REQUESTS_IN } from './rows/requests-in.ts';
import { REQUESTS_OUT } from './rows/requests-out.ts';
import { SUBSCRIPTIONS } from './rows/subscriptions.ts';
import type { Row } from './row.ts';
import type { Server } from './servers.ts';
import { serversUnderTest } from './servers.ts';
import { Site } from './site.ts';

const TABLE: Readonly<Record<string, readonly Row[]>> = {
  connecting: CONNECTING,
  'requests that come': REQUESTS_IN,
  'requests that go out': REQUESTS_OUT,
  'calls that come': CALLS_IN,
  'calls that go out': CALLS_OUT,
  'in a dialog': IN_DIALOG,
  subscriptions: SUBSCRIPTIONS,
  'back to back': BACK_TO_BACK,
  'what is not served': NOT_SERVED,
};

for (const underTest of serversUnderTest()) {
  describe(`drachtio-srf on ${underTest.name}`, () => {
    let server: Server;
    let hasty: Server;
    let site: Site | undefined;

    before(async () => {
      server = await underTest.start();
      hasty = await underTest.startHasty();
    });
    after(async () => {
      await server.close();
      await hasty.close();
    });
    afterEach(async () => {
      await site?.close();
      site = undefined;
    });

    for (const [part, rows] of Object.entries(TABLE)) {
      describe(part, () => {
        for (const { call, play, seen, drachtioServer, patience } of rows) {
          it(call, async function () {
            const other = underTest.kind === 'engine' ? undefined : drachtioServer;
            if (underTest.kind !== 'engine' && patience !== undefined) this.timeout(patience);
            site = new Site(patience === undefined ? server : hasty);
            expect(await play(site)).to.deep.equal(other?.seen ?? seen);
          });
        }
      });
    }
  });
}
