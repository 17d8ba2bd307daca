import { LIST_HEADERS, canonicalName } from './header-names.ts';
import { splitList } from './split-list.ts';

/**
 * The header fields of a message, in their order. Names are compared without case and kept in canonical spelling, values as
 * they stand on the wire, unfolded.
 */
export class SipHeaders {
  #fields: [name: string, value: string][];

  private constructor(fields: [string, string][]) {
    this.#fields = fields;
  }

  static from(entries: Iterable<readonly [string, string]>): SipHeaders {
    const fields: [string, string][] = [];
    for (const [name, value] of entries) fields.push([canonicalName(name), value]);
    return new SipHeaders(fields);
  }

  /** The value of the first field of that name. */
  get(name: string): string | undefined {
    const wanted = canonicalName(name);
    for (const field of this.#fields) if (field[0] === wanted) return field[1];
    return undefined;
  }

  /** Every value of that name; lists are taken apart at their commas (RFC 3261 §7.3.1). */
  all(name: string): string[] {
    const wanted = canonicalName(name);
    const values: string[] = [];
    for (const [field, value] of this.#fields) {
      if (field !== wanted) continue;
      if (LIST_HEADERS.has(wanted)) values.push(...splitList(value));
      else values.push(value);
    }
    return values;
  }

  /** The value of every field of that name as it stands on the wire, lists in one piece. */
  fields(name: string): string[] {
    const wanted = canonicalName(name);
    return this.#fields.filter(([field]) => field === wanted).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Replaces all fields of that name by one, in the place of the first. */
  set(name: string, value: string): void {
    const wanted = canonicalName(name);
    const first = this.#fields.findIndex(([field]) => field === wanted);
    if (first === -1) {
      this.#fields.push([wanted, value]);
      return;
    }
    this.#fields = this.#fields.filter(([field], index) => field !== wanted || index === first);
    this.#fields[first] = [wanted, value];
  }

  /** Gives the first field of that name another value, and leaves the others as they are. */
  replaceFirst(name: string, value: string): void {
    const wanted = canonicalName(name);
    const first = this.#fields.findIndex(([field]) => field === wanted);
    if (first !== -1) this.#fields[first] = [wanted, value];
  }

  append(name: string, value: string): void {
    this.#fields.push([canonicalName(name), value]);
  }

  delete(name: string): void {
    const unwanted = canonicalName(name);
    this.#fields = this.#fields.filter(([field]) => field !== unwanted);
  }

  /** One entry for each field as on the wire. */
  entries(): Iterable<readonly [string, string]> {
    return this.#fields;
  }

  clone(): SipHeaders {
    return new SipHeaders(this.#fields.map(([name, value]) => [name, value]));
  }
}

/** RFC 3261 §7.1 */
export interface SipRequest {
  readonly kind: 'request';
  readonly method: string;
  readonly uri: string;
  readonly headers: SipHeaders;
  readonly body: Buffer;
}

/** RFC 3261 §7.2 */
export interface SipResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly reason: string;
  readonly headers: SipHeaders;
  readonly body: Buffer;
}

/** RFC 3261 §7 */
export type SipMessage = SipRequest | SipResponse;
