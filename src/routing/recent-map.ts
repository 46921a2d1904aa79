// A map of bounded size: what was not used for the longest time goes first.

export interface RecentMap<V> {
  /** The value, which is now the most recently used. */
  get(key: string): V | undefined;
  /** The value, used or not: cheaper than `get`. */
  peek(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  /** Least recently used first. Looking does not count as use. */
  entries(): IterableIterator<[string, V]>;
  readonly size: number;
}

/** @param mayGo asked of the oldest when the map is full; those that must stay are passed over, the few oldest at a time */
export function createRecentMap<V>(
  maxSize: number,
  mayGo: (value: V) => boolean = () => true,
): RecentMap<V> {
  const map = new Map<string, V>();

  const makeRoom = (): void => {
    let looked = 0;
    for (const [key, value] of map) {
      looked += 1;
      if (!mayGo(value) && looked < mostLooked) continue;
      map.delete(key);
      return;
    }
  };

  return {
    get(key) {
      const value = map.get(key);
      if (value !== undefined) {
        map.delete(key);
        map.set(key, value);
      }
      return value;
    },
    peek: (key) => map.get(key),
    set(key, value) {
      map.delete(key);
      if (map.size >= maxSize) makeRoom();
      map.set(key, value);
    },
    delete: (key) => void map.delete(key),
    entries: () => map.entries(),
    get size() {
      return map.size;
    },
  };
}

/** Bounds the work of one `set`, and the map's size even where nothing may go. */
const mostLooked = 32;
