import {
  contactOf,
  isRequest,
  isResponse,
  rawInDialog,
  rawRequest,
  rawResponse,
} from '../../../doubles/raw-sip-client.ts';
import { deferred } from '../../running-engine.ts';
import { accept, answer, callIn, sdp, sdpHeaders } from '../calls.ts';
import { controlExchange } from '../control-exchange.ts';
import type { Row } from '../row.ts';
import type { Site } from '../site.ts';
import { uriOf } from '../site.ts';
import { outcome } from '../srf.ts';

const URI = 'sip:alice@example.test';

/** Commands spelled out, and whether each is answered OK, NOK or NO. */
const spelled = (call: string, commands: readonly string[], answers: readonly string[]): Row => ({
  call,
  play: async (site) => {
    const answered = await controlExchange(site.server, commands);
    return { farEnd: [], application: answered.map((text) => text.split('|')[0] ?? '') };
  },
  seen: { farEnd: [], application: answers },
});

async function callsAndHangsUp(site: Site): Promise<void> {
  const { dialog, peer } = await callIn(site);
  const destroyed = dialog.destroy();
  peer.send(rawResponse(await peer.nextMessage(isRequest('BYE')), 200, 'OK'));
  await destroyed;
}

/** What the engine says NOK to: the reason comes at once, and the connection stays. */
export const NOT_SERVED: readonly Row[] = [
  {
    call: 'srf.proxyRequest, req.proxy',
    play: async (site) => {
      const told = deferred<string>();
      const callee = await site.peer();
      const application = await site.application({
        INVITE: (request, response) => {
          const proxied = application.proxyRequest(request, uriOf(callee));
          void proxied.then(
            ({ finalStatus }) => told.resolve(String(finalStatus)),
            (reason: unknown) => {
              response.send(480);
              told.resolve(String(reason));
            },
          );
        },
      });
      const caller = await site.peer();
      caller.send(rawRequest({ method: 'INVITE', uri: URI, client: caller, headers: [contactOf(caller)] }));
      void callee.nextMessage(isRequest('INVITE')).then(
        (invite) => callee.send(rawResponse(invite, 480, 'Not now', { tag: 'callee' })),
        () => undefined,
      );
      const { status } = await caller.nextMessage((message) => message.status >= 200);
      return { farEnd: [String(status)], application: [await told.promise] };
    },
    seen: { farEnd: ['480'], application: ['proxying is not supported'] },
    drachtioServer: { why: 'it proxies', seen: { farEnd: ['480'], application: ['480'] } },
  },
  {
    call: "srf.on('cdr:attempt'), srf.on('cdr:start'), srf.on('cdr:stop'): the application is served all the same",
    play: async (site) => {
      const listener = await site.application();
      for (const event of ['cdr:attempt', 'cdr:start', 'cdr:stop']) listener.on(event, () => undefined);
      await site.settled(listener);
      await callsAndHangsUp(site);
      await site.settled(listener);
      return { farEnd: [], application: [] };
    },
    seen: { farEnd: [], application: [] },
  },
  {
    ...spelled(
      'route|cdr:start, remove_route|cdr:start',
      ['route|cdr:start', 'remove_route|cdr:start', 'ping'],
      ['NOK', 'NOK', 'OK'],
    ),
    drachtioServer: {
      why: 'it writes call records',
      seen: { farEnd: [], application: ['OK', 'OK', 'OK'] },
    },
  },
  {
    call: "res.send(183, { headers: { Require: '100rel' } })",
    play: async (site) => {
      const told = deferred<string>();
      await site.application({
        INVITE: (_request, response) => {
          void answer(response, 183, { headers: { Require: '100rel' } }).then((sent) => {
            told.resolve(sent);
            if (sent !== 'sent') response.send(486);
          });
        },
      });
      const peer = await site.peer();
      const headers = [contactOf(peer), 'Supported: 100rel'];
      const invite = rawRequest({ method: 'INVITE', uri: URI, client: peer, headers });
      peer.send(invite);
      const response = await peer.nextMessage(({ status }) => status > 100);
      if (response.header('RSeq') !== '') {
        const more = { headers: [`RAck: ${response.header('RSeq')} 1 INVITE`] };
        peer.send(rawInDialog(peer, 'PRACK', { request: invite, response }, 2, more));
        await peer.nextMessage(isResponse(200, 'PRACK'));
      }
      return { farEnd: [String(response.status)], application: [await told.promise] };
    },
    seen: { farEnd: ['486'], application: ['reliable provisional responses are not supported'] },
    drachtioServer: { why: 'it speaks RFC 3262', seen: { farEnd: ['183'], application: ['sent'] } },
  },
  {
    call: "srf.createUAC({ headers: { Supported: '100rel, timer' } }): the engine does not promise it",
    play: async (site) => {
      const application = await site.application();
      const peer = await site.peer();
      const headers = { Supported: '100rel, timer' };
      const dialog = application.createUAC(uriOf(peer), { localSdp: sdp(), headers });
      const invite = await peer.nextMessage(isRequest('INVITE'));
      accept(peer, invite);
      return { farEnd: [invite.header('Supported')], application: [await outcome(dialog)] };
    },
    seen: { farEnd: ['timer'], application: ['done'] },
    drachtioServer: { why: 'it speaks RFC 3262', seen: { farEnd: ['100rel, timer'], application: ['done'] } },
  },
  {
    call: "srf.createUAC({ headers: { Require: '100rel' } })",
    play: async (site) => {
      const application = await site.application();
      const peer = await site.peer();
      const headers = { Require: '100rel' };
      const dialog = application.createUAC(uriOf(peer), { localSdp: sdp(), headers });
      const failed = dialog.then(
        () => 'done',
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      void peer.nextMessage(isRequest('INVITE')).then(
        (invite) => accept(peer, invite),
        () => undefined,
      );
      return { farEnd: [], application: [await failed] };
    },
    seen: { farEnd: [], application: ['reliable provisional responses are not supported'] },
    drachtioServer: { why: 'it speaks RFC 3262', seen: { farEnd: [], application: ['done'] } },
  },
  {
    call: 'a peer that sends a reliable 183 unasked: no PRACK, the call goes on',
    play: async (site) => {
      const application = await site.application();
      const peer = await site.peer();
      const dialog = application.createUAC(uriOf(peer), { localSdp: sdp() });
      const invite = await peer.nextMessage(isRequest('INVITE'));
      const headers = [...sdpHeaders(peer), 'Require: 100rel', 'RSeq: 1'];
      peer.send(rawResponse(invite, 183, 'Progress', { tag: 'callee', headers, body: sdp() }));
      accept(peer, invite);
      const application1 = [await outcome(dialog)];
      await site.settled(application);
      return {
        farEnd: peer.received.filter(isRequest('PRACK')).map(({ method }) => method),
        application: application1,
      };
    },
    seen: { farEnd: [], application: ['done'] },
    drachtioServer: { why: 'it speaks RFC 3262', seen: { farEnd: ['PRACK'], application: ['done'] } },
  },
  {
    call: 'res.send(180) to a request that is no INVITE (RFC 4320)',
    play: async (site) => {
      const told = deferred<string>();
      await site.application({
        MESSAGE: (_request, response) => {
          void answer(response, 180).then((sent) => {
            told.resolve(sent);
            response.send(200);
          });
        },
      });
      const peer = await site.peer();
      peer.send(rawRequest({ method: 'MESSAGE', uri: URI, client: peer }));
      const { status } = await peer.nextMessage((message) => message.status >= 200);
      return { farEnd: [String(status)], application: [await told.promise] };
    },
    seen: { farEnd: ['200'], application: ['only INVITE has provisional responses'] },
    drachtioServer: {
      why: 'it sends the 180',
      seen: { farEnd: ['500'], application: ['sent'] },
    },
  },
  {
    call: 'res.send with a header that holds a line break',
    play: async (site) => {
      const told = deferred<string>();
      await site.application({
        MESSAGE: (_request, response) => {
          void answer(response, 200, { headers: { 'X-A': 'one\r\ntwo' } }).then((sent) => {
            told.resolve(sent);
            response.send(200);
          });
        },
      });
      const peer = await site.peer();
      peer.send(rawRequest({ method: 'MESSAGE', uri: URI, client: peer }));
      const application = [await told.promise];
      return { farEnd: [], application };
    },
    seen: { farEnd: [], application: ['malformed header'] },
    drachtioServer: { why: 'it sends what it can make of it', seen: { farEnd: [], application: ['sent'] } },
  },
  {
    ...spelled('PRACK', ['sip||\r\nPRACK sip:a@127.0.0.1:9 SIP/2.0\r\n\r\n', 'ping'], ['NOK', 'OK']),
    drachtioServer: { why: 'it speaks RFC 3262', seen: { farEnd: [], application: ['OK', 'OK'] } },
  },
  spelled(
    'sip with a dialog or a transaction nobody knows, and with nothing in it',
    [
      'sip||no-such-dialog\r\nBYE sip:placeholder SIP/2.0\r\n\r\n',
      'sip|no-such-transaction|\r\nSIP/2.0 200 OK\r\n\r\n',
      'sip|no-such-transaction|\r\nCANCEL sip:a@127.0.0.1 SIP/2.0\r\n\r\n',
      'sip||no-such-dialog\r\nACK sip:placeholder SIP/2.0\r\n\r\n',
      'sip||',
      'ping',
    ],
    ['NOK', 'NOK', 'NOK', 'NOK', 'NOK', 'OK'],
  ),
];
