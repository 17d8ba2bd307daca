import {
  contactOf,
  isRequest,
  isResponse,
  rawInDialog,
  rawRequest,
  rawResponse,
} from '../../../doubles/raw-sip-client.ts';
import type { RawMessage } from '../../../doubles/raw-sip-client.ts';
import { deferred, tag } from '../../running-engine.ts';
import { callIn, direction, invited, sdp } from '../calls.ts';
import type { Row } from '../row.ts';
import type { Site } from '../site.ts';
import { outcome } from '../srf.ts';
import type { Dialog, Request } from '../srf.ts';

const URI = 'sip:bob@example.test';

/** A peer calls without an offer; `localSdp` is how the application answers. */
async function calledBy(
  site: Site,
  localSdp: string | (() => Promise<string>),
): Promise<{ accepted: RawMessage; dialog: Dialog; acknowledge: (body?: string) => Promise<void> }> {
  const opened = deferred<Dialog>();
  const acked = deferred<unknown>();
  const application = await site.application({
    INVITE: (request, response) => {
      void application.createUAS(request, response, { localSdp }).then((dialog) => {
        dialog.on('ack', acked.resolve);
        opened.resolve(dialog);
      });
    },
  });
  const peer = await site.peer();
  const invite = rawRequest({ method: 'INVITE', uri: URI, client: peer, headers: [contactOf(peer)] });
  peer.send(invite);
  const accepted = await peer.nextMessage(isResponse(200));
  return {
    accepted,
    dialog: await opened.promise,
    acknowledge: async (body = '') => {
      const headers = body === '' ? [] : ['Content-Type: application/sdp'];
      peer.send(rawInDialog(peer, 'ACK', { request: invite, response: accepted }, 1, { headers, body }));
      await acked.promise;
    },
  };
}

/** A peer calls and gives up while it rings. */
async function givenUp(site: Site): Promise<RawMessage[]> {
  const peer = await site.peer();
  const callId = `given-up-${peer.port}`;
  const branch = `z9hG4bKgivenup${peer.port}`;
  const parts = { uri: URI, client: peer, branch, from: '<sip:b@x>;tag=1', callId };
  peer.send(rawRequest({ ...parts, method: 'INVITE', headers: [contactOf(peer)] }));
  await peer.nextMessage(isResponse(180));
  peer.send(rawRequest({ ...parts, method: 'CANCEL', headers: ['Reason: SIP;cause=200;text="elsewhere"'] }));
  const cancelled = await peer.nextMessage(isResponse(200, 'CANCEL'));
  const over = await peer.nextMessage(isResponse(487, 'INVITE'));
  peer.send(rawRequest({ ...parts, method: 'ACK', to: over.header('To') }));
  return [cancelled, over];
}

