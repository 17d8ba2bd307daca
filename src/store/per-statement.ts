import { STORE_LIMITS } from './limits.ts';

/** `rows` in pieces of as many as one statement has room for. */
export function* perStatement<Row>(rows: readonly Row[]): Generator<readonly Row[], undefined> {
  for (let start = 0; start < rows.length; start += STORE_LIMITS.rows) {
    yield rows.slice(start, start + STORE_LIMITS.rows);
  }
}
