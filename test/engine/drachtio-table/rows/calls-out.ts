import { isRequest, isResponse, rawResponse } from '../../../doubles/raw-sip-client.ts';
import type { RawMessage, RawSipClient } from '../../../doubles/raw-sip-client.ts';
import { contactOf } from '../../../doubles/raw-sip-client.ts';
import { deferred, tag } from '../../running-engine.ts';
import { accept, callOut, direction, fromCallee, gist, sdp, sdpHeaders } from '../calls.ts';
import type { Row } from '../row.ts';
import type { Site } from '../site.ts';
import { uriOf } from '../site.ts';
import { outcome } from '../srf.ts';
import type { Application, Request, UacOptions } from '../srf.ts';

/** Refuses an INVITE and takes the ACK to that. */
async function refuse(
  peer: RawSipClient,
  invite: RawMessage,
  status: number,
  headers: readonly string[] = [],
): Promise<RawMessage> {
  peer.send(rawResponse(invite, status, 'No', { tag: 'callee', headers }));
  return await peer.nextMessage(isRequest('ACK'));
}

/** An application that calls a peer, up to the INVITE. */
async function calling(
  site: Site,
  options: UacOptions = {},
): Promise<{
  application: Application;
  peer: RawSipClient;
  invite: RawMessage;
  sent: Promise<Request>;
  ringing: Promise<number>;
  dialog: ReturnType<Application['createUAC']> & Promise<unknown>;
}> {
  const application = await site.application();
  const peer = await site.peer();
  const sent = deferred<Request>();
  const ringing = deferred<number>();
  const dialog = application.createUAC(
    uriOf(peer),
    { localSdp: sdp(), ...options },
    {
      cbRequest: (_error, request) => sent.resolve(request),
      cbProvisional: ({ status }) => {
        if (status > 100) ringing.resolve(status);
      },
    },
  );
  // A row that expects it to fail looks at that later.
  dialog.catch(() => undefined);
  const invite = await peer.nextMessage(isRequest('INVITE'));
  return { application, peer, invite, sent: sent.promise, ringing: ringing.promise, dialog };
}

