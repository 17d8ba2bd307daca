import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Push, PushOutcome, PushStore, Registration } from '../mailbox/push/ports.ts';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import { idsOf, lockMailboxes } from './dirty-marks.ts';
import { withPhone, withoutPhone } from './known-phones.ts';
import { STORE_LIMITS } from './limits.ts';
import type { MailboxRow, RegistrationRow } from './rows.ts';
import { REGISTERED_ANEW, ownerOf } from './rows.ts';

/**
 * Keeps who is online, and to whom texts are to be brought:
 *
 *   nothing to bring ── new texts ──> due ── claimed ── over ────────────────────────> nothing to bring
 *                                      ^ └─────────────── failed, try again ─────────> waits, then due
 *                                      │                  failed, not again ─┐
 *                                      └── a text comes ──────────── given up <┘      (a refresh leaves it so)
 *
 * A new registration begins anew from any of these; those of her phones that last are known, so that they may refresh theirs
 * in turn. Nodes claim by compare-and-set.
 */
export class RegistrationLedger implements PushStore {
  readonly #database: Database;
  readonly #onDue: () => void;

  constructor(database: Database, onDue: () => void) {
    this.#database = database;
    this.#onDue = onDue;
  }

  async registered(registration: Registration, now: number): Promise<boolean> {
    const outcome = await this.#database.transaction('keep who is online', (trx) =>
      this.#register(trx, registration, now),
    );
    if (outcome === 'due') this.#onDue();
    return outcome !== 'unknown';
  }

  async unregistered(user: AddressOfRecord, name?: string): Promise<void> {
    await this.#database.transaction('keep that a user went', async (trx) => {
      const address: { id: number } | undefined = await trx('address')
        .where({ aor: user.toString() })
        .first('id');
      if (address === undefined) return;
      const [row] = await this.#locked(trx, [address.id]);
      if (row === undefined) return;
      const where = { address_id: address.id };
      const { phones, until } = withoutPhone(row.phones, name ?? '', this.#database.clock.now());
      if (name === undefined || phones === '') await trx('registration').where(where).delete();
      // What the others take is not known any more: it was told before.
      else if (row.name !== name) await trx('registration').where(where).update({ phones, until });
      else await trx('registration').where(where).update({ phones, until, name: '', methods: null });
    });
  }

  async claimPushes(
    claim: { readonly node: string; readonly until: number },
    now: number,
    limit: number,
  ): Promise<Push[]> {
    return await this.#database.transaction('claim pushes', async (trx) => {
      const candidates: Pick<RegistrationRow, 'address_id'>[] = await living(trx, now)
        .where('push_due_at', '<=', now)
        .where((query) => void query.whereNull('claim_until').orWhere('claim_until', '<=', now))
        .orderBy(['push_due_at', 'address_id'])
        .limit(limit)
        .select('address_id');
      if (candidates.length === 0) return [];
      // Locked by their keys, as all writers do; another node may have claimed or settled some of them since.
      const locked = await this.#locked(
        trx,
        candidates.map(({ address_id }) => address_id),
      );
      const due = locked.filter(
        (row) => (row.push_due_at ?? Infinity) <= now && row.until > now && (row.claim_until ?? 0) <= now,
      );
      if (due.length === 0) return [];
      // Whoever let a claim lapse may have died of what it brought.
      const lapsed = due.filter(({ claim_node }) => claim_node !== null).map(({ address_id }) => address_id);
      if (lapsed.length > 0) {
        await trx('registration').whereIn('address_id', lapsed).increment('attempts');
      }
      const ids = due.map(({ address_id }) => address_id);
      await trx('registration')
        .whereIn('address_id', ids)
        .update({ claim_node: claim.node, claim_until: claim.until, claimed_wanted: trx.ref('wanted') });
      const rows: (RegistrationRow & { aor: string })[] = await trx('registration')
        .join('address', 'address.id', 'registration.address_id')
        .whereIn('address_id', ids)
        .orderBy(['registration.push_due_at', 'registration.address_id'])
        .select('registration.*', 'address.aor');
      return rows.map(pushOf);
    });
  }

  async settlePush(node: string, push: Push, outcome: PushOutcome): Promise<void> {
    await this.#database.transaction('keep what became of a push', async (trx) => {
      const address: { id: number } | undefined = await trx('address')
        .where({ aor: push.user.toString() })
        .first('id');
      if (address === undefined) return;
      const [row] = await this.#locked(trx, [address.id]);
      if (row?.claim_node !== node) return;
      await trx('registration')
        .where({ address_id: address.id })
        .update({ ...settled(row, outcome), claim_node: null, claim_until: null });
    });
  }

  async nextPushAt(): Promise<number | null> {
    return await this.#database.run('look for the next push', async (knex) => {
      const due = (): Knex.QueryBuilder =>
        living(knex, this.#database.clock.now()).whereNotNull('push_due_at');
      const free: Pick<RegistrationRow, 'push_due_at'> | undefined = await due()
        .whereRaw('+claim_until is null')
        .orderBy('push_due_at')
        .first('push_due_at');
      const claimed: Pick<RegistrationRow, 'claim_until'> | undefined = await due()
        .whereNotNull('claim_until')
        .orderBy('claim_until')
        .first('claim_until');
      const instants = [free?.push_due_at ?? null, claimed?.claim_until ?? null].filter((at) => at !== null);
      return instants.length === 0 ? null : Math.min(...instants);
    });
  }

  async releasePushes(node: string): Promise<void> {
    await this.#database.transaction('release pushes', (trx) =>
      // The index leads to the few rows that are claimed at all.
      trx('registration')
        .whereNotNull('claim_until')
        .where({ claim_node: node })
        .update({ claim_node: null, claim_until: null }),
    );
  }

  async forgetRegistrations(now: number, limit: number): Promise<number> {
    return await this.#database.transaction('forget who is no more online', async (trx) => {
      const over: Pick<RegistrationRow, 'address_id'>[] = await trx('registration')
        .where('until', '<=', now)
        .orderBy('until')
        .limit(limit)
        .select('address_id');
      if (over.length === 0) return 0;
      // By their keys, and only what is over still.
      const ids = over.map(({ address_id }) => address_id);
      return await trx('registration').whereIn('address_id', ids).where('until', '<=', now).delete();
    });
  }

  async usersWithNewTexts(
    after: number,
    limit: number,
  ): Promise<{ readonly mailboxId: number; readonly user: AddressOfRecord }[]> {
    return await this.#database.run('list users with new texts', async (knex) => {
      // So many mailboxes, each with all its addresses: the next page goes on after the last one.
      const mailboxes = await knex<MailboxRow>('mailbox')
        .where('id', '>', after)
        .where('new_count', '>', 0)
        .orderBy('id')
        .limit(limit)
        .select('id');
      const rows: { mailbox_id: number; aor: string }[] = await knex('address')
        .whereIn(
          'mailbox_id',
          mailboxes.map(({ id }) => id),
        )
        .orderBy(['mailbox_id', 'aor'])
        .select('mailbox_id', 'aor');
      return rows.map(({ mailbox_id, aor }) => ({ mailboxId: mailbox_id, user: ownerOf(aor) }));
    });
  }

  /** Holds the mailbox, so that no text comes between the look for new ones and the commit. */
  async #register(
    trx: Knex.Transaction,
    registration: Registration,
    now: number,
  ): Promise<'due' | 'kept' | 'unknown'> {
    const aor = registration.user.toString();
    const ids = await idsOf(trx, [aor], false);
    if (ids.size === 0) return 'unknown';
    const [mailbox] = await lockMailboxes(this.#database, trx, ids.values());
    const address = mailbox?.addresses.find((each) => each.aor === aor);
    if (mailbox === undefined || address === undefined) throw new RowsMoved();
    const [before] = await this.#locked(trx, [address.id]);
    const hasNew = mailbox.new_count > 0;
    const { name } = registration;
    const { phones, until, wasKnown } = withPhone(before?.phones ?? '', name, registration.until, now);
    const same = wasKnown ? (before ?? null) : null;
    const isDue = hasNew && (same === null || (same.push_due_at === null && same.attempts === 0));
    const row = {
      ...{ name, phones, until },
      methods: methodsKept(registration.methods),
      hop: (registration.hop?.length ?? 0) > STORE_LIMITS.registrationField ? null : registration.hop,
      push_due_at: isDue ? now : (same?.push_due_at ?? null),
      attempts: same?.attempts ?? 0,
      wanted: (before?.wanted ?? 0) + (isDue ? 1 : 0),
      ...(same === null ? { claimed_wanted: REGISTERED_ANEW } : {}),
    };
    if (before === undefined) await trx('registration').insert({ ...row, address_id: address.id });
    else await trx('registration').where({ address_id: address.id }).update(row);
    if (same === null) {
      // Under Galera both must write a row for one to lose: a node that keeps a text meanwhile does not see this registration.
      const registered_at = Math.max(now, mailbox.registered_at + 1);
      await trx('mailbox').where({ id: mailbox.id }).update({ registered_at });
    }
    return isDue ? 'due' : 'kept';
  }

  async #locked(trx: Knex.Transaction, addressIds: readonly number[]): Promise<RegistrationRow[]> {
    const query = trx('registration')
      .whereIn('address_id', [...addressIds])
      .orderBy('address_id');
    return (await this.#database.locking(query.select('*'))) as RegistrationRow[];
  }
}

