import { expect } from 'chai';
import type { PaperApplication, PaperMessage, PaperPeer } from './paper-engine.ts';
import { PaperEngine, idsOf } from './paper-engine.ts';

interface Stage {
  readonly engine: PaperEngine;
  readonly app: PaperApplication;
  readonly peer: PaperPeer;
  /** Names this one among the others of its way. */
  readonly callId: string;
}

type Way = (stage: Stage) => Promise<void> | void;

const branch = (callId: string): string => `z9hG4bK${callId}`;

/** The peer's INVITE and what the application says to it. */
function invited({ app, peer, callId }: Stage, status: number): PaperMessage {
  peer.send(peer.request('INVITE', { callId, branch: branch(callId) }));
  app.reply(app.frame('INVITE'), status);
  return peer.taken(`${status} INVITE`);
}

function called(stage: Stage): { say: (method: string, cseq: number) => void; dialogId: string } {
  const { app, peer, callId } = stage;
  const to = invited(stage, 200).header('To');
  const say = (method: string, cseq: number): void => peer.send(peer.request(method, { callId, to, cseq }));
  return { say, dialogId: idsOf(app.frame('200 INVITE', 'application')).dialogId };
}

/** A request of the application, as the peer got it. */
async function asked({ app, engine, peer }: Stage, method: string): Promise<PaperMessage> {
  app.request(method, peer.uri, ['Expires: 60']);
  await engine.settle();
  return peer.taken(method);
}

/* Every way a transaction or a dialog may end. What is left out here lingers until its timers find it. */
const WAYS: Readonly<Record<string, Way>> = {
  'a request that is answered': ({ app, peer, callId }) => {
    peer.send(peer.request('MESSAGE', { callId }));
    app.reply(app.frame('MESSAGE'), 200);
  },
  'a request nobody answers': ({ peer, callId }) => peer.send(peer.request('MESSAGE', { callId })),
  'a request whose answer cannot be sent': ({ app, engine, callId }) => {
    const lost = engine.peer(5099);
    lost.unreachable = true;
    lost.send(lost.request('MESSAGE', { callId }));
    app.reply(app.frame('MESSAGE'), 200);
  },
  'a request that came twice, by two ways': ({ app, peer, callId }) => {
    peer.send(peer.request('MESSAGE', { callId }));
    peer.send(peer.request('MESSAGE', { callId }));
    app.reply(app.frame('MESSAGE'), 200);
  },
  'requests the engine refuses': ({ peer, callId }) => {
    peer.send(peer.request('FLY', { callId }));
    peer.send(peer.request('INVITE', { callId, headers: ['Require: 100rel'] }));
    peer.send(peer.request('CANCEL', { callId }));
    peer.send(peer.request('BYE', { callId, to: '<sip:us@example.test>;tag=none' }));
    peer.send(peer.request('ACK', { callId }));
  },
  'an INVITE that is refused and acknowledged': (stage) => {
    const to = invited(stage, 486).header('To');
    const { peer, callId } = stage;
    peer.send(peer.request('ACK', { callId, branch: branch(callId), to }));
  },
  'an INVITE whose refusal is not acknowledged': (stage) => {
    invited(stage, 486);
  },
  'an INVITE nobody answers': ({ peer, callId }) => peer.send(peer.request('INVITE', { callId })),
  'an INVITE that rings and is cancelled': (stage) => {
    const { peer, callId } = stage;
    invited(stage, 180);
    peer.send(peer.request('CANCEL', { callId, branch: branch(callId) }));
  },
  'an INVITE that rings and is ended by BYE': (stage) => {
    const { peer, callId } = stage;
    const to = invited(stage, 180).header('To');
    peer.send(peer.request('BYE', { callId, to, cseq: 2 }));
  },
  'a call the peer ends': (stage) => {
    const { say } = called(stage);
    say('ACK', 1);
    say('BYE', 2);
    stage.app.reply(stage.app.frame('BYE'), 200);
  },
  'a call the peer ends and the application does not answer for': (stage) => {
    const { say } = called(stage);
    say('ACK', 1);
    say('BYE', 2);
  },
  'a call the application ends': async (stage) => {
    const { say, dialogId } = called(stage);
    say('ACK', 1);
    stage.app.inDialog('BYE', dialogId);
    await stage.engine.settle();
    stage.peer.send(stage.peer.answer(stage.peer.taken('BYE'), 200));
  },
  'a call the application ends, and the peer is gone': (stage) => {
    const { say, dialogId } = called(stage);
    say('ACK', 1);
    stage.app.inDialog('BYE', dialogId);
  },
  'a call the application ends before its ACK, which never comes': (stage) => {
    stage.app.inDialog('BYE', called(stage).dialogId);
  },
  'a call without ACK': (stage) => {
    called(stage);
  },
  'a call nobody ends': (stage) => called(stage).say('ACK', 1),
  'a call that ends with a re-INVITE under way': (stage) => {
    const { say } = called(stage);
    say('ACK', 1);
    say('INVITE', 2);
    say('INVITE', 3);
    say('BYE', 4);
    stage.app.reply(stage.app.frame('BYE'), 200);
  },
  'a request of ours that is answered': async (stage) => {
    const message = await asked(stage, 'MESSAGE');
    stage.peer.send(stage.peer.answer(message, 200));
  },
  'a request of ours nobody answers': async (stage) => {
    await asked(stage, 'MESSAGE');
  },
  'a request of ours that leads nowhere': ({ app }) => app.request('MESSAGE', 'sip:a@nowhere.invalid'),
  'our INVITE that is refused': async (stage) => {
    const invite = await asked(stage, 'INVITE');
    stage.peer.send(stage.peer.answer(invite, 486));
  },
  'our INVITE nobody answers': async (stage) => {
    await asked(stage, 'INVITE');
  },
  'our INVITE that rings for ever': async (stage) => {
    const invite = await asked(stage, 'INVITE');
    stage.peer.send(stage.peer.answer(invite, 180));
  },
  'our INVITE that is cancelled in vain': async (stage) => {
    const invite = await asked(stage, 'INVITE');
    stage.peer.send(stage.peer.answer(invite, 180));
    stage.app.cancel(idsOf(stage.app.frame('180 INVITE')).transactionId);
  },
  'our call the application ends': async (stage) => {
    const { app, engine, peer } = stage;
    const invite = await asked(stage, 'INVITE');
    peer.send(peer.answer(invite, 200));
    const { dialogId } = idsOf(app.frame('200 INVITE'));
    app.inDialog('ACK', dialogId);
    app.inDialog('BYE', dialogId);
    await engine.settle();
    peer.send(peer.answer(peer.taken('BYE'), 200));
  },
  'our call the application forgets, and a fork of it': async (stage) => {
    const invite = await asked(stage, 'INVITE');
    stage.peer.send(stage.peer.answer(invite, 200));
    stage.peer.send(stage.peer.answer(invite, 200, { tag: 'second' }));
    await stage.engine.settle();
  },
  'a subscription of the peer that lapses': ({ app, peer, callId }) => {
    peer.send(peer.request('SUBSCRIBE', { callId }));
    app.reply(app.frame('SUBSCRIBE'), 200, ['Expires: 60']);
  },
  'a subscription of the peer that the application ends': async ({ app, engine, peer, callId }) => {
    peer.send(peer.request('SUBSCRIBE', { callId }));
    app.reply(app.frame('SUBSCRIBE'), 200, ['Expires: 60']);
    const { dialogId } = idsOf(app.frame('200 SUBSCRIBE', 'application'));
    app.inDialog('NOTIFY', dialogId, ['Subscription-State: terminated;reason=timeout']);
    await engine.settle();
    peer.send(peer.answer(peer.taken('NOTIFY'), 200));
  },
  'a subscription of the peer that is unknown there': async ({ app, engine, peer, callId }) => {
    peer.send(peer.request('SUBSCRIBE', { callId }));
    app.reply(app.frame('SUBSCRIBE'), 200, ['Expires: 86400']);
    app.inDialog('NOTIFY', idsOf(app.frame('200 SUBSCRIBE', 'application')).dialogId);
    await engine.settle();
    peer.send(peer.answer(peer.taken('NOTIFY'), 481));
  },
  'our subscription that lapses': async (stage) => {
    const subscribe = await asked(stage, 'SUBSCRIBE');
    stage.peer.send(stage.peer.answer(subscribe, 200, { headers: ['Expires: 60'] }));
  },
  'our subscription whose 2xx never comes, though its NOTIFY does': async (stage) => {
    const subscribe = await asked(stage, 'SUBSCRIBE');
    const from = `${subscribe.header('To')};tag=n`;
    const dialog = { callId: subscribe.header('Call-ID'), from, to: subscribe.header('From') };
    stage.peer.send(stage.peer.request('NOTIFY', dialog));
  },
  'calls of an application that dies': async ({ engine, app, peer, callId }) => {
    // One of its own, so that the others live.
    const doomed = engine.application(['INVITE'], callId);
    app.busy = true;
    const to = invited({ engine, app: doomed, peer, callId }, 200).header('To');
    peer.send(peer.request('ACK', { callId, to }));
    peer.send(peer.request('INVITE', { callId: `${callId}b` }));
    doomed.request('INVITE', peer.uri);
    await engine.settle();
    app.busy = false;
    engine.kill(doomed);
  },
};

