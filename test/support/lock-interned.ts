/** Gives equal things one small number. */
export class Interned<T> {
  readonly #ids = new Map<string, number>();
  readonly #values: T[] = [];

  idOf(key: string, value: T): number {
    const known = this.#ids.get(key);
    if (known !== undefined) {
      return known;
    }
    const id = this.#values.length;
    this.#ids.set(key, id);
    this.#values.push(value);
    return id;
  }

  at(id: number): T {
    return this.#values[id] as T;
  }

  get size(): number {
    return this.#values.length;
  }
}
