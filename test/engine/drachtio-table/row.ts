import type { Site } from './site.ts';

/** What was seen when a call was played, in order. */
export interface Seen {
  /** By the SIP peer. */
  readonly farEnd: readonly string[];
  /** By the application. */
  readonly application: readonly string[];
}

/** One call of drachtio-srf, and what comes of it. */
export interface Row {
  /** The call as an application writes it, and the circumstance. */
  readonly call: string;
  /** Makes it. Fails where something expected never comes. */
  readonly play: (site: Site) => Promise<Seen>;
  readonly seen: Seen;
  /** Where a drachtio-server is known to do otherwise: what is seen then. */
  readonly drachtioServer?: { readonly why: string; readonly seen: Seen };
  /** In the row 64*T1 pass; what it may take with the usual timers, ms. */
  readonly patience?: number;
}
