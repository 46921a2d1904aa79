// Pure functions of a text that are asked the same few questions again and again.

/** More texts than a gateway has upstreams; beyond it everything is worked out anew. */
const maxRemembered = 1_000;

/** `work`, which must depend on its text alone, done once for each text. What it throws is not kept. */
export function remembered<T>(work: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined || known.has(text)) return found as T;
    const made = work(text);
    if (known.size >= maxRemembered) known.clear();
    known.set(text, made);
    return made;
  };
}
