// What a caller's model names mean, and which models it may use: what routing must know of it.
import type { Aliases } from "../routing/aliases.ts";
import type { MayUse } from "../routing/allowed.ts";
import type { Principal } from "./authenticate.ts";
import { fits } from "./grants.ts";

export interface Reach {
  aliases?: Aliases;
  /** Absent: every model. */
  mayUse?: MayUse;
}

/** @example reachOf({ key: "app", models: [["cheap", "openai/*"]] }).mayUse?.("fast", "openai/gpt-4o") // → true */
export function reachOf({ aliases, models = [] }: Principal): Reach {
  return {
    ...(aliases && { aliases }),
    ...(models.length > 0 && {
      mayUse: (...names) =>
        models.every((list) => list.some((pattern) => names.some((name) => fits(pattern, name)))),
    }),
  };
}