/** Whoever went without a word is brought nothing. The signs keep SQLite to the index by which a query is ordered. */
function living(knex: Knex, now: number): Knex.QueryBuilder {
  return knex('registration').whereRaw('+?? > ?', ['until', now]);
}

/** What a claimed row says once its push was tried. */
function settled(
  row: RegistrationRow,
  outcome: PushOutcome,
): Partial<Pick<RegistrationRow, 'push_due_at' | 'attempts'>> {
  // She registered anew meanwhile: what came of the old registration says nothing of this one.
  if (row.claimed_wanted === REGISTERED_ANEW) return {};
  const isWantedAnew = row.wanted !== row.claimed_wanted;
  if (outcome.kind === 'put off') return { push_due_at: outcome.until };
  if (outcome.kind !== 'failed') {
    // One attempt in vain keeps a refresh from beginning another.
    const attempts = outcome.kind === 'over' ? 0 : 1;
    return { attempts, ...(isWantedAnew ? {} : { push_due_at: null }) };
  }
  const attempts = row.attempts + 1;
  // A text that came meanwhile waits as those do that could not be brought; where no more is tried, it is worth one more attempt.
  if (outcome.retryAt === null && isWantedAnew && attempts < STORE_LIMITS.pushAttempts) return { attempts };
  return { attempts, push_due_at: outcome.retryAt };
}

function pushOf(row: RegistrationRow & { readonly aor: string }): Push {
  return {
    user: ownerOf(row.aor),
    name: row.name,
    until: row.until,
    methods: row.methods?.split(' ').filter((method) => method !== '') ?? null,
    hop: row.hop,
    attempts: row.attempts,
  };
}

/** As many methods as there is room for; where that is not all, those by which texts are brought go ahead. */
function methodsKept(methods: readonly string[] | null): string | null {
  const most = STORE_LIMITS.registrationField;
  const all = methods?.join(' ') ?? null;
  if (methods === null || all === null || all.length <= most) return all;
  const bringing = ['INVITE', 'MESSAGE'].filter((method) => methods.includes(method));
  let kept = '';
  for (const method of new Set([...bringing, ...methods])) {
    const longer = kept === '' ? method : `${kept} ${method}`;
    if (longer.length <= most) kept = longer;
  }
  return kept;
}
