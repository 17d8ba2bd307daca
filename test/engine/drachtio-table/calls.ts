import type { RawMessage, RawProtocol, RawSipClient } from '../../doubles/raw-sip-client.ts';
import {
  contactOf,
  isRequest,
  isResponse,
  rawInDialog,
  rawRequest,
  rawResponse,
} from '../../doubles/raw-sip-client.ts';
import type { SrfResponse } from '../application.ts';
import { deferred } from '../running-engine.ts';
import type { Site } from './site.ts';
import { uriOf } from './site.ts';
import { reasonOf } from './srf.ts';
import type { Application, Dialog, UacOptions } from './srf.ts';

/** A session description of one medium; `version` tells offers apart. */
export function sdp(direction = 'sendrecv', version = 1): string {
  return [
    'v=0',
    `o=- 7 ${version} IN IP4 127.0.0.1`,
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    'm=audio 4000 RTP/AVP 0',
    `a=${direction}`,
    '',
  ].join('\r\n');
}

/** Headers of a message that carries {@link sdp} and says where its sender is reached. */
export function sdpHeaders(peer: RawSipClient): string[] {
  return [contactOf(peer), 'Content-Type: application/sdp'];
}

/** The direction a session description says. */
export function direction(body: string | Buffer | undefined): string {
  return /^a=(sendrecv|sendonly|recvonly|inactive)\r?$/m.exec(String(body))?.[1] ?? 'none';
}

/** A call the application has, and the peer at its other end. */
export interface Call {
  readonly application: Application;
  readonly dialog: Dialog;
  readonly peer: RawSipClient;
  /** Sends a request of the peer in the dialog. */
  readonly send: (method: string, more?: { headers?: readonly string[]; body?: string }) => void;
}

/** A peer calls, the application answers by createUAS. */
export async function callIn(site: Site, protocol: RawProtocol = 'udp'): Promise<Call> {
  const opened = deferred<Dialog>();
  const acked = deferred<unknown>();
  const application = await site.application({
    INVITE: (request, response) => {
      void application.createUAS(request, response, { localSdp: sdp() }).then((dialog) => {
        dialog.on('ack', acked.resolve);
        opened.resolve(dialog);
      });
    },
  });
  const peer = await site.peer(protocol);
  const { invite, accepted } = await invited(peer);
  peer.send(rawInDialog(peer, 'ACK', { request: invite, response: accepted }, 1));
  await acked.promise;
  let cseq = 1;
  return {
    application,
    dialog: await opened.promise,
    peer,
    send: (method, more) => {
      const sequence = method === 'ACK' ? cseq : ++cseq;
      peer.send(rawInDialog(peer, method, { request: invite, response: accepted }, sequence, more));
    },
  };
}

/** A peer sends an INVITE with an offer and is accepted. */
export async function invited(peer: RawSipClient): Promise<{ invite: Buffer; accepted: RawMessage }> {
  const uri = 'sip:bob@example.test';
  const invite = rawRequest({ method: 'INVITE', uri, client: peer, headers: sdpHeaders(peer), body: sdp() });
  peer.send(invite);
  return { invite, accepted: await peer.nextMessage(isResponse(200, 'INVITE')) };
}

/** The application calls a peer by createUAC, which answers with the same offer. */
export async function callOut(site: Site, options: UacOptions = {}): Promise<Call> {
  const application = await site.application();
  const peer = await site.peer();
  const calling = application.createUAC(uriOf(peer), { localSdp: sdp(), ...options });
  const invite = await peer.nextMessage(isRequest('INVITE'));
  accept(peer, invite);
  const dialog = await calling;
  await peer.nextMessage(isRequest('ACK'));
  return { application, dialog, peer, send: (method, more) => fromCallee(peer, invite, method, more) };
}

/** A peer takes a call. */
export function accept(peer: RawSipClient, invite: RawMessage, body = sdp()): void {
  peer.send(rawResponse(invite, 200, 'OK', { tag: 'callee', headers: sdpHeaders(peer), body }));
}

let sequence = 100;

/** A request of a called peer, in the dialog that it began by {@link accept}. */
export function fromCallee(
  peer: RawSipClient,
  invite: RawMessage,
  method: string,
  more: { headers?: readonly string[]; body?: string; tag?: string } = {},
): void {
  peer.send(
    rawRequest({
      method,
      uri: /<([^>]+)>/.exec(invite.header('Contact'))?.[1] ?? '',
      client: peer,
      from: `${invite.header('To')};tag=${more.tag ?? 'callee'}`,
      to: invite.header('From'),
      callId: invite.header('Call-ID'),
      cseq: ++sequence,
      headers: more.headers ?? [],
      body: more.body ?? '',
    }),
  );
}

/** Method or status of each message, with the CSeq of requests: from 1 at the first, wherever its sender began. */
export function gist(...messages: readonly RawMessage[]): string[] {
  const sequenceOf = (message: RawMessage | undefined): number => parseInt(message?.header('CSeq') ?? '', 10);
  const first = sequenceOf(messages[0]);
  return messages.map((message) => {
    const method = message.header('CSeq').split(' ')[1] ?? '';
    return message.method === ''
      ? `${message.status} to ${method}`
      : `${message.method} ${sequenceOf(message) - first + 1} ${method}`;
  });
}

/** An application's answer: sends it, and tells what the callback was told. */
export async function answer(
  response: SrfResponse,
  status: number,
  options: { headers?: Record<string, string>; body?: string } = {},
): Promise<string> {
  return await new Promise((resolve) => {
    response.send(status, options, (error) => resolve(typeof error === 'string' ? reasonOf(error) : 'sent'));
  });
}
