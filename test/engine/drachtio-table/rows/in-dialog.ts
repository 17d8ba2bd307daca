import { isRequest, isResponse, rawResponse } from '../../../doubles/raw-sip-client.ts';
import type { RawMessage } from '../../../doubles/raw-sip-client.ts';
import { deferred } from '../../running-engine.ts';
import { accept, callIn, callOut, direction, gist, sdp, sdpHeaders } from '../calls.ts';
import type { Row } from '../row.ts';
import { outcome } from '../srf.ts';

const isAnswer =
  (method: string) =>
  (message: RawMessage): boolean =>
    message.status >= 200 && message.header('CSeq').endsWith(` ${method}`);

/** The application sends a request in a call that came; the peer refuses it, which is the application's business. */
const sends = (method: string, headers: Record<string, string> = {}): Row => ({
  call: `dialog.request({ method: '${method}' })`,
  play: async (site) => {
    const { dialog, peer } = await callIn(site);
    const answered = dialog.request({ method, headers: { 'X-A': 'b', ...headers } });
    const request = await peer.nextMessage(isRequest(method));
    peer.send(rawResponse(request, 415, 'No'));
    const withinRoute = request.startLine.includes(`127.0.0.1:${peer.port}`);
    return {
      farEnd: [...gist(request), String(withinRoute), request.header('X-A')],
      application: [String((await answered).status)],
    };
  },
  seen: { farEnd: [`${method} 1 ${method}`, 'true', 'b'], application: ['415'] },
});

/** The peer sends a request in a call that came; the dialog's listener answers it. */
const takes = (method: string, headers: readonly string[] = []): Row => ({
  call: `dialog.on('${method.toLowerCase()}', (req, res) => res.send(299))`,
  play: async (site) => {
    const { dialog, peer, send } = await callIn(site);
    const handed = deferred<string>();
    dialog.on(method.toLowerCase(), (request, response) => {
      handed.resolve(`${request.method} ${request.get('X-A')}`);
      response.send(202, { headers: { 'X-B': 'c' } });
    });
    send(method, { headers: ['X-A: b', ...headers] });
    const response = await peer.nextMessage(isAnswer(method));
    return { farEnd: [String(response.status), response.header('X-B')], application: [await handed.promise] };
  },
  seen: { farEnd: ['202', 'c'], application: [`${method} b`] },
});

/** The peer sends an INVITE in a call that came: which of the dialog's events it is. */
const reinvited = (event: string, body: string): Row => ({
  call: `dialog.on('${event}') at the peer's re-INVITE`,
  play: async (site) => {
    const { dialog, peer, send } = await callIn(site);
    const happened = deferred<string>();
    dialog.on(event, (_request, response) => {
      happened.resolve(event);
      if (event === 'modify') response.send(200, { body: sdp('recvonly') });
    });
    const acked = deferred<string>();
    dialog.on('ack', ({ method }: { method: string }) => acked.resolve(method));
    send('INVITE', { headers: sdpHeaders(peer), body });
    const response = await peer.nextMessage(isResponse(200, 'INVITE'));
    const contact = response.header('Contact').includes(`127.0.0.1:${site.port('udp')}`);
    return { farEnd: [String(contact), direction(response.body)], application: [await happened.promise] };
  },
  seen: {
    farEnd: ['true', event === 'hold' || event === 'modify' ? 'recvonly' : 'sendrecv'],
    application: [event],
  },
});

