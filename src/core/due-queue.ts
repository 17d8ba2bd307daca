/** Items by the instant they are due, the earliest first (a binary heap); each item is in it once at most. */
export class DueQueue<T> {
  readonly #heap: { item: T; at: number }[] = [];
  readonly #places = new Map<T, number>();

  get size(): number {
    return this.#heap.length;
  }

  /** The item that is due first, and when (epoch ms). */
  get first(): { readonly item: T; readonly at: number } | undefined {
    return this.#heap[0];
  }

  /** Puts `item` in, or moves it. */
  set(item: T, at: number): void {
    const place = this.#places.get(item);
    if (place === undefined) {
      this.#heap.push({ item, at });
      this.#places.set(item, this.#heap.length - 1);
      this.#rise(this.#heap.length - 1);
      return;
    }
    this.#put(place, { item, at });
    this.#sink(this.#rise(place));
  }

  delete(item: T): boolean {
    const place = this.#places.get(item);
    if (place === undefined) return false;
    this.#places.delete(item);
    const last = this.#heap.pop();
    if (last !== undefined && last.item !== item) {
      this.#put(place, last);
      this.#sink(this.#rise(place));
    }
    return true;
  }

  /** Takes out the item that is due first, if it is due at `now`. */
  takeDue(now: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.delete(first.item);
    return first.item;
  }

  clear(): void {
    this.#heap.length = 0;
    this.#places.clear();
  }

  #put(place: number, entry: { item: T; at: number }): void {
    this.#heap[place] = entry;
    this.#places.set(entry.item, place);
  }

  #rise(place: number): number {
    const entry = this.#heap[place];
    if (entry === undefined) return place;
    let here = place;
    while (here > 0) {
      const above = (here - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || parent.at <= entry.at) break;
      this.#put(here, parent);
      here = above;
    }
    this.#put(here, entry);
    return here;
  }

  #sink(place: number): void {
    const entry = this.#heap[place];
    if (entry === undefined) return;
    let here = place;
    for (;;) {
      const left = this.#heap[2 * here + 1];
      const right = this.#heap[2 * here + 2];
      const below =
        right !== undefined && left !== undefined && right.at < left.at ? 2 * here + 2 : 2 * here + 1;
      const child = this.#heap[below];
      if (child === undefined || child.at >= entry.at) break;
      this.#put(here, child);
      here = below;
    }
    this.#put(here, entry);
  }
}
