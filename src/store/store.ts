import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import type {
  AddressBook,
  DepositStore,
  ExpiryStore,
  ReceiptStore,
  RetentionStore,
  RetrievalStore,
  ScheduleStore,
} from '../mailbox/ports.ts';
import type { DeskStore, PreferenceStore } from '../mailbox/desk/ports.ts';
import type { NoticeStore, PushStore } from '../mailbox/push/ports.ts';
import type { LampAudit, SummaryStore, VoicemailStore } from '../mwi/ports.ts';
import type { PresenceStore } from '../presence/ports.ts';
import { MailboxAddresses } from './address-book.ts';
import { Database } from './database.ts';
import { DepositWriter } from './deposit-writer.ts';
import { DeskReader } from './desk-reader.ts';
import { DeskWriter } from './desk-writer.ts';
import { ExpirySweep } from './expiry-sweep.ts';
import type { RoomLimits } from './mailbox-room.ts';
import { LampReader } from './lamp-audit.ts';
import { checkSchema, checkServer, migrate } from './migrate.ts';
import { NoticeLedger } from './notice-ledger.ts';
import { PreferenceBook } from './preference-book.ts';
import { PresenceRecords } from './presence-records.ts';
import { NO_PUSH_MARKS, pushMarks } from './push-marks.ts';
import { ReceiptLedger } from './receipt-ledger.ts';
import { ReceiptWriter } from './receipt-writer.ts';
import { RegistrationLedger } from './registration-ledger.ts';
import { RetentionSweep } from './retention-sweep.ts';
import { RetrievalReader } from './retrieval-reader.ts';
import { ScheduleSweep } from './schedule-sweep.ts';
import { SummaryLedger } from './summary-ledger.ts';
import { VoicemailLedger } from './voicemail-ledger.ts';

export interface StoreOptions {
  /** `sqlite:FILE` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE` */
  readonly url: string;
  /** What a mailbox takes; and the longest text, bytes. */
  readonly limits: RoomLimits & { readonly maxMessageBytes: number };
  /** Whether a text stays, as an old one, once it was read. */
  readonly keepsRead: boolean;
  /** Whether texts are brought to users who are online: they are looked for when a text comes. */
  readonly pushes?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Leave the schema as it is, beside a server that runs. */
  readonly onlyLook?: boolean;
  /** Called after a commit that changed what this owner's lamp should say. */
  onSummaryDirty(owner: AddressOfRecord): void;
  /** Called after a commit that wrote a receipt. */
  onReceiptDue?(): void;
  /** Called after a commit that made texts due to be brought. */
  onPushDue?(): void;
  /** Called after a commit that kept a text which is due later. */
  onScheduled?(): void;
}