/** Requests within calls. */
export const IN_DIALOG: readonly Row[] = [
  sends('INFO'),
  sends('OPTIONS'),
  sends('MESSAGE'),
  sends('UPDATE'),
  sends('NOTIFY', { Event: 'refer', 'Subscription-State': 'active' }),
  sends('REFER', { 'Refer-To': '<sip:carol@example.test>' }),
  takes('INFO'),
  takes('OPTIONS'),
  takes('MESSAGE'),
  takes('UPDATE'),
  takes('NOTIFY', ['Event: refer', 'Subscription-State: active']),
  takes('REFER', ['Refer-To: <sip:carol@example.test>']),
  reinvited('refresh', sdp()),
  reinvited('hold', sdp('sendonly')),
  reinvited('modify', sdp('inactive', 2)),
  {
    call: 'a request in the dialog without a listener: drachtio-srf answers 200',
    play: async (site) => {
      const { peer, send } = await callIn(site);
      send('INFO');
      return { farEnd: gist(await peer.nextMessage(isAnswer('INFO'))), application: [] };
    },
    seen: { farEnd: ['200 to INFO'], application: [] },
  },
  {
    call: 'dialog.modify(sdp): re-INVITE, ACK, and the answer',
    play: async (site) => {
      const { dialog, peer } = await callOut(site);
      const modified = dialog.modify(sdp('sendonly', 2));
      const invite = await peer.nextMessage(isRequest('INVITE'));
      accept(peer, invite, sdp('recvonly', 2));
      const ack = await peer.nextMessage(isRequest('ACK'));
      return {
        farEnd: [...gist(invite, ack), direction(invite.body)],
        application: [direction(await modified)],
      };
    },
    seen: { farEnd: ['INVITE 1 INVITE', 'ACK 1 ACK', 'sendonly'], application: ['recvonly'] },
  },
  {
    call: "dialog.modify('hold'), dialog.modify('unhold')",
    play: async (site) => {
      const { dialog, peer } = await callOut(site);
      const offers: string[] = [];
      for (const change of ['hold', 'unhold']) {
        const modified = dialog.modify(change);
        const invite = await peer.nextMessage(isRequest('INVITE'));
        offers.push(direction(invite.body));
        accept(peer, invite);
        await modified;
        await peer.nextMessage(isRequest('ACK'));
      }
      return { farEnd: offers, application: [] };
    },
    seen: { farEnd: ['inactive', 'sendrecv'], application: [] },
  },
  {
    call: 'dialog.modify({ noAck: true }): a re-INVITE without an offer, answered in the ACK',
    play: async (site) => {
      const { dialog, peer } = await callOut(site);
      const modified = dialog.modify({ noAck: true });
      const invite = await peer.nextMessage(isRequest('INVITE'));
      accept(peer, invite, sdp('recvonly'));
      const { sdp: offer, ack } = await modified;
      ack(sdp('sendonly'));
      const acknowledged = await peer.nextMessage(isRequest('ACK'));
      return {
        farEnd: [String(invite.body.length), ...gist(acknowledged), direction(acknowledged.body)],
        application: [direction(offer)],
      };
    },
    seen: { farEnd: ['0', 'ACK 1 ACK', 'sendonly'], application: ['recvonly'] },
  },
  {
    call: 'dialog.modify refused by 488: SipError, and the call goes on',
    play: async (site) => {
      const { dialog, peer } = await callOut(site);
      const modified = outcome(dialog.modify(sdp('inactive', 2)));
      const invite = await peer.nextMessage(isRequest('INVITE'));
      peer.send(rawResponse(invite, 488, 'No'));
      const ack = await peer.nextMessage(isRequest('ACK'));
      const info = dialog.request({ method: 'INFO' });
      peer.send(rawResponse(await peer.nextMessage(isRequest('INFO')), 200, 'OK'));
      return { farEnd: gist(invite, ack), application: [await modified, String((await info).status)] };
    },
    seen: { farEnd: ['INVITE 1 INVITE', 'ACK 1 ACK'], application: ['488', '200'] },
  },
  {
    call: "dialog.request({ method: 'INVITE', body }): the ACK to its 200",
    play: async (site) => {
      const { dialog, peer } = await callIn(site);
      const headers = { 'Content-Type': 'application/sdp' };
      const answered = dialog.request({ method: 'INVITE', headers, body: sdp('sendonly', 2) });
      const invite = await peer.nextMessage(isRequest('INVITE'));
      accept(peer, invite);
      const ack = await peer.nextMessage(isRequest('ACK'));
      return { farEnd: gist(invite, ack), application: [String((await answered).status)] };
    },
    seen: { farEnd: ['INVITE 1 INVITE', 'ACK 1 ACK'], application: ['200'] },
  },
  {
    call: 'dialog.request({ auth }), challenged by 407',
    play: async (site) => {
      const { dialog, peer } = await callIn(site);
      const auth = { username: 'al', password: 'pw' };
      const answered = dialog.request({ method: 'INFO', auth });
      const first = await peer.nextMessage(isRequest('INFO'));
      peer.send(
        rawResponse(first, 407, 'Who?', { headers: ['Proxy-Authenticate: Digest realm="r", nonce="n"'] }),
      );
      const second = await peer.nextMessage(isRequest('INFO'));
      peer.send(rawResponse(second, 200, 'OK'));
      return {
        farEnd: [
          ...gist(first, second),
          /username="\w+"/.exec(second.header('Proxy-Authorization'))?.[0] ?? 'none',
        ],
        application: [String((await answered).status)],
      };
    },
    seen: { farEnd: ['INFO 1 INFO', 'INFO 2 INFO', 'username="al"'], application: ['200'] },
  },
  {
    call: 'dialog.request that nobody answers: 408',
    play: async (site) => {
      const { dialog } = await callIn(site);
      return { farEnd: [], application: [String((await dialog.request({ method: 'INFO' })).status)] };
    },
    seen: { farEnd: [], application: ['408'] },
    patience: 40_000,
  },
  {
    call: 'dialog.request, dialog.destroy after the call is over: ENODIALOG at once',
    play: async (site) => {
      const { dialog, peer, send } = await callIn(site);
      send('BYE');
      await peer.nextMessage(isAnswer('BYE'));
      const application = [
        await outcome(dialog.request({ method: 'INFO' })),
        await outcome(dialog.destroy()),
      ];
      return { farEnd: [], application };
    },
    seen: { farEnd: [], application: ['ENODIALOG', 'ENODIALOG'] },
  },
  {
    call: 'dialog.destroy while the peer says BYE too',
    play: async (site) => {
      const { dialog, peer, send } = await callIn(site);
      const destroyed = outcome(dialog.destroy());
      const bye = await peer.nextMessage(isRequest('BYE'));
      send('BYE');
      const { status } = await peer.nextMessage(isAnswer('BYE'));
      peer.send(rawResponse(bye, 481, 'Gone'));
      return { farEnd: [String(status === 200 || status === 481)], application: [await destroyed] };
    },
    seen: { farEnd: ['true'], application: ['done'] },
  },
  {
    call: 'srf.findDialogById, srf.findDialogByCallIDAndFromTag',
    play: async (site) => {
      const [came, went] = [await callIn(site), await callOut(site)];
      const found = [
        came.application.findDialogById(came.dialog.id) === came.dialog,
        came.application.findDialogByCallIDAndFromTag(came.dialog.sip.callId, came.dialog.sip.remoteTag) ===
          came.dialog,
        went.application.findDialogByCallIDAndFromTag(went.dialog.sip.callId, went.dialog.sip.localTag) ===
          went.dialog,
      ];
      return { farEnd: [], application: found.map(String) };
    },
    seen: { farEnd: [], application: ['true', 'true', 'true'] },
  },
];
