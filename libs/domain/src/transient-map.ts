/**
 * Objects that come and go all the time, each with a place of its own from `add` to `remove`. In a Map or Set that is old
 * they would all live on: V8 makes each next table of an old one, one for every few entries, in the old space too, and
 * what a table held when it was replaced is garbage only to a full collection, with everything that it leads to. An array
 * that is written over holds nothing back.
 */
export class TransientList<T extends object> {
  readonly #items: (T | undefined)[] = emptyList();
  readonly #free: number[] = [];

  get size(): number {
    return this.#items.length - this.#free.length;
  }

  /** Returns the place by which it is found and removed. */
  add(item: T): number {
    if (this.#free.length === 0) return this.#items.push(item) - 1;
    const place = this.#free.pop()!;
    this.#items[place] = item;
    return place;
  }

  /** The place must be taken. */
  at(place: number): T {
    return this.#items[place]!;
  }

  replace(place: number, item: T): void {
    this.#items[place] = item;
  }

  /** The place must be taken. */
  remove(place: number): void {
    this.#items[place] = undefined;
    this.#free.push(place);
  }

  /** In no order. What comes meanwhile may be among them. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let place = 0; place < this.#items.length; place++) {
      const item = this.#items[place];
      if (item !== undefined) yield item;
    }
  }
}

/**
 * An array that has held an object. To V8 a new one is a list of small numbers until its first object comes, and code
 * that was compiled for a list of objects is dropped where it meets such a one.
 */
export function emptyList<T>(): T[] {
  const list: unknown[] = [undefined];
  list.pop();
  return list as T[];
}

/** A Map by text of objects that come and go all the time: see {@link TransientList}. */
export class TransientMap<V extends object> {
  readonly #places = new Map<string, number>();
  readonly #list = new TransientList<V>();

  get size(): number {
    return this.#places.size;
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  get(key: string): V | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#list.at(place);
  }

  set(key: string, value: V): void {
    const place = this.#places.get(key);
    if (place === undefined) this.#places.set(key, this.#list.add(value));
    else this.#list.replace(place, value);
  }

  delete(key: string): boolean {
    const place = this.#places.get(key);
    if (place === undefined) return false;
    this.#places.delete(key);
    this.#list.remove(place);
    return true;
  }

  /** In the order in which they came, like a Map's; entries may go meanwhile. */
  *[Symbol.iterator](): IterableIterator<[string, V]> {
    for (const [key, place] of this.#places) yield [key, this.#list.at(place)];
  }

  *values(): IterableIterator<V> {
    for (const place of this.#places.values()) yield this.#list.at(place);
  }
}
