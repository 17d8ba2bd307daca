/** What drivers put into their errors: SQLite a code, MySQL a number. */
function read(error: unknown): { code: string; errno: number } {
  if (!(error instanceof Error)) return { code: '', errno: 0 };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const errno = 'errno' in error && typeof error.errno === 'number' ? error.errno : 0;
  return { code, errno };
}

/** ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK (Galera's lost certification too), and Galera's "not now". */
const MYSQL_CONFLICTS: ReadonlySet<number> = new Set([1205, 1213, 1047]);
/** ER_DUP_ENTRY: two nodes inserted the same row at the same time; the next attempt finds it. */
const MYSQL_DUPLICATE = 1062;
/** ER_DATA_TOO_LONG, ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, ER_WARN_DATA_OUT_OF_RANGE, ER_BAD_NULL_ERROR, ER_NET_PACKET_TOO_LARGE */
const MYSQL_ROW_FAULTS: ReadonlySet<number> = new Set([1406, 1366, 1264, 1048, 1153]);

/** Rows that were found had another place when they were locked: an alias was given or taken away meanwhile. */
export class RowsMoved extends Error {
  constructor() {
    super('rows moved while they were looked at');
    this.name = 'RowsMoved';
  }
}

/** The transaction lost against another one and may be tried again. */
export function isConflict(error: unknown): boolean {
  if (error instanceof RowsMoved) return true;
  const { code, errno } = read(error);
  return MYSQL_CONFLICTS.has(errno) || errno === MYSQL_DUPLICATE || code.startsWith('SQLITE_BUSY');
}

/** One of the rows is at fault, not the database. */
export function isRowFault(error: unknown): boolean {
  const { code, errno } = read(error);
  return (
    MYSQL_ROW_FAULTS.has(errno) ||
    code.startsWith('SQLITE_CONSTRAINT') ||
    code === 'SQLITE_TOOBIG' ||
    code === 'SQLITE_MISMATCH'
  );
}
