import type { Endpoint } from '../transport/transport.ts';

/*
 * The lines the engine sends. Fields stand in fixed places, empty ones included: clients read them by position.
 */

/** Where a SIP message went to or came from, and when. */
export interface Passage {
  /** Length of the message on the wire, bytes; 0 for a response the engine made itself. */
  readonly bytes: number;
  /** Absent for a message that touched no wire. */
  readonly peer: Endpoint | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly transactionId: string;
}

/** `OK`, with what belongs to it. */
export function okLine(id: string, commandId: string, ...fields: readonly string[]): string {
  return [id, 'response', commandId, 'OK', ...fields].join('|');
}

/** `NO`: the command makes no sense, and the connection is closed after it. */
export function refusedLine(id: string, commandId: string, reason: string): string {
  return `${id}|response|${commandId}|NO|${fieldSafe(reason)}`;
}

/** `NOK`: this SIP message could not be sent; the connection stays. */
export function failedLine(id: string, commandId: string, reason: string): string {
  return `${id}|response|${commandId}|NOK|${fieldSafe(reason)}`;
}

/** The application's request was sent, as it follows. */
export function requestSentLine(id: string, commandId: string, passage: Passage): string {
  return `${id}|response|${commandId}|OK|application|${passageFields(passage)}|Msg sent:|`;
}

/** The application's response was sent, as it follows. */
export function responseSentLine(id: string, commandId: string, passage: Passage, dialogId: string): string {
  return `${id}|response|${commandId}|OK|application|${passageFields(passage)}|${dialogId}||Msg sent:|`;
}

/** A request came that belongs to no dialog. */
export function requestLine(id: string, passage: Passage, local: Endpoint): string {
  return `${id}|sip|network|${passageFields(passage)}||${local.address}|${local.port}|`;
}

/** A request came within a dialog, or a response; `dialogId` is '' for a response that has none. */
export function messageLine(id: string, passage: Passage, dialogId: string): string {
  return `${id}|sip|network|${passageFields(passage)}|${dialogId}|`;
}

/** The engine itself ended a dialog with the request that follows. */
export function unsolicitedLine(
  id: string,
  passage: Omit<Passage, 'transactionId'>,
  dialogId: string,
): string {
  return `${id}|sip|application|${passageFields({ ...passage, transactionId: 'unsolicited' })}|${dialogId}|`;
}

function passageFields({ bytes, peer, at, transactionId }: Passage): string {
  return peer === undefined
    ? `${bytes}|udp||0|${timeOfDay(at)}|${transactionId}`
    : `${bytes}|${peer.protocol}|${peer.address}|${peer.port}|${timeOfDay(at)}|${transactionId}`;
}

let shownAt = -1;
let shown = '';

/** `hh:mm:ss.micros`, UTC. */
function timeOfDay(at: number): string {
  // Many messages share a millisecond.
  if (at !== shownAt) {
    shownAt = at;
    shown = `${new Date(at).toISOString().slice(11, 23)}000`;
  }
  return shown;
}

/** A field must not end its line or begin another. */
export function fieldSafe(text: string): string {
  return text.replace(/[|\r\n]+/g, ' ');
}
