import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { ControlServer } from '../control/control-server.ts';
import type { DialogTable } from '../dialog/dialog-table.ts';
import type { TransactionTable } from '../transaction/transaction-table.ts';
import type { SipTimers } from '../transaction/timers.ts';
import type { Endpoint, TransportLayer } from '../transport/transport.ts';
import type { Identifiers } from './identifiers.ts';
import type { LocalAddresses } from './local-addresses.ts';
import type { BinaryBodies } from './upward.ts';

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
  /** Where a SIP URI leads, best first (RFC 3263). */
  resolve(uri: string): Promise<Endpoint[]>;
}
