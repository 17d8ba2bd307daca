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
import { fromCallee, gist } from '../calls.ts';
import type { Row } from '../row.ts';
import type { Site } from '../site.ts';
import { uriOf } from '../site.ts';
import { outcome } from '../srf.ts';
import type { Dialog } from '../srf.ts';

const URI = 'sip:alice@example.test';

interface Subscribed {
  readonly dialog: Dialog;
  readonly peer: RawSipClient;
  readonly accepted: RawMessage;
  readonly subscribe: (expires: number, cseq: number) => void;
}

/** A peer subscribes; the application accepts by createUAS. */
async function subscribed(site: Site): Promise<Subscribed> {
  const opened = deferred<Dialog>();
  const application = await site.application({
    SUBSCRIBE: (request, response) => {
      void application.createUAS(request, response, { headers: { Expires: '60' } }).then(opened.resolve);
    },
  });
  const peer = await site.peer();
  const headers = [contactOf(peer), 'Event: presence', 'Expires: 60'];
  const request = rawRequest({ method: 'SUBSCRIBE', uri: URI, client: peer, headers });
  peer.send(request);
  const response = await peer.nextMessage(isResponse(202));
  return {
    dialog: await opened.promise,
    peer,
    accepted: response,
    subscribe: (expires, cseq) => {
      const more = [contactOf(peer), 'Event: presence', `Expires: ${expires}`];
      peer.send(rawInDialog(peer, 'SUBSCRIBE', { request, response }, cseq, { headers: more }));
    },
  };
}

/** The application subscribes by createUAC; the peer accepts. */
async function subscribing(
  site: Site,
  status = 200,
): Promise<{ dialog: Dialog; peer: RawSipClient; sent: RawMessage }> {
  const application = await site.application();
  const peer = await site.peer();
  const headers = { Event: 'presence', Expires: '60', From: uriOf(peer), To: uriOf(peer) };
  const dialog = application.createUAC(uriOf(peer), { method: 'SUBSCRIBE', headers });
  const sent = await peer.nextMessage(isRequest('SUBSCRIBE'));
  peer.send(rawResponse(sent, status, 'OK', { tag: 'callee', headers: [contactOf(peer), 'Expires: 60'] }));
  return { dialog: await dialog, peer, sent };
}

const notify = (peer: RawSipClient, sent: RawMessage, state: string): void =>
  fromCallee(peer, sent, 'NOTIFY', {
    headers: [contactOf(peer), 'Event: presence', `Subscription-State: ${state}`],
  });

const isFinal =
  (method: string) =>
  (message: RawMessage): boolean =>
    message.status >= 200 && message.header('CSeq').endsWith(` ${method}`);

