// A queue of units by key, greatest first, then smallest index; old entries of a unit are skipped by the caller.

export class UnitHeap {
  #keys: number[] = [];
  #units: number[] = [];

  push(key: number, unit: number): void {
    let at = this.#units.length;
    this.#keys.push(key);
    this.#units.push(unit);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#before(at, above)) break;
      this.#swap(at, above);
      at = above;
    }
  }

  /** The greatest entry, taken out; undefined when there is none. */
  pop(): { key: number; unit: number } | undefined {
    const [key, unit] = [this.#keys[0], this.#units[0]];
    if (key === undefined || unit === undefined) return undefined;
    this.#swap(0, this.#units.length - 1);
    this.#keys.pop();
    this.#units.pop();
    this.#sink();
    return { key, unit };
  }

  #sink(): void {
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let best = at;
      if (left < this.#units.length && this.#before(left, best)) best = left;
      if (right < this.#units.length && this.#before(right, best)) best = right;
      if (best === at) return;
      this.#swap(at, best);
      at = best;
    }
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#keys[a] ?? 0, this.#keys[b] ?? 0];
    return x > y || (x === y && (this.#units[a] ?? 0) < (this.#units[b] ?? 0));
  }

  #swap(a: number, b: number): void {
    [this.#keys[a], this.#keys[b]] = [this.#keys[b] ?? 0, this.#keys[a] ?? 0];
    [this.#units[a], this.#units[b]] = [this.#units[b] ?? 0, this.#units[a] ?? 0];
  }
}
