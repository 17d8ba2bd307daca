import type { Row } from '../row.ts';

export const SUBSCRIPTIONS: readonly Row[] = [];
