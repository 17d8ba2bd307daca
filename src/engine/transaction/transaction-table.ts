import { getHeapStatistics } from 'node:v8';
import type { Clock } from '../../core/clock.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { parseCSeq } from '../message/cseq.ts';
import type { Flow } from '../transport/transport.ts';
import { ClientTransaction, clientKey } from './client-transaction.ts';
import type { ClientTransactionSurroundings, ClientTransactionUser } from './client-transaction.ts';
import { TRANSACTION_LIMITS } from './limits.ts';
import { mergeKey, topVia } from './match.ts';
import { ServerTransaction } from './server-transaction.ts';
import type { ResponsePath, ServerTransactionSurroundings } from './server-transaction.ts';
import { TimerLanes } from './timer-lanes.ts';
import type { SipTimers } from './timers.ts';

/** What a table of transactions works with. */
export interface TransactionTableOptions {
  readonly clock: Clock;
  readonly timers: SipTimers;
  /** Bytes all requests that came may take, for tests; what {@link TRANSACTION_LIMITS} says when it is not given. */
  readonly serverRoom?: number;
}

/** All transactions alive: finds the one a message belongs to, and bounds their number. */
export class TransactionTable {
  readonly #forServers: ServerTransactionSurroundings;
  readonly #forClients: ClientTransactionSurroundings;
  readonly #servers = new Map<string, ServerTransaction>();
  readonly #merges = new Map<string, ServerTransaction>();
  readonly #clients = new Map<string, ClientTransaction>();
  /** Client transactions that wait. Two connections may have the same peer, one that is dying and the one after it. */
  readonly #byFlow = new Map<Flow, Set<ClientTransaction>>();
  readonly #mostServers = Math.min(
    TRANSACTION_LIMITS.server,
    Math.floor(getHeapStatistics().heap_size_limit / 2 / TRANSACTION_LIMITS.serverBytes),
  );
  readonly #serverRoom: number;
  #unanswered = 0;
  /** What requests that came and their responses take. */
  #taken = 0;

  constructor({ clock: ownersClock, timers, serverRoom }: TransactionTableOptions) {
    this.#serverRoom = serverRoom ?? this.#mostServers * TRANSACTION_LIMITS.serverBytes;
    const clock = new TimerLanes(ownersClock);
    this.#forServers = {
      clock,
      timers,
      answered: (transaction) => {
        this.#unanswered--;
        this.#weigh(transaction, keyLength(transaction) + transaction.responseLength);
        // Who was refused may try again by another way.
        if (transaction.finalStatus >= 300) this.#forgetMerge(transaction);
      },
      keep: keepTogether(),
      ended: (transaction) => this.#serverEnded(transaction),
    };
    this.#forClients = { clock, timers, ended: (transaction) => this.#clientEnded(transaction) };
  }

  /** Transactions alive, answered ones included. */
  get counts(): { readonly server: number; readonly client: number } {
    return { server: this.#servers.size, client: this.#clients.size };
  }

  /** No further request can be taken in. */
  get serversFull(): boolean {
    return (
      this.#servers.size >= this.#mostServers ||
      this.#unanswered >= TRANSACTION_LIMITS.unanswered ||
      this.#taken >= this.#serverRoom
    );
  }

  /** No further request can be sent. */
  get clientsFull(): boolean {
    return this.#clients.size >= TRANSACTION_LIMITS.client;
  }

  findServer(key: string): ServerTransaction | undefined {
    return this.#servers.get(key);
  }

  /** Another transaction that has the same request, which came here by another way (RFC 3261 §8.2.2.2). */
  merges(request: SipRequest): boolean {
    const key = mergeKey(request);
    return key !== undefined && this.#merges.has(key);
  }

  openServer(request: SipRequest, path: ResponsePath, key: string, localTag: string): ServerTransaction {
    const merge = mergeKey(request);
    const keys = { key, mergeKey: merge, localTag };
    const transaction = new ServerTransaction(request, path, keys, this.#forServers);
    this.#servers.set(key, transaction);
    this.#weigh(transaction, keyLength(transaction) + lengthOf(request));
    // The first of several copies is the one the others are measured by.
    if (merge !== undefined && !this.#merges.has(merge)) this.#merges.set(merge, transaction);
    this.#unanswered++;
    return transaction;
  }

  openClient(
    request: SipRequest,
    bytes: Buffer,
    branch: string,
    flow: Flow,
    user: ClientTransactionUser,
  ): ClientTransaction {
    const transaction = new ClientTransaction(request, bytes, branch, flow, user, this.#forClients);
    this.#clients.set(transaction.key, transaction);
    const waiting = this.#byFlow.get(flow);
    if (waiting === undefined) this.#byFlow.set(flow, new Set([transaction]));
    else waiting.add(transaction);
    return transaction;
  }

  /**
   * RFC 3261 §17.1.3: by the branch of the top Via and the method in CSeq. A response with a second Via went astray
   * (§8.1.3.3): none of our requests has two. @throws MalformedVia, MalformedCSeq
   */
  findClient(response: SipResponse): ClientTransaction | undefined {
    if (response.headers.all('Via').length > 1) return undefined;
    const branch = topVia(response.headers).params.get('branch');
    const { method } = parseCSeq(response.headers.get('CSeq') ?? '');
    return branch === undefined ? undefined : this.#clients.get(clientKey(branch, method));
  }

  /** The request of ours that has this branch and method, while it is waited for its responses. */
  clientOf(branch: string, method: string): ClientTransaction | undefined {
    return this.#clients.get(clientKey(branch, method));
  }

  /** Nothing more goes over this flow. */
  flowFailed(flow: Flow): void {
    for (const transaction of [...(this.#byFlow.get(flow) ?? [])]) transaction.flowFailed();
  }

  abandonAll(): void {
    for (const transaction of [...this.#servers.values()]) transaction.abandon();
    for (const transaction of [...this.#clients.values()]) transaction.abandon();
  }

  /** Threat: requests as long as they may be, each kept for 64*T1, which are few by their number. */
  #weigh(transaction: ServerTransaction, weight: number): void {
    this.#taken += weight - transaction.weight;
    transaction.weight = weight;
  }

  #serverEnded(transaction: ServerTransaction): void {
    this.#weigh(transaction, 0);
    if (this.#servers.get(transaction.key) === transaction) this.#servers.delete(transaction.key);
    this.#forgetMerge(transaction);
    if (transaction.finalStatus === 0) this.#unanswered--;
  }

  #forgetMerge(transaction: ServerTransaction): void {
    const key = transaction.mergeKey;
    if (key !== undefined && this.#merges.get(key) === transaction) this.#merges.delete(key);
  }

  #clientEnded(transaction: ClientTransaction): void {
    this.#clients.delete(transaction.key);
    const waiting = this.#byFlow.get(transaction.flow);
    waiting?.delete(transaction);
    if (waiting?.size === 0) this.#byFlow.delete(transaction.flow);
  }
}

function keyLength({ key, mergeKey }: ServerTransaction): number {
  return key.length + (mergeKey?.length ?? 0);
}

function lengthOf({ headers, body }: SipRequest): number {
  let length = body.length;
  for (const [name, value] of headers.entries()) length += name.length + value.length;
  return length;
}

const SLAB_BYTES = 65_536;

/**
 * Copies what is kept for long side by side. A small Buffer otherwise shares its memory with whatever short-lived ones
 * were made about the same time, and would hold on to theirs too.
 */
function keepTogether(): (bytes: Buffer) => Buffer {
  let slab = Buffer.alloc(0);
  let used = 0;
  return (bytes) => {
    if (bytes.length > SLAB_BYTES / 16) return bytes;
    if (used + bytes.length > slab.length) {
      slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      used = 0;
    }
    const kept = slab.subarray(used, used + bytes.length);
    bytes.copy(kept);
    used += bytes.length;
    return kept;
  };
}
