import {
  contactOf,
  isRequest,
  isResponse,
  rawInDialog,
  rawRequest,
  rawResponse,
} from '../../../doubles/raw-sip-client.ts';
import type { RawMessage, RawSipClient } from '../../../doubles/raw-sip-client.ts';
import { deferred } from '../../running-engine.ts';
import { accept, direction, gist, sdp, sdpHeaders } from '../calls.ts';
import type { Row } from '../row.ts';
import type { Site } from '../site.ts';
import { uriOf } from '../site.ts';
import { outcome } from '../srf.ts';
import type { Application, Dialog } from '../srf.ts';

type B2BuaOptions = Parameters<Application['createB2BUA']>[3];

interface Between {
  readonly caller: RawSipClient;
  readonly callee: RawSipClient;
  /** What came to the callee. */
  readonly invite: RawMessage;
  readonly legs: Promise<{ uac: Dialog; uas: Dialog }>;
  readonly acknowledge: (accepted: RawMessage, body?: string) => void;
  readonly cancel: () => void;
}

/** An application stands between a caller and a callee by createB2BUA. */
async function between(site: Site, options: B2BuaOptions = {}, offer = sdp()): Promise<Between> {
  const begun = deferred<Promise<{ uac: Dialog; uas: Dialog }>>();
  const legs = begun.promise.then((made) => made);
  // A row that expects them to fail looks at that later.
  legs.catch(() => undefined);
  const callee = await site.peer();
  const application = await site.application({
    INVITE: (request, response) => {
      begun.resolve(application.createB2BUA(request, response, uriOf(callee), options));
    },
  });
  const caller = await site.peer();
  const parts = {
    uri: 'sip:bob@example.test',
    client: caller,
    branch: `z9hG4bKbetween${caller.port}`,
    from: '<sip:caller@example.test>;tag=caller',
    callId: `between-${caller.port}`,
  };
  const headers = ['X-A: b', 'Subject: hello', ...(offer === '' ? [contactOf(caller)] : sdpHeaders(caller))];
  const invite = rawRequest({ ...parts, method: 'INVITE', headers, body: offer });
  caller.send(invite);
  return {
    caller,
    callee,
    invite: await callee.nextMessage(isRequest('INVITE')),
    legs,
    acknowledge: (response, body = '') => {
      const more = body === '' ? {} : { headers: ['Content-Type: application/sdp'], body };
      caller.send(rawInDialog(caller, 'ACK', { request: invite, response }, 1, more));
    },
    cancel: () => {
      caller.send(rawRequest({ ...parts, method: 'CANCEL', headers: ['Reason: SIP;cause=200'] }));
    },
  };
}

