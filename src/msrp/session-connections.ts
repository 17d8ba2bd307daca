import type { Clock, Timer } from '../core/clock.ts';
import type { Binding } from './binding.ts';
import type { MsrpConnection } from './connection.ts';

/** Over which connections a session runs: where the peer is, and where it was before it moved. */
export class SessionConnections {
  readonly #clock: Clock;
  readonly #linger: number;
  readonly #onLeft: (connection: MsrpConnection) => void;
  #current: Binding | undefined;
  /** The same as the current one when the peer stayed there. */
  #former: Binding | undefined;
  /** The peer was heard over the former one since it moved. */
  #stayed = false;
  #timer: Timer | undefined;

  /** `onLeft`: what was sent over a former connection and not answered will not be any more. */
  constructor(clock: Clock, linger: number, onLeft: (connection: MsrpConnection) => void) {
    this.#clock = clock;
    this.#linger = linger;
    this.#onLeft = onLeft;
  }

  get current(): Binding | undefined {
    return this.#current;
  }

  get former(): Binding | undefined {
    return this.#former;
  }

  find(connection: MsrpConnection): Binding | undefined {
    return [this.#current, this.#former].find((each) => each?.connection === connection);
  }

  /** Goes on over another one. */
  goOn(binding: Binding): void {
    this.#current = binding;
  }

  /** The peer was heard over the former one: there it goes on, unless a bind of ours is under way where it went. */
  stay(): void {
    this.#stayed = true;
    this.#current ??= this.#former;
  }

  /** A bind of ours was refused. Goes on over the former connection if the peer had stayed there; false if not. */
  goBack(): boolean {
    if (this.#former === undefined || !this.#stayed) return false;
    this.#current?.leave();
    this.#current = this.#former;
    return true;
  }

  /** The peer goes on from elsewhere. */
  move(wasBound: boolean): void {
    if (this.#current !== this.#former) {
      if (wasBound) {
        this.leaveFormer();
        this.#former = this.#current;
      } else {
        // A bind of ours is under way there; nothing else was said.
        this.#current?.leave();
      }
    }
    this.#current = undefined;
    this.#stayed = false;
  }

  /** It is known where the peer is. Where it was is left a moment later. */
  settle(): void {
    if (this.#former === undefined) return;
    if (this.#former === this.#current) this.#former = undefined;
    else this.#timer = this.#clock.after(this.#linger, () => this.leaveFormer());
  }

  leaveFormer(): void {
    const former = this.#former;
    this.#former = undefined;
    this.#timer?.cancel();
    if (former === undefined) return;
    former.leave();
    this.#onLeft(former.connection);
  }

  /** The current one was lost. */
  lose(): void {
    this.#current = undefined;
  }

  /** The session is over. */
  leaveAll(): void {
    this.#timer?.cancel();
    this.#current?.leave();
    this.#former?.leave();
  }
}
