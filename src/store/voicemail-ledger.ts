import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Claim, VoicemailReport, VoicemailStore } from '../mwi/ports.ts';
import type { Database } from './database.ts';
import type { LockedMailbox } from './dirty-marks.ts';
import { idsOf, lockMailboxes, saveChanged } from './dirty-marks.ts';
import { GroupCommit } from './group-commit.ts';
import { STORE_LIMITS } from './limits.ts';
import type { MailboxRow } from './rows.ts';
import { ownerOf } from './rows.ts';

/** A row of `voicemail`. A watch is either waiting (`watch_due_at`) or claimed (`claim_until`), never both. */
interface VoicemailRow {
  mailbox_id: number;
  body: string | null;
  stands_until: number | null;
  watch_due_at: number | null;
  claim_node: string | null;
  claim_until: number | null;
}

interface Report {
  readonly user: AddressOfRecord;
  readonly report: VoicemailReport | null;
}

interface Keeping {
  readonly node: string;
  readonly user: AddressOfRecord;
  readonly next: { readonly claimUntil: number } | { readonly dueAt: number };
}

/** Keeps what voicemails say, and which node watches the voicemail of which user. */
export class VoicemailLedger implements VoicemailStore {
  readonly #database: Database;
  readonly #onDirty: (user: AddressOfRecord) => void;
  readonly #reports: GroupCommit<Report, boolean>;
  readonly #keepings: GroupCommit<Keeping, boolean>;
  /** Mailboxes with a lower id were given a watch; null before the first look. */
  #newest: number | null = null;
  /** How far the round over all mailboxes has come, for those that were missed. */
  #round = 0;

  constructor(database: Database, onDirty: (user: AddressOfRecord) => void) {
    this.#database = database;
    this.#onDirty = onDirty;
    this.#reports = new GroupCommit({
      database,
      operation: 'keep what the voicemail says',
      write: (trx, reports) => writeReports(database, trx, reports),
    });
    this.#keepings = new GroupCommit({
      database,
      operation: 'keep a watch',
      write: (trx, keepings) => writeKeepings(database, trx, keepings),
    });
  }

  async reportVoicemail(user: AddressOfRecord, report: VoicemailReport | null): Promise<void> {
    if (await this.#reports.submit({ user, report })) this.#onDirty(user);
  }

  async claimWatches(claim: Claim, now: number, limit: number): Promise<AddressOfRecord[]> {
    return await this.#database.transaction('claim watches', async (trx) => {
      await this.#adoptMailboxes(trx, now);
      const waiting = trx<VoicemailRow>('voicemail').where('watch_due_at', '<=', now).orderBy('watch_due_at');
      const lapsed = trx<VoicemailRow>('voicemail').where('claim_until', '<=', now).orderBy('claim_until');
      const found = [
        ...(await waiting.limit(limit).select('mailbox_id')),
        ...(await lapsed.limit(limit).select('mailbox_id')),
      ];
      const ids = found.slice(0, limit).map(({ mailbox_id }) => mailbox_id);
      if (ids.length === 0) return [];
      // Another node may have claimed some of them since.
      await trx<VoicemailRow>('voicemail')
        .whereIn('mailbox_id', ids)
        .where((query) => void query.where('watch_due_at', '<=', now).orWhere('claim_until', '<=', now))
        .update({ watch_due_at: null, claim_node: claim.node, claim_until: claim.until });
      const rows: { aor: string }[] = await trx('voicemail')
        .join('mailbox', 'mailbox.id', 'voicemail.mailbox_id')
        .whereIn('mailbox_id', ids)
        .where({ claim_node: claim.node, claim_until: claim.until })
        .select('mailbox.aor');
      return rows.map(({ aor }) => ownerOf(aor));
    });
  }

  async keepWatch(
    node: string,
    user: AddressOfRecord,
    next: { claimUntil: number } | { dueAt: number },
  ): Promise<boolean> {
    return await this.#keepings.submit({ node, user, next });
  }

  async nextWatchAt(): Promise<number | null> {
    return await this.#database.run('look for the next watch', async (knex) => {
      const watches = knex<VoicemailRow>('voicemail');
      const waiting = await watches
        .clone()
        .whereNotNull('watch_due_at')
        .orderBy('watch_due_at')
        .first('watch_due_at');
      const claimed = await watches
        .clone()
        .whereNotNull('claim_until')
        .orderBy('claim_until')
        .first('claim_until');
      const instants = [waiting?.watch_due_at, claimed?.claim_until].flatMap((at) => at ?? []);
      return instants.length === 0 ? null : Math.min(...instants);
    });
  }

  async releaseWatches(node: string): Promise<void> {
    const now = this.#database.clock.now();
    await this.#database.transaction('release watches', (trx) =>
      trx<VoicemailRow>('voicemail')
        .where({ claim_node: node })
        .update({ watch_due_at: now, claim_node: null, claim_until: null }),
    );
  }

  /**
   * Gives every mailbox without a watch one that is due: those that are new, and, a page at a time, any that were there
   * before watches were, or whose transaction ended after that of a younger one.
   */
  async #adoptMailboxes(trx: Knex.Transaction, now: number): Promise<void> {
    const { watchPage, watchOverlap } = STORE_LIMITS;
    if (this.#newest === null) {
      const youngest = await trx<MailboxRow>('mailbox').orderBy('id', 'desc').first('id');
      this.#newest = youngest?.id ?? 0;
    }
    const newest = await adoptPage(trx, Math.max(0, this.#newest - watchOverlap), watchPage, now);
    this.#newest = Math.max(this.#newest, newest ?? 0);
    this.#round = (await adoptPage(trx, this.#round, watchPage, now)) ?? 0;
  }
}

