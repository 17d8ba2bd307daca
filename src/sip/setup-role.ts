/** Our part in setting up the MSRP connection (RFC 4145 §4, RFC 6135 §4.2); `holdconn`: there shall be none for now. */
export type SetupRole = 'active' | 'passive' | 'holdconn';

/** What a peer may say of its own. */
export type PeerSetup = SetupRole | 'actpass';

/** A word that means nothing counts as none. */
export function peerSetup(value: string | undefined): PeerSetup | undefined {
  return (['active', 'passive', 'actpass', 'holdconn'] as const).find(
    (each) => each === value?.toLowerCase(),
  );
}

/*
 * RFC 4145 §4.1: the answers an offer allows. We connect to those only that insist on being passive: a peer knows best whether
 * it can be reached, and many name a port on which nothing listens. RFC 4975 §5.4: without a=setup who offers connects.
 */
const ANSWERS: Readonly<Record<PeerSetup, SetupRole>> = {
  active: 'passive',
  actpass: 'passive',
  passive: 'active',
  holdconn: 'holdconn',
};

/** Our role in the answer to an offer. */
export function roleInAnswer(offered: PeerSetup | undefined): SetupRole {
  return offered === undefined ? 'passive' : ANSWERS[offered];
}

/** Our role once our offer of `actpass` was answered. Without a=setup it is us who connect, having offered (RFC 4975 §5.4). */
export function roleAfterAnswer(answered: PeerSetup | undefined): SetupRole {
  return answered === undefined ? 'active' : ANSWERS[answered];
}
