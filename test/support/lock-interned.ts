/** Gives equal things one small number, by a key that says everything about them. */
export class Interned<T> {
  readonly #ids = new Map<string, number>();
  readonly #values: T[] = [];

  idOf(key: string, value: T): number {
    const known = this.#ids.get(key);
    if (known !== undefined) {
      return known;
    }
    this.#ids.set(key, this.#values.length);
    return this.#values.push(value) - 1;
  }

  at(id: number): T {
    return this.#values[id] as T;
  }

  get size(): number {
    return this.#values.length;
  }
}

/** Numbers below 2^53 in the order they were added, each once. A hash table, because a Map ends at 2^24. */
export class Numbers {
  #values = new Float64Array(2 ** 10);
  /** By hash of the value: its index + 1; 0 where there is none. */
  #slots = new Int32Array(2 ** 12);
  size = 0;

  /** Its index: equal to the former `size` if it is new. */
  add(value: number): number {
    const slot = this.#slotOf(value);
    const known = this.#slots[slot] as number;
    if (known !== 0) {
      return known - 1;
    }
    this.#values[this.size] = value;
    this.size += 1;
    this.#slots[slot] = this.size;
    if (this.size === this.#values.length) {
      this.#grow();
    }
    return this.size - 1;
  }

  at(index: number): number {
    return this.#values[index] as number;
  }

  /** Where the value is, or would be. */
  #slotOf(value: number): number {
    const mask = this.#slots.length - 1;
    const low = value | 0;
    const high = (value / 2 ** 32) | 0;
    const mixed = Math.imul(low ^ (low >>> 15), 0x2c1b3c6d) + Math.imul(high, 0x297a2d39);
    for (let slot = (mixed ^ (mixed >>> 13)) & mask; ; slot = (slot + 1) & mask) {
      const index = this.#slots[slot] as number;
      if (index === 0 || this.#values[index - 1] === value) {
        return slot;
      }
    }
  }

  #grow(): void {
    const values = new Float64Array(this.#values.length * 2);
    values.set(this.#values);
    this.#values = values;
    this.#slots = new Int32Array(values.length * 4);
    for (let index = 0; index < this.size; index += 1) {
      this.#slots[this.#slotOf(values[index] as number)] = index + 1;
    }
  }
}
