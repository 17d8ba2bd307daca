import { expect } from 'chai';
import { DeadlineExceeded } from '../../src/core/deadline.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { DrachtioDialog, DrachtioResponse } from '../../src/sip/drachtio.ts';
import { NoSipServer, NoSuchDialog } from '../../src/sip/server-errors.ts';
import { formatRecord, nextSequence, recordedId } from '../../src/sip/restored-dialog.ts';
import { SubscriberDialogs } from '../../src/sip/subscriber-dialogs.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import type { ScriptedAnswer } from './scripted-requests.ts';
import { ScriptedRequests } from './scripted-requests.ts';

const NOTIFICATION = { subscriptionState: 'active;expires=60', event: 'message-summary' };
const RECORD = {
  callId: 'abc',
  local: '<sip:alice@example.test>;tag=ours',
  remote: '<sip:alice@example.test>;tag=theirs',
  target: 'sip:alice@192.0.2.7',
  routes: [],
  sequence: 5,
};
const KEPT = { id: recordedId(RECORD), dialog: formatRecord(RECORD) };

describe('a restored dialog', () => {
  const clock = new FakeClock();

  function restored(...answers: ScriptedAnswer[]): {
    readonly requests: ScriptedRequests;
    readonly dialogs: SubscriberDialogs;
  } {
    const requests = ScriptedRequests.inTurn(...answers);
    return { requests, dialogs: new SubscriberDialogs({ requests, clock, logger: silentLogger }) };
  }

  it('sends NOTIFYs of growing CSeq and tells how each was answered', async () => {
    const { requests, dialogs } = restored([200], [481]);
    const dialog = dialogs.restore(KEPT);
    expect(await dialog.notify(NOTIFICATION)).to.equal(200);
    expect(await dialog.notify(NOTIFICATION)).to.equal(481);
    const first = nextSequence(0, clock.now());
    expect(requests.headers('CSeq')).to.deep.equal([`${first} NOTIFY`, `${first + 1} NOTIFY`]);
    expect(requests.sent.map(({ uri }) => uri)).to.deep.equal([RECORD.target, RECORD.target]);
  });

  it('is gone when nobody answers, and not when nothing could be sent', async () => {
    const { dialogs } = restored(new DeadlineExceeded('NOTIFY', 1), new NoSipServer(), new Error('full'));
    const dialog = dialogs.restore(KEPT);
    const statuses = [];
    for (let count = 0; count < 3; count++) statuses.push(await dialog.notify(NOTIFICATION));
    expect(statuses).to.deep.equal([0, 503, 503]);
  });

  it('is found until it is dropped, and goes on as its last refresh said', async () => {
    const { requests, dialogs } = restored([200]);
    const dialog = dialogs.restore(KEPT);
    const found = dialogs.find(dialog.id);
    expect(found?.record).to.deep.equal(RECORD);
    found?.follow({ ...RECORD, target: 'sip:alice@192.0.2.8' });
    await dialog.notify(NOTIFICATION);
    expect(requests.sent[0]?.uri).to.equal('sip:alice@192.0.2.8');
    dialog.drop();
    expect(dialogs.find(dialog.id)).to.equal(undefined);
  });

  it('says when there was no way to the subscriber', async () => {
    const { dialogs } = restored([503], [200], [500]);
    const dialog = dialogs.restore(KEPT);
    const said = [dialogs.find(dialog.id)?.unreached];
    for (let count = 0; count < 3; count++) {
      await dialog.notify(NOTIFICATION);
      said.push(dialogs.find(dialog.id)?.unreached);
    }
    expect(said).to.deep.equal([false, true, false, false]);
  });

  it('that cannot be read is gone', async () => {
    const { requests, dialogs } = restored();
    const dialog = dialogs.restore({ id: 'x', dialog: 'nonsense' });
    expect(dialogs.find('x')?.record).to.equal(undefined);
    expect(await dialog.notify(NOTIFICATION)).to.equal(481);
    expect(requests.sent).to.deep.equal([]);
  });
});

describe('a dialog the SIP server knows', () => {
  const clock = new FakeClock();

  /** @param answers to the NOTIFYs in the dialog: a status, or why there was none */
  function live(...answers: (number | Error)[]): {
    readonly requests: ScriptedRequests;
    readonly dialogs: SubscriberDialogs;
    readonly dialog: ReturnType<SubscriberDialogs['add']>;
    readonly removed: string[];
  } {
    const removed: string[] = [];
    const request = (): Promise<DrachtioResponse> => {
      const answer = answers.shift() ?? new Error('one request too many');
      if (answer instanceof Error) return Promise.reject(answer);
      return Promise.resolve({ status: answer } as DrachtioResponse);
    };
    const known = {
      id: 'abc;from-tag=theirs',
      request,
      srf: { removeDialog: ({ id }: DrachtioDialog) => removed.push(id) },
      removeAllListeners: () => known,
    } as unknown as DrachtioDialog;
    const requests = ScriptedRequests.inTurn([200], [503], [200]);
    const dialogs = new SubscriberDialogs({ requests, clock, logger: silentLogger });
    return { requests, dialogs, dialog: dialogs.add(known, RECORD), removed };
  }

  it('lives on when a NOTIFY could not be sent, and is gone when nobody answers', async () => {
    const { dialog, requests } = live(200, new NoSipServer(), 486, new DeadlineExceeded('NOTIFY', 1));
    const statuses = [];
    for (let count = 0; count < 4; count++) statuses.push(await dialog.notify(NOTIFICATION));
    expect(statuses).to.deep.equal([200, 503, 486, 0]);
    expect(requests.sent).to.deep.equal([]);
  });

  it('goes on as a restored one when the server, started anew, knows it no longer', async () => {
    const { dialog, dialogs, requests, removed } = live(200, new NoSuchDialog());
    const found = dialogs.find(dialog.id);
    found?.follow({ ...RECORD, target: 'sip:alice@192.0.2.8' });
    expect(await dialog.notify(NOTIFICATION)).to.equal(200);
    expect(await dialog.notify(NOTIFICATION)).to.equal(200);
    expect(removed).to.have.length(1);
    expect(requests.sent.map(({ uri }) => uri)).to.deep.equal(['sip:alice@192.0.2.8']);
    expect(requests.headers('Call-ID')).to.deep.equal([RECORD.callId]);
    found?.follow({ ...RECORD, target: 'sip:alice@192.0.2.9' });
    expect(await dialog.notify(NOTIFICATION)).to.equal(503);
    expect(requests.sent.at(-1)?.uri).to.equal('sip:alice@192.0.2.9');
    expect(found?.unreached).to.equal(true);
    dialog.drop();
    expect(dialogs.find(dialog.id)).to.equal(undefined);
  });
});
