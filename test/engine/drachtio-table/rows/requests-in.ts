import type { Row } from '../row.ts';

export const REQUESTS_IN: readonly Row[] = [];
