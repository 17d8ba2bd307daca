import type { Figures } from './bench.ts';
import type { LoadKind, LoadOutcome } from './engine-load.ts';
import type { Transport } from './raw-link.ts';

/** What a generator is told to do. */
export interface LoadOrder {
  readonly transport: Transport;
  /** Port on 127.0.0.1. */
  readonly server: number;
  readonly kind: LoadKind;
  /** ms */
  readonly duration: number;
  /** So many a second whatever becomes of them, or so many under way at a time. */
  readonly pace: { readonly rate: number } | { readonly window: number };
}

/** What became of it. */
export interface LoadReport extends Omit<LoadOutcome, 'times' | 'endTimes' | 'lateness'> {
  /** Accepted in a second. */
  readonly perSecond: number;
  readonly toAnswerMs: Figures;
  readonly toEndMs: Figures;
  readonly generatorLateMs: Figures;
  readonly generatorCpuShare: number;
}
