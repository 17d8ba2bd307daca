import type { Row } from '../row.ts';

export const CALLS_IN: readonly Row[] = [];
