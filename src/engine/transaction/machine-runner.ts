import type { Clock, Timer } from '../../core/clock.ts';
import type { Action, AnyMachine } from './machine.ts';
import type { TimerName, TimerSetting } from './timers.ts';
import { timerLength } from './timers.ts';

/** What a machine acts upon. */
export interface MachineHost {
  /** Does everything that is not a timer's matter. */
  perform(action: Exclude<Action, { kind: 'start' | 'stop' }>): void;
  /** The machine reached `terminated`; its timers are cleared. */
  ended(): void;
}

interface RunningTimer {
  readonly name: TimerName;
  readonly timer: Timer;
}

/** Runs one machine: keeps its state, turns its timers on the clock, and hands its other actions to the host. */
export class MachineRunner<Event extends string> {
  readonly #machine: AnyMachine;
  readonly #setting: TimerSetting;
  readonly #clock: Clock;
  readonly #host: MachineHost;
  #state: string;
  /** A list that is replaced, not changed: one that grows takes room for many, and few transactions run two timers. */
  #running: readonly RunningTimer[] = [];
  #rounds = 0;

  constructor(machine: AnyMachine, setting: TimerSetting, clock: Clock, host: MachineHost) {
    this.#machine = machine;
    this.#setting = setting;
    this.#clock = clock;
    this.#host = host;
    this.#state = machine.initial;
  }

  get state(): string {
    return this.#state;
  }

  /** Does what the machine does as it comes to be. */
  enter(): void {
    this.#perform(this.#machine.enter);
  }

  /** Takes one step; an event the current state does not know is ignored. Says whether it was known. */
  fire(event: Event): boolean {
    const taken = this.#machine.steps[this.#state]?.[event];
    if (taken === undefined) return false;
    this.#state = taken.to;
    this.#perform(taken.does);
    if (taken.to === 'terminated') this.stop();
    return true;
  }

  /** Ends the machine where it stands, once. */
  stop(): void {
    this.#state = 'terminated';
    const running = this.#running;
    this.#running = [];
    for (const { timer } of running) timer.cancel();
    this.#host.ended();
  }

  #perform(actions: readonly Action[]): void {
    for (const action of actions) {
      if (action.kind === 'start') this.#startTimer(action.timer, action.round);
      else if (action.kind === 'stop') this.#stopTimer(action.timer);
      else this.#host.perform(action);
    }
  }

  #startTimer(name: TimerName, round?: number): void {
    this.#stopTimer(name);
    const backsOff = name === 'A' || name === 'E' || name === 'G';
    const length = timerLength(name, this.#setting, round ?? (backsOff ? this.#rounds++ : 0));
    if (length === undefined) return;
    // Every timer's event is one of the machine's that starts it.
    const event = name as unknown as Event;
    if (length === 0) {
      this.fire(event);
      return;
    }
    const timer = this.#clock.after(length, () => {
      this.#running = this.#running.filter((each) => each.name !== name);
      this.fire(event);
    });
    this.#running = this.#running.concat({ name, timer });
  }

  #stopTimer(name: TimerName): void {
    for (const each of this.#running) {
      if (each.name !== name) continue;
      each.timer.cancel();
      this.#running = this.#running.filter((other) => other !== each);
      return;
    }
  }
}
