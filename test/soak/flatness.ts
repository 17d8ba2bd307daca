/** How even a measure stayed. */
export interface Flatness {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** How far the mean of any stretch is from that of all, percent of it. Within one the collector breathes. */
  readonly movedPercent: number;
  /** How much the last third is above the first, percent of the mean; below 0 it is less. */
  readonly driftPercent: number;
}

/** @param stretch samples that make one; what is left over at the end counts for the other figures only */
export function flatness(samples: readonly number[], stretch: number): Flatness {
  const mean = meanOf(samples);
  const percent = (part: number): number => Number(((100 * part) / mean).toFixed(2));
  const third = Math.max(1, Math.floor(samples.length / 3));
  let moved = 0;
  for (let at = 0; at + stretch <= samples.length; at += stretch) {
    moved = Math.max(moved, Math.abs(meanOf(samples.slice(at, at + stretch)) - mean));
  }
  return {
    min: Math.min(...samples),
    max: Math.max(...samples),
    mean: Math.round(mean),
    movedPercent: percent(moved),
    driftPercent: percent(meanOf(samples.slice(-third)) - meanOf(samples.slice(0, third))),
  };
}

function meanOf(samples: readonly number[]): number {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}
