import type { Row } from '../row.ts';

export const REQUESTS_OUT: readonly Row[] = [];
