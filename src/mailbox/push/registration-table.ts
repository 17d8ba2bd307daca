import { createHash } from 'node:crypto';
import { AddressOfRecord } from '../../core/address-of-record.ts';
import type { RegInfo, RegisteredAddress, RegisteredContact } from '../../im/reg-info.ts';
import type { Registration } from './ports.ts';
import { REGISTRATION_LIMITS } from './registration-limits.ts';

/** What a document told. */
export interface TableTurn {
  /** False: the document is an old one, and was left out. */
  readonly taken: boolean;
  /** Something may have been missed: the notifier should be asked for the full state. */
  readonly wantsFull: boolean;
}

/** A contact that is registered. */
interface Row {
  readonly uri: string;
  /** What tells this registration of the contact from an earlier one. */
  readonly mark: string;
  /** Epoch ms. */
  readonly endsAt: number;
  readonly methods: readonly string[] | null;
}

interface Address {
  readonly aor: string;
  readonly rows: Map<string, Row>;
}

/**
 * What one subscription told of registrations: a table for each of them, a row for each contact that is active (RFC 3680 §5.2).
 */
export class RegistrationTable {
  readonly #addresses = new Map<string, Address>();
  /** That of the last document; undefined: any is taken. */
  #version: number | undefined;

  /** Whatever comes next is taken as the first document of a subscription: what is known stands until then. */
  expectAny(): void {
    this.#version = undefined;
  }

  /*
   * RFC 3680 §5.2: one higher than the last version is the next document; more than one higher tells that one was missed, which
   * matters unless this one is full; a lower one is discarded. It may also be one of a notifier that counts anew after a restart,
   * so the full state is asked for. Of the same version: a full one is taken, some notifiers never count.
   */

  /** @param endsAt when the subscription ends, epoch ms: that long a contact stands that does not say */
  take(info: RegInfo, endsAt: number, now: number): TableTurn {
    const { version, state } = info;
    const isFull = state === 'full';
    const known = this.#version;
    if (known !== undefined && (version < known || (version === known && !isFull))) {
      return { taken: false, wantsFull: true };
    }
    this.#version = version;
    if (isFull) this.#addresses.clear();
    for (const registration of info.registrations) this.#put(registration, endsAt, now);
    return { taken: true, wantsFull: !isFull && (known === undefined || version > known + 1) };
  }

  /** The user's registration as far as it is known; null: she is not online. */
  registration(user: AddressOfRecord, hop: string, now: number): Registration | null {
    const rows = this.#rowsOf(user).filter(({ endsAt }) => endsAt > now);
    if (rows.length === 0) return null;
    return {
      user,
      name: nameOf(rows),
      until: Math.min(Math.max(...rows.map(({ endsAt }) => endsAt)), now + REGISTRATION_LIMITS.longestOnline),
      methods: methodsOf(rows),
      hop,
    };
  }

  #put({ id, aor, state, contacts }: RegisteredAddress, endsAt: number, now: number): void {
    if (state !== 'active') {
      this.#addresses.delete(id);
      return;
    }
    const address = this.#addresses.get(id) ?? { aor, rows: new Map<string, Row>() };
    this.#addresses.set(id, address);
    for (const contact of contacts) {
      if (contact.state === 'terminated') address.rows.delete(contact.id);
      else if (address.rows.has(contact.id) || this.#size < REGISTRATION_LIMITS.contacts) {
        address.rows.set(contact.id, rowOf(contact, endsAt, now));
      }
    }
    if (address.rows.size === 0) this.#addresses.delete(id);
  }

  get #size(): number {
    let size = 0;
    for (const { rows } of this.#addresses.values()) size += rows.size;
    return size;
  }

  /**
   * A registration may imply others (3GPP TS 24.229 §5.4.2.1.2), each told with its own address. Where none is hers as she is
   * known here, as with `tel:` URIs, all are: they answer a SUBSCRIBE for her.
   */
  #rowsOf(user: AddressOfRecord): Row[] {
    const all = [...this.#addresses.values()];
    const hers = all.filter(({ aor }) => AddressOfRecord.tryParse(aor)?.equals(user) === true);
    return (hers.length > 0 ? hers : all).flatMap(({ rows }) => [...rows.values()]);
  }
}

function rowOf({ uri, callId, id, expires, methods }: RegisteredContact, endsAt: number, now: number): Row {
  return { uri, mark: callId ?? id, endsAt: expires === null ? endsAt : now + expires * 1000, methods };
}

/** The same on every node and for as long as the same phones are registered; a phone that comes or goes makes another. */
function nameOf(rows: readonly Row[]): string {
  const marks = rows.map(({ uri, mark }) => `${uri}\n${mark}`).sort();
  return `reg-${createHash('sha256').update(marks.join('\n')).digest('hex').slice(0, 40)}`;
}

/** What any of the phones takes; null when one does not say. */
function methodsOf(rows: readonly Row[]): readonly string[] | null {
  const methods = new Set<string>();
  for (const row of rows) {
    if (row.methods === null) return null;
    for (const method of row.methods) methods.add(method);
  }
  return [...methods].sort();
}
