import type { TimerName } from './timers.ts';

/** What a transaction is told to do by a step of its machine. */
export type Action =
  /** `round`: stands for the number of earlier starts, where a timer that backs off begins further on. */
  | { readonly kind: 'start'; readonly timer: TimerName; readonly round?: number }
  | { readonly kind: 'stop'; readonly timer: TimerName }
  /** `send`: the request, or the last response. `pass`: hand what came to the transaction user. */
  | { readonly kind: 'send' | 'send-trying' | 'send-ack' | 'pass' | 'report-timeout' | 'report-failure' };

/** What a machine does on an event: its next state, and the actions in their order. */
export interface Step<State extends string> {
  readonly to: State;
  readonly does: readonly Action[];
}

/**
 * A transaction's state machine as data. An event that has no entry in the current state changes nothing.
 * A transaction that reaches `terminated` is gone, and its timers with it.
 */
export interface Machine<State extends string, Event extends string> {
  readonly initial: State;
  /** Done as the transaction comes to be. */
  readonly enter: readonly Action[];
  readonly steps: Readonly<Record<State, Readonly<Partial<Record<Event, Step<State>>>>>>;
}

/** Any of the machines, to run. */
export interface AnyMachine {
  readonly initial: string;
  readonly enter: readonly Action[];
  readonly steps: Readonly<Partial<Record<string, Readonly<Partial<Record<string, Step<string>>>>>>>;
}

/** Starts a timer; one that backs off is longer each time. */
export const start = (timer: TimerName): Action => ({ kind: 'start', timer });
/** Starts a timer that backs off at its longest. */
export const startLongest = (timer: TimerName): Action => ({ kind: 'start', timer, round: Infinity });
/** Cancels a timer, if it runs. */
export const stop = (timer: TimerName): Action => ({ kind: 'stop', timer });
/* The actions of one kind each: see {@link Action}. */
export const send: Action = { kind: 'send' };
export const sendTrying: Action = { kind: 'send-trying' };
export const sendAck: Action = { kind: 'send-ack' };
export const pass: Action = { kind: 'pass' };
export const reportTimeout: Action = { kind: 'report-timeout' };
export const reportFailure: Action = { kind: 'report-failure' };

/** A step to `to`, with what is done on the way. */
export function step<State extends string>(to: State, ...does: Action[]): Step<State> {
  return { to, does };
}