/** INVITEs that applications answer. */
export const CALLS_IN: readonly Row[] = [
  {
    call: "srf.createUAS(req, res, { localSdp }); dialog.on('ack'), dialog.on('destroy')",
    play: async (site) => {
      const { dialog, peer, send } = await callIn(site);
      const destroyed = deferred<string>();
      dialog.on('destroy', (request: { method: string }) => destroyed.resolve(request.method));
      send('BYE');
      await peer.nextMessage(isResponse(200, 'BYE'));
      return { farEnd: [], application: [await destroyed.promise, direction(dialog.remote.sdp)] };
    },
    seen: { farEnd: [], application: ['BYE', 'sendrecv'] },
  },
  {
    call: 'srf.createUAS: the 200 has Contact, tag, type and body',
    play: async (site) => {
      const application = await site.application({
        INVITE: (request, response) => {
          void application.createUAS(request, response, { localSdp: sdp(), headers: { 'X-A': 'b' } });
        },
      });
      const peer = await site.peer();
      const { invite, accepted } = await invited(peer);
      peer.send(rawInDialog(peer, 'ACK', { request: invite, response: accepted }, 1));
      return {
        farEnd: [
          String(accepted.header('Contact').includes(`127.0.0.1:${site.port('udp')}`)),
          String(tag(accepted.header('To')) !== ''),
          accepted.header('Content-Type'),
          accepted.header('X-A'),
          direction(accepted.body),
        ],
        application: [],
      };
    },
    seen: { farEnd: ['true', 'true', 'application/sdp', 'b', 'sendrecv'], application: [] },
  },
  {
    call: 'srf.createUAS(req, res, { localSdp: async () => … })',
    play: async (site) => {
      const { accepted, acknowledge } = await calledBy(site, () => Promise.resolve(sdp('sendonly')));
      await acknowledge();
      return { farEnd: [direction(accepted.body)], application: [] };
    },
    seen: { farEnd: ['sendonly'], application: [] },
  },
  {
    call: 'srf.createUAS of an INVITE without an offer: the ACK brings the answer',
    play: async (site) => {
      const { accepted, dialog, acknowledge } = await calledBy(site, sdp());
      await acknowledge(sdp('recvonly'));
      return { farEnd: [direction(accepted.body)], application: [direction(dialog.remote.sdp)] };
    },
    seen: { farEnd: ['sendrecv'], application: ['recvonly'] },
  },
  {
    call: 'srf.createUAS of an INVITE without Contact',
    play: async (site) => {
      const handed: string[] = [];
      const application = await site.application({
        INVITE: (request, response) => {
          void outcome(application.createUAS(request, response, { localSdp: sdp() })).then((told) => {
            handed.push(told);
          });
        },
      });
      const peer = await site.peer();
      peer.send(rawRequest({ method: 'INVITE', uri: URI, client: peer }));
      const { status } = await peer.nextMessage((message) => message.status >= 200);
      return { farEnd: [String(status)], application: handed };
    },
    seen: { farEnd: ['400'], application: [] },
    drachtioServer: {
      why: 'it hands the INVITE up, and drachtio-srf rejects and answers at one time',
      seen: { farEnd: ['200'], application: ['createUAS: Request is missing Contact header'] },
    },
  },
  {
    call: 'res.send(100), res.send(180), res.send(183, { body }), then srf.createUAS',
    play: async (site) => {
      const application = await site.application({
        INVITE: (request, response) => {
          response.send(180);
          response.send(183, { headers: { 'Content-Type': 'application/sdp' }, body: sdp() });
          void application.createUAS(request, response, { localSdp: sdp() });
        },
      });
      const peer = await site.peer();
      const { invite, accepted } = await invited(peer);
      peer.send(rawInDialog(peer, 'ACK', { request: invite, response: accepted }, 1));
      const [ringing, progress] = [
        await peer.nextMessage(isResponse(180)),
        await peer.nextMessage(isResponse(183)),
      ];
      const tags = new Set([ringing, progress, accepted].map((message) => tag(message.header('To'))));
      return { farEnd: [direction(progress.body), String(tags.size)], application: [] };
    },
    seen: { farEnd: ['sendrecv', '1'], application: [] },
  },
  {
    call: 'res.send(200, { body }, callback, onAck): the ACK is handed to onAck',
    play: async (site) => {
      const acked = deferred<string>();
      await site.application({
        INVITE: (_request, response) => {
          const options = { headers: { 'Content-Type': 'application/sdp' }, body: sdp() };
          response.send(
            200,
            options,
            () => undefined,
            (ack) => acked.resolve(ack.method),
          );
        },
      });
      const peer = await site.peer();
      const { invite, accepted } = await invited(peer);
      peer.send(rawInDialog(peer, 'ACK', { request: invite, response: accepted }, 1));
      return { farEnd: [], application: [await acked.promise] };
    },
    seen: { farEnd: [], application: ['ACK'] },
  },
  {
    call: "req.on('cancel') while it rings: 200 to the CANCEL, 487 to the INVITE",
    play: async (site) => {
      const cancelled = deferred<Request>();
      await site.application({
        INVITE: (request, response) => {
          request.on('cancel', (cancel) => cancelled.resolve(cancel as Request));
          response.send(180);
        },
      });
      const farEnd = (await givenUp(site)).map(({ startLine }) => startLine);
      return { farEnd, application: [(await cancelled.promise).get('Reason')] };
    },
    seen: {
      farEnd: ['SIP/2.0 200 OK', 'SIP/2.0 487 Request Terminated'],
      application: ['SIP;cause=200;text="elsewhere"'],
    },
  },
  {
    call: 'srf.createUAS of a call that was cancelled while its SDP was made',
    play: async (site) => {
      const cancelled = deferred<unknown>();
      const failed = deferred<string>();
      const application = await site.application({
        INVITE: (request, response) => {
          request.on('cancel', cancelled.resolve);
          response.send(180);
          const localSdp = (): Promise<string> => cancelled.promise.then(() => sdp());
          void outcome(application.createUAS(request, response, { localSdp })).then(failed.resolve);
        },
      });
      await givenUp(site);
      return { farEnd: [], application: [await failed.promise] };
    },
    seen: { farEnd: [], application: ['unknown transaction'] },
  },
  {
    call: "a call nobody acknowledges: BYE, and dialog.on('destroy', (req, 'ACK timeout'))",
    play: async (site) => {
      const destroyed = deferred<string>();
      const application = await site.application({
        INVITE: (request, response) => {
          void application.createUAS(request, response, { localSdp: sdp() }).then((dialog) => {
            dialog.on('destroy', (_bye, reason?: string) => destroyed.resolve(String(reason)));
          });
        },
      });
      const peer = await site.peer();
      await invited(peer);
      const bye = await peer.nextMessage(isRequest('BYE'), 40_000);
      peer.send(rawResponse(bye, 200, 'OK'));
      return { farEnd: [bye.header('Reason')], application: [await destroyed.promise] };
    },
    seen: { farEnd: ['SIP;cause=200;text="ACK timeout"'], application: ['ACK timeout'] },
    patience: 50_000,
  },
  {
    call: 'one application calls another through one server: createUAC to createUAS',
    play: async (site) => {
      const application = await site.application({
        INVITE: (request, response) => {
          void application.createUAS(request, response, { localSdp: sdp('recvonly') });
        },
      });
      const caller = await site.application();
      const calling = caller.createUAC(`sip:b@127.0.0.1:${site.port('udp')}`, { localSdp: sdp() });
      const told = await calling.then(
        async (dialog) => [direction(dialog.remote.sdp), await outcome(dialog.destroy())],
        (error: unknown) => [error instanceof Error ? error.message : String(error)],
      );
      return { farEnd: [], application: told };
    },
    seen: { farEnd: [], application: ['recvonly', 'done'] },
    drachtioServer: {
      why: 'it does not call itself',
      seen: { farEnd: [], application: ['can not send request to myself'] },
    },
  },
  {
    call: 'an application that goes: its call is not known any more',
    play: async (site) => {
      const { application, peer, send } = await callIn(site);
      await site.disconnect(application);
      send('BYE');
      const { status } = await peer.nextMessage(
        (message) => message.header('CSeq').endsWith(' BYE') && message.status >= 200,
      );
      return { farEnd: [String(status)], application: [] };
    },
    seen: { farEnd: ['481'], application: [] },
  },
];
