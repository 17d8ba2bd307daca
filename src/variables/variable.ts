import { z } from 'zod';

/** One line of the reference table: what the variable means, in the operator's words; `shown`: its default, if not as written. */
export function variable<T extends z.ZodType>(schema: T, meaning: string, shown?: string): T {
  return schema.meta({ description: meaning, shown });
}

/** A whole number within bounds. */
export const count = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

export const ON_OFF = z.enum(['on', 'off']);