const TOTAL = 10_000;

describe('what the engine keeps', () => {
  const names = Object.keys(WAYS);
  const each = Math.ceil(TOTAL / names.length);

  it('10,000 transactions and dialogs of every way to end, over UDP and TCP, leave nothing behind', async () => {
    const engine = new PaperEngine();
    const app = engine.application(['INVITE', 'MESSAGE', 'SUBSCRIBE']);
    const peers = [engine.peer(5071), engine.peer(5071, 'tcp')];
    const forget = (): void => {
      for (const peer of peers) peer.take();
      app.frames.length = 0;
    };
    let kept = 0;
    for (const [index, [name, way]] of Object.entries(WAYS).entries()) {
      for (let round = 0; round < each / peers.length; round++) {
        for (const [number, peer] of peers.entries()) {
          await way({ engine, app, peer, callId: `${index}-${number}-${round}` });
        }
        forget();
      }
      expect(app.failures, name).to.deep.equal([]);
      const { serverTransactions = 0, clientTransactions = 0, dialogs = 0 } = engine.sizes;
      kept += serverTransactions + clientTransactions + dialogs;
      // What is over after 64*T1 is; the turned hands of this clock are slow with very many timers.
      await engine.clock.advance(33_000);
      forget();
    }
    expect(kept, 'there was something to forget').to.be.greaterThan(TOTAL);
    await engine.clock.advance(25 * 3_600_000);
    expect(engine.left).to.deep.equal([]);
  });

  for (const name of names) {
    it(`is nothing after ${name}`, async () => {
      const engine = new PaperEngine();
      const app = engine.application(['INVITE', 'MESSAGE', 'SUBSCRIBE']);
      await WAYS[name]?.({ engine, app, peer: engine.peer(5071), callId: 'one' });
      await engine.clock.advance(25 * 3_600_000);
      expect(engine.left).to.deep.equal([]);
    });
  }
});