/** Both legs of a call an application bridges. */
export const BACK_TO_BACK: readonly Row[] = [
  {
    call: 'srf.createB2BUA(req, res, uri, { proxyRequestHeaders, proxyResponseHeaders })',
    play: async (site) => {
      const { caller, callee, invite, legs, acknowledge } = await between(site, {
        proxyRequestHeaders: ['Subject', 'X-A'],
        proxyResponseHeaders: ['X-B'],
      });
      const headers = [...sdpHeaders(callee), 'X-B: c'];
      callee.send(rawResponse(invite, 200, 'OK', { tag: 'callee', headers, body: sdp('recvonly') }));
      const accepted = await caller.nextMessage(isResponse(200));
      acknowledge(accepted);
      const ack = await callee.nextMessage(isRequest('ACK'));
      const { uac, uas } = await legs;
      const destroyed = Promise.all([uac.destroy(), uas.destroy()]);
      for (const peer of [caller, callee]) {
        peer.send(rawResponse(await peer.nextMessage(isRequest('BYE')), 200, 'OK'));
      }
      await destroyed;
      return {
        farEnd: [
          invite.header('X-A'),
          invite.header('Subject'),
          ...gist(ack),
          accepted.header('X-B'),
          direction(accepted.body),
          String(invite.header('From').includes('sip:caller@')),
        ],
        application: [],
      };
    },
    seen: { farEnd: ['b', 'hello', 'ACK 1 ACK', 'c', 'recvonly', 'true'], application: [] },
  },
  {
    call: "srf.createB2BUA({ proxyRequestHeaders: ['all'] })",
    play: async (site) => {
      const { caller, callee, invite, acknowledge } = await between(site, { proxyRequestHeaders: ['all'] });
      accept(callee, invite);
      acknowledge(await caller.nextMessage(isResponse(200)));
      return { farEnd: [invite.header('X-A'), String(invite.headers('Via').length)], application: [] };
    },
    seen: { farEnd: ['b', '1'], application: [] },
  },
  {
    call: 'srf.createB2BUA: 183 with a body and 180 are passed on',
    play: async (site) => {
      const { caller, callee, invite, acknowledge } = await between(site);
      callee.send(
        rawResponse(invite, 183, 'Progress', {
          tag: 'callee',
          headers: sdpHeaders(callee),
          body: sdp('sendonly'),
        }),
      );
      const progress = await caller.nextMessage(isResponse(183));
      accept(callee, invite, sdp('sendonly'));
      acknowledge(await caller.nextMessage(isResponse(200)));
      return { farEnd: [direction(progress.body)], application: [] };
    },
    seen: { farEnd: ['sendonly'], application: [] },
  },
  {
    call: 'srf.createB2BUA({ passProvisionalResponses: false })',
    play: async (site) => {
      const { caller, callee, invite, acknowledge } = await between(site, {
        passProvisionalResponses: false,
      });
      callee.send(rawResponse(invite, 180, 'Ringing', { tag: 'callee' }));
      accept(callee, invite);
      acknowledge(await caller.nextMessage(isResponse(200)));
      return { farEnd: [String(caller.received.filter(isResponse(180)).length)], application: [] };
    },
    seen: { farEnd: ['0'], application: [] },
  },
  {
    call: 'srf.createB2BUA({ localSdpA: (sdp) => …, localSdpB })',
    play: async (site) => {
      const { caller, callee, invite, acknowledge } = await between(site, {
        localSdpA: (answered) => answered.replace('recvonly', 'inactive'),
        localSdpB: sdp('sendonly'),
      });
      accept(callee, invite, sdp('recvonly'));
      const accepted = await caller.nextMessage(isResponse(200));
      acknowledge(accepted);
      return { farEnd: [direction(invite.body), direction(accepted.body)], application: [] };
    },
    seen: { farEnd: ['sendonly', 'inactive'], application: [] },
  },
  {
    call: 'srf.createB2BUA refused: the caller gets what the callee said',
    play: async (site) => {
      const { caller, callee, invite, legs } = await between(site);
      callee.send(rawResponse(invite, 486, 'Busy', { tag: 'callee' }));
      const { status } = await caller.nextMessage((message) => message.status >= 200);
      return { farEnd: [String(status)], application: [await outcome(legs)] };
    },
    seen: { farEnd: ['486'], application: ['486'] },
  },
  {
    call: 'srf.createB2BUA({ passFailure: false }) refused: the application goes on',
    play: async (site) => {
      const { caller, callee, invite, legs } = await between(site, { passFailure: false });
      callee.send(rawResponse(invite, 486, 'Busy', { tag: 'callee' }));
      const application = [await outcome(legs)];
      return { farEnd: caller.received.filter(({ status }) => status >= 200).map(String), application };
    },
    seen: { farEnd: [], application: ['486'] },
  },
  {
    call: 'srf.createB2BUA: the caller gives up, the callee gets a CANCEL with its Reason',
    play: async (site) => {
      const { caller, callee, invite, legs, cancel } = await between(site);
      callee.send(rawResponse(invite, 180, 'Ringing', { tag: 'callee' }));
      await caller.nextMessage(isResponse(180));
      cancel();
      const cancelled = await callee.nextMessage(isRequest('CANCEL'));
      callee.send(rawResponse(cancelled, 200, 'OK', { tag: 'callee' }));
      callee.send(rawResponse(invite, 487, 'Request Terminated', { tag: 'callee' }));
      const over = await caller.nextMessage((message) => message.status >= 300);
      return {
        farEnd: [cancelled.header('Reason'), String(over.status)],
        application: [await outcome(legs)],
      };
    },
    seen: { farEnd: ['SIP;cause=200', '487'], application: ['487'] },
  },
  {
    call: 'srf.createB2BUA without an offer: the ACK of the caller is passed on',
    play: async (site) => {
      const { caller, callee, invite, legs, acknowledge } = await between(site, {}, '');
      accept(callee, invite, sdp('sendonly'));
      const accepted = await caller.nextMessage(isResponse(200));
      acknowledge(accepted, sdp('recvonly'));
      const ack = await callee.nextMessage(isRequest('ACK'));
      return {
        farEnd: [String(invite.body.length), direction(accepted.body), direction(ack.body)],
        application: [await outcome(legs)],
      };
    },
    seen: { farEnd: ['0', 'sendonly', 'recvonly'], application: ['done'] },
  },
];
