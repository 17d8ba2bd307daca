import type { SipRequest } from '../message/sip-message.ts';
import type { Via } from '../message/via.ts';
import type { ReceivedMessage } from '../transport/transport.ts';

/** A request that came, with what of it is looked at again and again. */
export interface Arrival {
  readonly request: SipRequest;
  readonly received: ReceivedMessage;
  /** The top one: where the response goes. */
  readonly via: Via;
  /** Of its transaction. */
  readonly key: string;
}
