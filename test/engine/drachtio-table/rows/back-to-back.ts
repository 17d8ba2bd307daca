import type { Row } from '../row.ts';

export const BACK_TO_BACK: readonly Row[] = [];