/** Makes watches for the mailboxes after `after` that have none; the id of the last one looked at, null after the end. */
async function adoptPage(
  trx: Knex.Transaction,
  after: number,
  limit: number,
  now: number,
): Promise<number | null> {
  const page = trx('mailbox').where('id', '>', after).orderBy('id').limit(limit).select('id').as('page');
  const rows: { id: number; watched: number | null }[] = await trx
    .from(page)
    .leftJoin('voicemail', 'voicemail.mailbox_id', 'page.id')
    .orderBy('page.id')
    .select('page.id', 'voicemail.mailbox_id as watched');
  const missing = rows.filter(({ watched }) => watched === null);
  if (missing.length > 0) {
    const watches = missing.map(({ id }) => ({ mailbox_id: id, watch_due_at: now }));
    await trx('voicemail').insert(watches).onConflict('mailbox_id').ignore();
  }
  return rows.at(-1)?.id ?? null;
}

/** For each report whether the lamps turned dirty. */
async function writeReports(
  database: Database,
  trx: Knex.Transaction,
  reports: readonly Report[],
): Promise<boolean[]> {
  const now = database.clock.now();
  const aors = (some: readonly Report[]): string[] => [...new Set(some.map(({ user }) => user.toString()))];
  const ids = new Map([
    // Nothing to say of somebody unknown makes nobody a mailbox.
    ...(await idsOf(trx, aors(reports.filter(({ report }) => report === null)), false)),
    ...(await idsOf(trx, aors(reports.filter(({ report }) => report !== null)), true)),
  ]);
  const mailboxes = await lockMailboxes(database, trx, ids.values());
  const byId = new Map(mailboxes.map((mailbox) => [mailbox.id, mailbox]));
  const rows = await database.locking(
    trx<VoicemailRow>('voicemail')
      .whereIn('mailbox_id', [...byId.keys()])
      .orderBy('mailbox_id')
      .select('*'),
  );
  const before = new Map(rows.map((row) => [row.mailbox_id, row]));
  const after = new Map<number, VoicemailReport | null>();
  // One that came later counts.
  for (const { user, report } of reports) {
    const id = ids.get(user.toString());
    if (id !== undefined) after.set(id, report);
  }
  const changed: LockedMailbox[] = [];
  for (const [id, report] of after) {
    const mailbox = byId.get(id);
    if (mailbox !== undefined && readsDifferently(before.get(id), report, now)) changed.push(mailbox);
  }
  const kept = [...after].filter(([id, report]) => byId.has(id) && (report !== null || before.has(id)));
  if (kept.length > 0) {
    await trx('voicemail')
      .insert(
        kept.map(([id, report]) => ({
          mailbox_id: id,
          ...(report === null
            ? ended(before.get(id), now)
            : { body: report.body, stands_until: report.until }),
          watch_due_at: now,
        })),
      )
      .onConflict('mailbox_id')
      .merge(['body', 'stands_until']);
  }
  await saveChanged(trx, changed, now);
  const dirty = new Set(changed.map(({ id }) => id));
  return reports.map(({ user }) => dirty.has(ids.get(user.toString()) ?? -1));
}

/** What was taken back ends as what was not heard of again does: lamps say zero of what it counted, where phones show it. */
function ended(row: VoicemailRow | undefined, now: number): Pick<VoicemailRow, 'body' | 'stands_until'> {
  return { body: row?.body ?? null, stands_until: Math.min(row?.stands_until ?? now, now) };
}

/** An unchanged body that stands longer leaves the lamp as it is; one that stands again does not. */
function readsDifferently(
  row: VoicemailRow | undefined,
  report: VoicemailReport | null,
  now: number,
): boolean {
  const before = row?.body ?? null;
  const stood = before !== null && (row?.stands_until ?? 0) > now;
  const stands = report !== null && report.until > now;
  if (!stood || !stands) return stood !== stands;
  // A word that ends sooner than was said is a change: the lamp is to be told of that end.
  return before !== report.body || report.until < (row?.stands_until ?? 0);
}

/** For each watch whether the node still had it. */
async function writeKeepings(
  database: Database,
  trx: Knex.Transaction,
  keepings: readonly Keeping[],
): Promise<boolean[]> {
  const aors = [...new Set(keepings.map(({ user }) => user.toString()))];
  const query = trx('voicemail')
    .join('mailbox', 'mailbox.id', 'voicemail.mailbox_id')
    .whereIn('mailbox.aor', aors)
    .orderBy('mailbox_id');
  const rows = (await database.locking(
    query.select('voicemail.mailbox_id', 'voicemail.claim_node', 'mailbox.aor'),
  )) as Pick<VoicemailRow & MailboxRow, 'mailbox_id' | 'claim_node' | 'aor'>[];
  const byAor = new Map(rows.map((row) => [row.aor, row]));
  const kept = new Map<number, Pick<VoicemailRow, 'watch_due_at' | 'claim_node' | 'claim_until'>>();
  const outcomes = keepings.map(({ node, user, next }) => {
    const row = byAor.get(user.toString());
    if (row?.claim_node !== node) return false;
    kept.set(
      row.mailbox_id,
      'claimUntil' in next
        ? { watch_due_at: null, claim_node: node, claim_until: next.claimUntil }
        : { watch_due_at: next.dueAt, claim_node: null, claim_until: null },
    );
    return true;
  });
  if (kept.size > 0) {
    await trx('voicemail')
      .insert([...kept].map(([id, watch]) => ({ mailbox_id: id, ...watch })))
      .onConflict('mailbox_id')
      .merge(['watch_due_at', 'claim_node', 'claim_until']);
  }
  return outcomes;
}
