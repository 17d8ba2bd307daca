import type { Row } from '../row.ts';

export const NOT_SERVED: readonly Row[] = [];
