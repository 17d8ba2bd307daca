import type { Row } from '../row.ts';

export const IN_DIALOG: readonly Row[] = [];
