import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Caller } from './caller.ts';
import { callerOf } from './caller.ts';
import { calleeOf } from './callee.ts';
import type { DrachtioRequest } from './drachtio.ts';
import { previousHop } from './own-address.ts';
import { SipRefusal } from './refusal.ts';
import type { TrustedProxies } from './trust.ts';

/** What the operator says about who may do what. */
export interface AdmissionPolicy {
  readonly domains: ReadonlySet<string>;
  readonly messageAccount: AddressOfRecord;
  readonly trustedProxies: TrustedProxies;
  readonly depositFrom: 'trusted' | 'anyone';
}

/** Somebody wants to reach `owner`. */
export interface DepositAdmission {
  readonly kind: 'deposit';
  readonly owner: AddressOfRecord;
  readonly caller: Caller;
  /**
   * SIP URI of the hop the request came from, when that is a trusted proxy: only a caller it vouches for is sent anything
   * later. Else anybody could have us send MESSAGEs to whomever she names (reflection).
   */
  readonly returnHop: string | null;
}

/** An owner wants her texts. */
export interface RetrievalAdmission {
  readonly kind: 'retrieval';
  readonly owner: AddressOfRecord;
  readonly caller: Caller;
}

/** What a request is for, and by whom. */
export type Admission = DepositAdmission | RetrievalAdmission;

/**
 * Tells deposit from retrieval and admits either: a retrieval only for a served user whom a trusted proxy vouches for, a
 * deposit from trusted proxies, or from anyone when the operator says so.
 * @throws SipRefusal 400, 403, 404
 */
export function admit(request: DrachtioRequest, policy: AdmissionPolicy): Admission {
  const trusted = policy.trustedProxies.trusts(request.source_address);
  const caller = callerOf(request, trusted);
  const callee = calleeOf(request, policy.domains);
  if (!callee.equals(policy.messageAccount)) {
    if (!trusted && policy.depositFrom === 'trusted') {
      throw new SipRefusal(403, 'Texts are taken from trusted proxies only');
    }
    return { kind: 'deposit', owner: callee, caller, returnHop: trusted ? previousHop(request) : null };
  }
  if (!trusted) throw new SipRefusal(403, 'Texts are handed over through trusted proxies only');
  const owner = caller.addressOfRecord;
  if (owner === undefined || !policy.domains.has(owner.host) || owner.equals(policy.messageAccount)) {
    throw new SipRefusal(403, 'No mailbox belongs to this caller');
  }
  return { kind: 'retrieval', owner, caller };
}
