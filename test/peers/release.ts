/** Something to end or to close. */
type Release = () => Promise<unknown>;

/**
 * For a `describe`: what is handed to the returned function is released after its last test, the newest
 * first, and the rest also when one fails. What a skipped or failed `before` never started is not asked for.
 */
export function releasedAfter(): (release: Release) => void {
  const releases: Release[] = [];
  after(async () => {
    const failures: unknown[] = [];
    for (const release of releases.splice(0).reverse()) {
      await release().catch((reason: unknown) => failures.push(reason));
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
  });
  return (release) => void releases.push(release);
}
