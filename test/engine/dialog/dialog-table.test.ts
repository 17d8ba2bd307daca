import { expect } from 'chai';
import type { Application } from '../../../src/engine/control/application.ts';
import { DialogTable } from '../../../src/engine/dialog/dialog-table.ts';
import type { NewDialog } from '../../../src/engine/dialog/dialog-table.ts';
import type { Dialog } from '../../../src/engine/dialog/dialog.ts';
import type { Flow } from '../../../src/engine/transport/transport.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';

const owner = (name: string): Application => ({ name }) as unknown as Application;
const ALICE = owner('alice');

const flow: Flow = {
  local: { protocol: 'udp', address: '127.0.0.1', port: 1 },
  remote: { protocol: 'udp', address: '127.0.0.1', port: 2 },
  send: () => Promise.resolve(),
};

function newDialog(tags: { callId?: string; local?: string; remote?: string } = {}, idle = 1000): NewDialog {
  const { callId = 'c', local = 'l', remote = 'r' } = tags;
  return {
    kind: 'INVITE',
    fromTag: 'r',
    owner: ALICE,
    flow,
    idle,
    state: {
      callId,
      localTag: local,
      remoteTag: remote,
      localAddress: '',
      remoteAddress: '',
      remoteTarget: '',
      routeSet: [],
      localSequence: 0,
      remoteSequence: undefined,
    },
  };
}

describe('the table of dialogs', () => {
  let clock: FakeClock;
  let lapsed: Dialog[];
  let table: DialogTable;

  beforeEach(() => {
    clock = new FakeClock();
    lapsed = [];
    table = new DialogTable(clock, (dialog) => lapsed.push(dialog));
  });

  it('finds a dialog by its tags, and by its name for its owner only', () => {
    const dialog = table.open(newDialog());
    expect(dialog.id).to.equal('c;from-tag=r');
    expect(table.find('c', 'l', 'r')).to.equal(dialog);
    expect(table.find('c', 'r', 'l')).to.equal(undefined);
    expect(table.findOwned(dialog.id, ALICE)).to.equal(dialog);
    expect(table.findOwned(dialog.id, owner('bob'))).to.equal(undefined);
  });

  it('gives both ends of one call names of their own', () => {
    const callee = table.open(newDialog({ local: 'l', remote: 'r' }));
    const caller = table.open(newDialog({ local: 'r', remote: 'l' }));
    expect(caller.id).to.not.equal(callee.id);
    expect(table.findOwned(caller.id, ALICE)).to.equal(caller);
  });

  it('lets no peer break a line of the control protocol by its Call-ID', () => {
    expect(table.open(newDialog({ callId: 'a|b\r\nc' })).id).to.equal('a b c;from-tag=r');
  });

  it('lets a dialog without traffic lapse, later when it is kept', async () => {
    const dialog = table.open(newDialog({}, 1000));
    await clock.advance(900);
    table.keep(dialog, 1000);
    await clock.advance(900);
    expect(lapsed).to.deep.equal([]);
    await clock.advance(200);
    expect(lapsed).to.deep.equal([dialog]);
    expect(table.size).to.equal(0);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('lets it lapse earlier when it is kept for less', async () => {
    const dialog = table.open(newDialog({}, 100_000));
    table.keep(dialog, 500);
    await clock.advance(500);
    expect(lapsed).to.deep.equal([dialog]);
  });

  it('ends a doomed dialog, unless it is spared', async () => {
    const dialog = table.open(newDialog({}, 100_000));
    table.doom(dialog, 500);
    table.spare(dialog);
    await clock.advance(600);
    expect(table.has(dialog)).to.equal(true);
    table.doom(dialog, 500);
    await clock.advance(500);
    expect(table.has(dialog)).to.equal(false);
    expect(lapsed).to.deep.equal([dialog]);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('tells what belongs to an application that is gone, and no more', () => {
    const hers = table.open(newDialog());
    const other = table.open({ ...newDialog({ callId: 'd' }), owner: owner('bob') });
    expect(table.ownedBy(ALICE)).to.deep.equal([hers]);
    table.close(hers);
    expect(table.has(other)).to.equal(true);
    table.closeAll();
    expect(table.size).to.equal(0);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('answers what the peer still asks in a dialog that ends, 487 (RFC 3261 §15.1.2)', () => {
    const dialog = table.open(newDialog());
    const answers: number[] = [];
    dialog.invited = { refuse: (status) => answers.push(status) };
    table.close(dialog);
    table.close(dialog);
    expect(answers).to.deep.equal([487]);
  });

  it('tags chosen twice: the later dialog takes the place of the earlier one', () => {
    const [earlier, later] = [table.open(newDialog()), table.open(newDialog())];
    expect(table.has(earlier)).to.equal(false);
    expect(table.find('c', 'l', 'r')).to.equal(later);
    table.close(later);
    expect(table.size).to.equal(0);
    expect(clock.pendingTimers).to.equal(0);
  });
});
