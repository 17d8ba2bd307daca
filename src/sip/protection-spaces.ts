/** What was last agreed with each of a bounded number of protection spaces (RFC 7616 §3.3); the one longest unused goes first. */
export class ProtectionSpaces<Session> {
  readonly #limit: number;
  readonly #sessions = new Map<string, Session>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(name: string): Session | undefined {
    const session = this.#sessions.get(name);
    if (session !== undefined) this.keep(name, session);
    return session;
  }

  keep(name: string, session: Session): void {
    this.#sessions.delete(name);
    this.#sessions.set(name, session);
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= this.#limit) break;
      this.#sessions.delete(oldest);
    }
  }

  /** Forgets `session`, unless another has taken its place. */
  forget(name: string, session: Session): void {
    if (this.#sessions.get(name) === session) this.#sessions.delete(name);
  }
}