/** INVITEs that applications send. */
export const CALLS_OUT: readonly Row[] = [
  {
    call: 'srf.createUAC(uri, { localSdp, headers }), dialog.destroy({ headers })',
    play: async (site) => {
      const { peer, invite, dialog } = await calling(site, { headers: { 'X-A': 'b' } });
      accept(peer, invite, sdp('recvonly'));
      const { remote, destroy } = await dialog.then((made) => ({
        remote: made.remote,
        destroy: () => made.destroy({ headers: { 'X-Why': 'enough' } }),
      }));
      const ack = await peer.nextMessage(isRequest('ACK'));
      const destroyed = destroy();
      const bye = await peer.nextMessage(isRequest('BYE'));
      peer.send(rawResponse(bye, 200, 'OK'));
      await destroyed;
      return {
        farEnd: [
          ...gist(invite, ack, bye),
          invite.header('X-A'),
          direction(invite.body),
          bye.header('X-Why'),
        ],
        application: [direction(remote.sdp)],
      };
    },
    seen: {
      farEnd: ['INVITE 1 INVITE', 'ACK 1 ACK', 'BYE 2 BYE', 'b', 'sendrecv', 'enough'],
      application: ['recvonly'],
    },
  },
  {
    call: 'srf.createUAC(uri, opts, { cbRequest, cbProvisional })',
    play: async (site) => {
      const { peer, invite, sent, ringing, dialog } = await calling(site);
      peer.send(rawResponse(invite, 183, 'Progress', { tag: 'callee' }));
      const application = [(await sent).method, String(await ringing)];
      accept(peer, invite);
      await dialog;
      return { farEnd: [], application };
    },
    seen: { farEnd: [], application: ['INVITE', '183'] },
  },
  ...[302, 404, 486, 503, 603].map((status): Row => ({
    call: `srf.createUAC refused by ${status}: SipError, and the ACK is the server's`,
    play: async (site) => {
      const { peer, invite, dialog } = await calling(site);
      const ack = await refuse(peer, invite, status);
      const sameBranch = ack.header('Via') === invite.header('Via');
      return { farEnd: [...gist(ack), String(sameBranch)], application: [await outcome(dialog)] };
    },
    seen: { farEnd: ['ACK 1 ACK', 'true'], application: [String(status)] },
  })),
  {
    call: "srf.createUAC(uri, { callingNumber, callingName }): the server's address stands for localhost",
    play: async (site) => {
      const options = { callingNumber: '1555', callingName: 'Al' };
      const { peer, invite, dialog } = await calling(site, options);
      await refuse(peer, invite, 486);
      await outcome(dialog);
      const local = `127.0.0.1:${site.port('udp')}`;
      return {
        farEnd: [
          String(invite.header('From').startsWith('"Al" <sip:1555@')),
          String(invite.header('From').includes('@localhost')),
          String(invite.header('Contact').includes(local)),
        ],
        application: [],
      };
    },
    seen: { farEnd: ['true', 'false', 'true'], application: [] },
  },
  {
    call: 'srf.createUAC without localSdp: the ACK answers the offer of the 200',
    play: async (site) => {
      const { peer, invite, dialog } = await calling(site, { localSdp: '' });
      accept(peer, invite);
      await dialog;
      const ack = await peer.nextMessage(isRequest('ACK'));
      return {
        farEnd: [String(invite.body.length), direction(ack.body), ack.header('Content-Type')],
        application: [],
      };
    },
    seen: { farEnd: ['0', 'recvonly', 'application/sdp'], application: [] },
  },
  {
    call: 'srf.createUAC({ noAck: true }) without localSdp: the ACK is sent when the application has its answer',
    play: async (site) => {
      const application = await site.application();
      const peer = await site.peer();
      const calls = application.createUAC(uriOf(peer), { noAck: true });
      accept(peer, await peer.nextMessage(isRequest('INVITE')));
      const answered = await calls;
      const before = peer.received.filter(isRequest('ACK')).length;
      const dialog = await answered.ack(sdp('sendonly'));
      const ack = await peer.nextMessage(isRequest('ACK'));
      return {
        farEnd: [String(before), direction(ack.body)],
        application: [direction(answered.sdp), direction(dialog.local.sdp)],
      };
    },
    seen: { farEnd: ['0', 'sendonly'], application: ['sendrecv', 'sendonly'] },
  },
  {
    call: 'srf.createUAC({ noAck: true }), destroy() in place of ack(): ACK, then BYE',
    play: async (site) => {
      const application = await site.application();
      const peer = await site.peer();
      const calls = application.createUAC(uriOf(peer), { noAck: true });
      accept(peer, await peer.nextMessage(isRequest('INVITE')));
      const destroyed = (await calls).destroy();
      const ack = await peer.nextMessage(isRequest('ACK'));
      const bye = await peer.nextMessage(isRequest('BYE'));
      peer.send(rawResponse(bye, 200, 'OK'));
      await destroyed;
      return { farEnd: gist(ack, bye), application: [] };
    },
    seen: { farEnd: ['ACK 1 ACK', 'BYE 2 BYE'], application: [] },
  },
  {
    call: 'srf.createUAC({ followRedirects: true }): the INVITE goes to the Contact of the 302',
    play: async (site) => {
      const { peer, invite, dialog } = await calling(site, { followRedirects: true });
      const other = await site.peer();
      await refuse(peer, invite, 302, [contactOf(other)]);
      const second = await other.nextMessage(isRequest('INVITE'));
      accept(other, second);
      const application = [await outcome(dialog)];
      return { farEnd: [String(second.startLine.includes(String(other.port)))], application };
    },
    seen: { farEnd: ['true'], application: ['done'] },
  },
  {
    call: 'srf.createUAC({ followRedirects: true, keepUriOnRedirect: true }): the Contact is the next hop alone',
    play: async (site) => {
      const { peer, invite, dialog } = await calling(site, {
        followRedirects: true,
        keepUriOnRedirect: true,
      });
      const other = await site.peer();
      await refuse(peer, invite, 302, [contactOf(other)]);
      const second = await other.nextMessage(isRequest('INVITE'));
      accept(other, second);
      const application = [await outcome(dialog)];
      return { farEnd: [String(second.startLine === invite.startLine)], application };
    },
    seen: { farEnd: ['true'], application: ['done'] },
  },
  {
    call: 'srf.createUAC({ proxy }): the INVITE goes there, and the ACK to the Contact',
    play: async (site) => {
      const application = await site.application();
      const [proxy, callee] = [await site.peer(), await site.peer()];
      const dialog = application.createUAC('sip:bob@example.test', { localSdp: sdp(), proxy: uriOf(proxy) });
      const invite = await proxy.nextMessage(isRequest('INVITE'));
      proxy.send(rawResponse(invite, 200, 'OK', { tag: 'callee', headers: sdpHeaders(callee), body: sdp() }));
      await dialog;
      const ack = await callee.nextMessage(isRequest('ACK'));
      return { farEnd: [invite.startLine, ...gist(ack)], application: [] };
    },
    seen: { farEnd: ['INVITE sip:bob@example.test SIP/2.0', 'ACK 1 ACK'], application: [] },
  },
  ...([401, 407] as const).map((status): Row => ({
    call: `srf.createUAC({ auth }), challenged by ${status}`,
    play: async (site) => {
      const { peer, invite, dialog } = await calling(site, { auth: { username: 'al', password: 'pw' } });
      const challenge = status === 401 ? 'WWW-Authenticate' : 'Proxy-Authenticate';
      const first = await refuse(peer, invite, status, [`${challenge}: Digest realm="r", nonce="n"`]);
      const second = await peer.nextMessage(isRequest('INVITE'));
      accept(peer, second);
      await dialog;
      const ack = await peer.nextMessage(isRequest('ACK'));
      return {
        farEnd: [
          ...gist(first, second, ack),
          String(tag(second.header('From')) === tag(invite.header('From'))),
          String(second.header('Call-ID') === invite.header('Call-ID')),
        ],
        application: [],
      };
    },
    seen: { farEnd: ['ACK 1 ACK', 'INVITE 2 INVITE', 'ACK 2 ACK', 'true', 'true'], application: [] },
  })),
  {
    call: 'req.cancel({ headers }) while it rings: createUAC fails with 487',
    play: async (site) => {
      const { peer, invite, sent, ringing, dialog } = await calling(site);
      peer.send(rawResponse(invite, 180, 'Ringing', { tag: 'callee' }));
      await ringing;
      const told = deferred<string>();
      const headers = { Reason: 'SIP;cause=200;text="elsewhere"' };
      (await sent).cancel({ headers }, (error) => told.resolve(String(error)));
      const cancel = await peer.nextMessage(isRequest('CANCEL'));
      peer.send(rawResponse(cancel, 200, 'OK', { tag: 'callee' }));
      const ack = await refuse(peer, invite, 487);
      return {
        farEnd: [...gist(cancel, ack), cancel.header('Reason')],
        application: [await told.promise, await outcome(dialog)],
      };
    },
    seen: {
      farEnd: ['CANCEL 1 CANCEL', 'ACK 1 ACK', 'SIP;cause=200;text="elsewhere"'],
      application: ['null', '487'],
    },
  },
  {
    call: 'req.cancel before anything came: the CANCEL waits for the first response',
    play: async (site) => {
      const { peer, invite, sent, dialog } = await calling(site);
      const told = deferred<string>();
      (await sent).cancel((error) => told.resolve(String(error)));
      const application = [await told.promise];
      const early = peer.received.filter(isRequest('CANCEL')).length;
      peer.send(rawResponse(invite, 180, 'Ringing', { tag: 'callee' }));
      const cancel = await peer.nextMessage(isRequest('CANCEL'));
      peer.send(rawResponse(cancel, 200, 'OK', { tag: 'callee' }));
      await refuse(peer, invite, 487);
      return { farEnd: [String(early)], application: [...application, await outcome(dialog)] };
    },
    seen: { farEnd: ['0'], application: ['null', '487'] },
  },
  {
    call: 'req.cancel of a call that was answered: the callback is told why not',
    play: async (site) => {
      const { peer, invite, sent, dialog } = await calling(site);
      accept(peer, invite);
      await dialog;
      const told = deferred<string>();
      (await sent).cancel((error) => told.resolve((error as { code?: string } | null)?.code ?? 'none'));
      return { farEnd: [], application: [await told.promise] };
    },
    seen: { farEnd: [], application: ['EDRACHTIO'] },
  },
  {
    call: 'srf.createUAC answered without Contact: SipError 500',
    play: async (site) => {
      const { application, peer, invite, dialog } = await calling(site);
      peer.send(
        rawResponse(invite, 200, 'OK', {
          tag: 'callee',
          headers: ['Content-Type: application/sdp'],
          body: sdp(),
        }),
      );
      const told = await outcome(dialog);
      await site.settled(application);
      return { farEnd: gist(...peer.received.filter(isRequest('ACK'))), application: [told] };
    },
    seen: { farEnd: ['ACK 1 ACK'], application: ['500'] },
    drachtioServer: {
      why: 'it finds no way for the ACK',
      seen: { farEnd: [], application: ['500'] },
    },
  },
  {
    call: 'srf.createUAC to a port where nobody listens (TCP)',
    play: async (site) => {
      const application = await site.application();
      const dialog = application.createUAC('sip:a@127.0.0.1:9;transport=tcp', { localSdp: sdp() });
      return { farEnd: [], application: [await outcome(dialog)] };
    },
    seen: { farEnd: [], application: ['503'] },
  },
  {
    call: 'srf.createUAC that nobody answers: 408 after 64*T1',
    play: async (site) => {
      const { dialog } = await calling(site);
      return { farEnd: [], application: [await outcome(dialog)] };
    },
    seen: { farEnd: [], application: ['408'] },
    patience: 40_000,
  },
  {
    call: 'the 200 repeated: the same ACK again, and the application is not told',
    play: async (site) => {
      const { peer, invite, dialog } = await calling(site);
      accept(peer, invite);
      await dialog;
      const first = await peer.nextMessage(isRequest('ACK'));
      accept(peer, invite);
      const second = await peer.nextMessage(isRequest('ACK'));
      return { farEnd: [...gist(first, second)], application: [] };
    },
    seen: { farEnd: ['ACK 1 ACK', 'ACK 1 ACK'], application: [] },
  },
  {
    call: "the callee's BYE: dialog.on('destroy')",
    play: async (site) => {
      const { dialog, peer, send } = await callOut(site);
      const destroyed = deferred<string>();
      dialog.on('destroy', ({ method }: { method: string }) => destroyed.resolve(method));
      send('BYE');
      const { status } = await peer.nextMessage(isResponse(200, 'BYE'));
      return { farEnd: [String(status)], application: [await destroyed.promise] };
    },
    seen: { farEnd: ['200'], application: ['BYE'] },
  },
  {
    call: "the callee's UPDATE before it answers: put off (RFC 3311 §5.2)",
    play: async (site) => {
      const { peer, invite, ringing, dialog } = await calling(site);
      peer.send(rawResponse(invite, 183, 'Progress', { tag: 'callee', headers: [contactOf(peer)] }));
      await ringing;
      fromCallee(peer, invite, 'UPDATE', { headers: sdpHeaders(peer), body: sdp() });
      const { status } = await peer.nextMessage(
        (message) => message.status >= 200 && message.header('CSeq').endsWith(' UPDATE'),
      );
      accept(peer, invite);
      return { farEnd: [String(status)], application: [await outcome(dialog)] };
    },
    seen: { farEnd: ['491'], application: ['done'] },
    drachtioServer: {
      why: 'it hands it up',
      seen: { farEnd: ['200'], application: ['done'] },
    },
  },
];
