import type { Row } from '../row.ts';

export const CALLS_OUT: readonly Row[] = [];
