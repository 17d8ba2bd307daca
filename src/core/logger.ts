import type { Clock } from './clock.ts';

/** Values that go beside a log line, by name. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A structured log; pino implements it as it stands. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

/** A log nobody reads. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/** How many lines of one message a sparing log writes in a period, ms. */
const SPARING = { lines: 20, period: 10_000 } as const;

interface Spent {
  lines: number;
  leftOut: number;
  until: number;
}

/**
 * A log for what strangers bring about as often as they like: of each message it writes 20 lines in 10 s. The first line after
 * that says as `leftOut` how many were not written. Debug has no bound, for nobody asks for it without cause.
 */
export function sparingLogger(logger: Logger, clock: Pick<Clock, 'now'>): Logger {
  const spent = new Map<string, Spent>();
  const spare =
    (level: 'info' | 'warn' | 'error') =>
    (fields: LogFields, message: string): void => {
      const now = clock.now();
      let entry = spent.get(message);
      let leftOut = 0;
      if (entry === undefined || now >= entry.until || now < entry.until - SPARING.period) {
        leftOut = entry?.leftOut ?? 0;
        entry = { lines: 0, leftOut: 0, until: now + SPARING.period };
        spent.set(message, entry);
      }
      if (++entry.lines > SPARING.lines) entry.leftOut++;
      else logger[level](leftOut === 0 ? fields : { ...fields, leftOut }, message);
    };
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: spare('info'),
    warn: spare('warn'),
    error: spare('error'),
    child: (fields) => sparingLogger(logger.child(fields), clock),
  };
}
