import type { Random } from '../../core/random.ts';
import type { ServiceRecord } from './host-resolver.ts';

/**
 * RFC 2782: lowest priority first; among equals each is drawn with a chance in proportion to its weight, those of
 * weight 0 with a very small one.
 */
export function orderServices(records: readonly ServiceRecord[], random: Random): ServiceRecord[] {
  const waiting = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: ServiceRecord[] = [];
  while (waiting.length > 0) {
    const { priority } = waiting[0] ?? { priority: 0 };
    const equals = waiting.filter((record) => record.priority === priority);
    const total = equals.reduce((sum, { weight }) => sum + weight, 0);
    const [drawn] = waiting.splice(draw(equals, Math.floor(random.fraction() * (total + 1))), 1);
    if (drawn !== undefined) ordered.push(drawn);
  }
  return ordered;
}

/** The first whose running sum of weights reaches `mark`. */
function draw(records: readonly ServiceRecord[], mark: number): number {
  let sum = 0;
  return records.findIndex(({ weight }) => (sum += weight) >= mark);
}