/** Subscriptions, of applications and to them. */
export const SUBSCRIPTIONS: readonly Row[] = [
  {
    call: "srf.createUAS of a SUBSCRIBE, dialog.request({ method: 'NOTIFY' })",
    play: async (site) => {
      const { dialog, peer, accepted } = await subscribed(site);
      const headers = {
        Event: 'presence',
        'Subscription-State': 'active;expires=60',
        'Content-Type': 'text/plain',
      };
      const answered = dialog.request({ method: 'NOTIFY', headers, body: 'here' });
      const request = await peer.nextMessage(isRequest('NOTIFY'));
      peer.send(rawResponse(request, 200, 'OK'));
      return {
        farEnd: [accepted.header('Expires'), ...gist(request), request.body.toString()],
        application: [String((await answered).status)],
      };
    },
    seen: { farEnd: ['60', 'NOTIFY 1 NOTIFY', 'here'], application: ['200'] },
  },
  {
    call: "dialog.on('subscribe') at a refresh",
    play: async (site) => {
      const { dialog, peer, subscribe } = await subscribed(site);
      const refreshed = deferred<string>();
      dialog.on('subscribe', (request, response) => {
        refreshed.resolve(request.get('Expires'));
        response.send(200, { headers: { Expires: '30' } });
      });
      subscribe(45, 2);
      const response = await peer.nextMessage(isResponse(200, 'SUBSCRIBE'));
      const contact = response.header('Contact').includes(`127.0.0.1:${site.port('udp')}`);
      return {
        farEnd: [response.header('Expires'), String(contact)],
        application: [await refreshed.promise],
      };
    },
    seen: { farEnd: ['30', 'true'], application: ['45'] },
  },
  {
    call: "dialog.on('unsubscribe') at Expires: 0",
    play: async (site) => {
      const { dialog, peer, subscribe } = await subscribed(site);
      const ended = deferred<string>();
      dialog.on('unsubscribe', (request) => ended.resolve(request.method));
      subscribe(0, 2);
      return {
        farEnd: gist(await peer.nextMessage(isResponse(202))),
        application: [await ended.promise],
      };
    },
    seen: { farEnd: ['202 to SUBSCRIBE'], application: ['SUBSCRIBE'] },
  },
  {
    call: 'dialog.destroy of a subscription: a last NOTIFY',
    play: async (site) => {
      const { dialog, peer } = await subscribed(site);
      const destroyed = outcome(dialog.destroy());
      const request = await peer.nextMessage(isRequest('NOTIFY'));
      peer.send(rawResponse(request, 200, 'OK'));
      return {
        farEnd: [request.header('Subscription-State'), request.header('Event')],
        application: [await destroyed],
      };
    },
    seen: { farEnd: ['terminated', 'presence'], application: ['done'] },
  },
  ...[200, 202].map((status): Row => ({
    call: `srf.createUAC(uri, { method: 'SUBSCRIBE' }) answered ${status}; dialog.on('notify')`,
    play: async (site) => {
      const { dialog, peer, sent } = await subscribing(site, status);
      const notified = deferred<string>();
      dialog.on('notify', (request, response) => {
        notified.resolve(request.get('Subscription-State'));
        response.send(200);
      });
      notify(peer, sent, 'active');
      const response = await peer.nextMessage(isResponse(200, 'NOTIFY'));
      return { farEnd: gist(sent, response), application: [await notified.promise] };
    },
    seen: { farEnd: ['SUBSCRIBE 1 SUBSCRIBE', '200 to NOTIFY'], application: ['active'] },
  })),
  {
    call: "dialog.on('destroy') at the NOTIFY that ends the subscription",
    play: async (site) => {
      const { dialog, peer, sent } = await subscribing(site);
      const destroyed = deferred<string>();
      dialog.on('destroy', ({ method }: { method: string }) => destroyed.resolve(method));
      notify(peer, sent, 'terminated;reason=noresource');
      const response = await peer.nextMessage(isFinal('NOTIFY'));
      return { farEnd: gist(response), application: [await destroyed.promise] };
    },
    seen: { farEnd: ['200 to NOTIFY'], application: ['NOTIFY'] },
    drachtioServer: {
      why: 'it has ended the dialog by the time that the answer comes',
      seen: { farEnd: ['500 to NOTIFY'], application: ['NOTIFY'] },
    },
  },
  {
    call: "dialog.request({ method: 'SUBSCRIBE', Expires: 0 }): the application ends its subscription",
    play: async (site) => {
      const { dialog, peer, sent } = await subscribing(site);
      const headers = { Event: 'presence', Expires: '0' };
      const answered = dialog.request({ method: 'SUBSCRIBE', headers });
      const request = await peer.nextMessage(isRequest('SUBSCRIBE'));
      peer.send(rawResponse(request, 200, 'OK', { headers: [contactOf(peer), 'Expires: 0'] }));
      const application = [String((await answered).status)];
      notify(peer, sent, 'terminated;reason=timeout');
      return { farEnd: gist(request, await peer.nextMessage(isFinal('NOTIFY'))), application };
    },
    seen: { farEnd: ['SUBSCRIBE 1 SUBSCRIBE', '200 to NOTIFY'], application: ['200'] },
    drachtioServer: {
      why: 'it has ended the dialog by the time that the answer comes',
      seen: { farEnd: ['SUBSCRIBE 1 SUBSCRIBE', '500 to NOTIFY'], application: ['200'] },
    },
  },
  {
    call: "srf.createUAC(uri, { method: 'SUBSCRIBE' }) refused by 489",
    play: async (site) => {
      const application = await site.application();
      const peer = await site.peer();
      const headers = { Event: 'dance', Expires: '60' };
      const dialog = outcome(application.createUAC(uriOf(peer), { method: 'SUBSCRIBE', headers }));
      peer.send(rawResponse(await peer.nextMessage(isRequest('SUBSCRIBE')), 489, 'No', { tag: 'callee' }));
      return { farEnd: [], application: [await dialog] };
    },
    seen: { farEnd: [], application: ['489'] },
  },
];