/** Everything the program keeps. Any number of nodes may share a database server; an SQLite file is for one node. */
export interface Store
  extends
    DepositStore,
    RetrievalStore,
    ReceiptStore,
    ExpiryStore,
    RetentionStore,
    ScheduleStore,
    PreferenceStore,
    DeskStore,
    PushStore,
    NoticeStore,
    SummaryStore,
    VoicemailStore,
    AddressBook,
    LampAudit {
  /** What the built-in presence server of `node` keeps. */
  presence(node: string): PresenceStore;
  /** Resolves when the database answers. @throws StoreUnavailable */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the database and brings its schema up to date. @throws StoreUnavailable, SchemaOutdated */
export async function openStore(options: StoreOptions): Promise<Store> {
  const database = new Database(options);
  try {
    if (options.onlyLook === true) await checkSchema(database);
    else await migrate(database);
    if (database.isMysql) await checkServer(database, options.limits.maxMessageBytes);
  } catch (error) {
    await database.close();
    throw error;
  }
  const onDirty = (owner: AddressOfRecord): void => options.onSummaryDirty(owner);
  const { limits, keepsRead, metrics } = options;
  const receiptWriter = new ReceiptWriter(metrics, () => options.onReceiptDue?.());
  const onPushDue = (): void => options.onPushDue?.();
  const pushes = options.pushes === true ? pushMarks(onPushDue) : NO_PUSH_MARKS;
  const deposits = new DepositWriter({
    database,
    room: limits,
    receipts: receiptWriter,
    pushes,
    metrics,
    onDirty,
    onScheduled: () => options.onScheduled?.(),
  });
  const retrievals = new RetrievalReader(database, keepsRead, receiptWriter, onDirty);
  const receipts = new ReceiptLedger(database, receiptWriter);
  const expiry = new ExpirySweep(database, receiptWriter, onDirty);
  const retention = new RetentionSweep(database, onDirty);
  const schedule = new ScheduleSweep(database, pushes, onDirty);
  const preferences = new PreferenceBook(database);
  const deskReader = new DeskReader(database);
  const deskWriter = new DeskWriter(database, receiptWriter, onDirty);
  const registrations = new RegistrationLedger(database, onPushDue);
  const notices = new NoticeLedger(database);
  const summaries = new SummaryLedger(database);
  const addresses = new MailboxAddresses(database);
  const audit = new LampReader(database);
  const voicemails = new VoicemailLedger(database, onDirty);
  return {
    deposit: (message) => deposits.deposit(message),
    counts: (owner) => retrievals.counts(owner),
    lease: (owner, token, until, limit) => retrievals.lease(owner, token, until, limit),
    renewLease: (token, until) => retrievals.renewLease(token, until),
    markRead: (token, id) => retrievals.markRead(token, id),
    releaseLease: (token) => retrievals.releaseLease(token),
    releaseLeases: (prefix) => retrievals.releaseLeases(prefix),
    claimReceipts: (claim, now, limit) => receipts.claimReceipts(claim, now, limit),
    closeReceipt: (id) => receipts.closeReceipt(id),
    postponeReceipt: (id, dueAt) => receipts.postponeReceipt(id, dueAt),
    nextReceiptAt: () => receipts.nextReceiptAt(),
    releaseReceipts: (node) => receipts.releaseReceipts(node),
    markDisplayed: (owner, messageId, author) => receipts.markDisplayed(owner, messageId, author),
    expireTexts: (now, limit) => expiry.expireTexts(now, limit),
    nextExpiryAt: () => expiry.nextExpiryAt(),
    dropRead: (before, limit) => retention.dropRead(before, limit),
    oldestReadAt: () => retention.oldestReadAt(),
    forgetGone: (now, limit) => retention.forgetGone(now, limit),
    deliverScheduled: (now, limit) => schedule.deliverScheduled(now, limit),
    nextScheduledAt: () => schedule.nextScheduledAt(),
    preferences: (owner) => preferences.preferences(owner),
    setPreferences: (owner, changes) => preferences.setPreferences(owner, changes),
    block: (owner, author) => preferences.block(owner, author),
    unblock: (owner, author) => preferences.unblock(owner, author),
    blocked: (owner) => preferences.blocked(owner),
    isBlocked: (owner, author) => preferences.isBlocked(owner, author),
    readTexts: (owner, limit) => deskReader.readTexts(owner, limit),
    authorsOfRead: (owner, limit) => deskReader.authorsOfRead(owner, limit),
    readTextsFrom: (owner, author, limit) => deskReader.readTextsFrom(owner, author, limit),
    textsById: (owner, ids) => deskReader.textsById(owner, ids),
    scheduledBy: (owner, author, limit) => deskReader.scheduledBy(owner, author, limit),
    listing: (owner) => deskReader.listing(owner),
    deleteTexts: (owner, ids) => deskWriter.deleteTexts(owner, ids),
    saveTexts: (owner, ids) => deskWriter.saveTexts(owner, ids),
    keepListing: (owner, ids) => deskWriter.keepListing(owner, ids),
    registered: (registration, now) => registrations.registered(registration, now),
    unregistered: (user, name) => registrations.unregistered(user, name),
    claimPushes: (claim, now, limit) => registrations.claimPushes(claim, now, limit),
    settlePush: (node, push, outcome) => registrations.settlePush(node, push, outcome),
    nextPushAt: () => registrations.nextPushAt(),
    releasePushes: (node) => registrations.releasePushes(node),
    forgetRegistrations: (now, limit) => registrations.forgetRegistrations(now, limit),
    usersWithNewTexts: (after, limit) => registrations.usersWithNewTexts(after, limit),
    claimNotice: (owner, author, now, window) => notices.claimNotice(owner, author, now, window),
    forgetNotices: (before, limit) => notices.forgetNotices(before, limit),
    claimDue: (claim, now, limit) => summaries.claimDue(claim, now, limit),
    settle: (claim, target, state, schedule) => summaries.settle(claim, target, state, schedule),
    nextDueAt: () => summaries.nextDueAt(),
    releaseClaims: (node) => summaries.releaseClaims(node),
    hasten: (which, now) => summaries.hasten(which, now),
    keepBeacon: (target, now) => summaries.keepBeacon(target, now),
    newestTexts: (target, limit) => summaries.newestTexts(target, limit),
    addAlias: (owner, alias) => addresses.addAlias(owner, alias),
    removeAlias: (alias) => addresses.removeAlias(alias),
    aliases: (after, limit) => addresses.aliases(after, limit),
    reportVoicemail: (user, report) => voicemails.reportVoicemail(user, report),
    claimWatches: (claim, now, limit) => voicemails.claimWatches(claim, now, limit),
    keepWatch: (node, user, next) => voicemails.keepWatch(node, user, next),
    nextWatchAt: () => voicemails.nextWatchAt(),
    releaseWatches: (node) => voicemails.releaseWatches(node),
    lamps: (range) => audit.lamps(range),
    totals: (now) => audit.totals(now),
    presence: (node) => new PresenceRecords(database, node),
    ready: async () => {
      await database.run('answer', (knex) => knex.raw('select 1'));
    },
    close: () => database.close(),
  };
}
