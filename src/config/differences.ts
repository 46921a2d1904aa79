// What differs between two configurations as they are written, place by place and without secrets.
import { placeKey } from "./document.ts";
import { formatPath } from "./problems.ts";
import { leavesOf, type Places, shownAt } from "./written.ts";

export interface Difference {
  /** E.g. `providers.openai.base_url`. */
  readonly path: string;
  /** As it may be shown; absent: nothing stands there. */
  readonly before?: unknown;
  readonly after?: unknown;
}

/** In the order of `after`, then what is gone. A secret that changed is among them, also where its end did not. */
export function differencesOf(before: unknown, after: unknown, places: Places): Difference[] {
  const old = new Map(leavesOf(before).map((leaf) => [placeKey(leaf.path), leaf]));
  const found: Difference[] = [];
  for (const { path, value } of leavesOf(after)) {
    const known = old.get(placeKey(path));
    old.delete(placeKey(path));
    if (known && known.value === value) continue;
    found.push({
      path: formatPath(path),
      ...(known && { before: shownAt(known.value, path, places) }),
      after: shownAt(value, path, places),
    });
  }
  for (const { path, value } of old.values()) {
    found.push({ path: formatPath(path), before: shownAt(value, path, places) });
  }
  return found;
}
