import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { ControlServer } from '../control/control-server.ts';
import type { DialogTable } from '../dialog/dialog-table.ts';
import type { Setbacks } from '../targets/setbacks.ts';
import type { UdpProbes } from '../targets/udp-probes.ts';
import type { TransactionTable } from '../transaction/transaction-table.ts';
import type { SipTimers } from '../transaction/timers.ts';
import type { Target, TransportLayer } from '../transport/transport.ts';
import type { Identifiers } from './identifiers.ts';
import type { LocalAddresses } from './local-addresses.ts';
import type { BinaryBodies } from './binary-bodies.ts';

/**
 * A request that an application sent comes back, as a proxy found us in its way: 'refuse' answers 482 unless there is
 * another application for it, 'hand-up' gives it to any.
 */
export type ReturnedRequests = 'refuse' | 'hand-up';

/** What both sides of the user agent work with. */
export interface Surroundings {
  readonly clock: Clock;
  readonly timers: SipTimers;
  readonly logger: Logger;
  readonly transport: TransportLayer;
  readonly transactions: TransactionTable;
  readonly dialogs: DialogTable;
  readonly control: ControlServer;
  readonly identifiers: Identifiers;
  readonly addresses: LocalAddresses;
  readonly binaryBodies: BinaryBodies;
  /** Option tags applications understand, lower case; undefined: they judge for themselves. */
  readonly extensions: ReadonlySet<string> | undefined;
  /** What becomes of a request of ours that a proxy sends back. */
  readonly returned: ReturnedRequests;
  /** Where a SIP URI leads, best first (RFC 3263). */
  resolve(uri: string): Promise<Target[]>;
  /** The addresses that failed lately. */
  readonly setbacks: Setbacks;
  readonly probes: UdpProbes;
  /** URI of the proxy that requests outside of dialogs go by, unless they say another way. */
  readonly outboundProxy: string | undefined;
}
