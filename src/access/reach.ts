// What a caller's model names mean, which models it may use, and how it is usually routed: what routing must know of it.
import type { Aliases } from "../routing/aliases.ts";
import type { MayUse } from "../routing/allowed.ts";
import type { Principal } from "./authenticate.ts";
import { fits } from "./grants.ts";

export interface Reach {
  aliases?: Aliases;
  /** Absent: every model. */
  mayUse?: MayUse;
  /** Of its requests that wish no policy. */
  usualPolicy?: string;
}

/** @example reachOf({ key: "app", models: [["cheap", "openai/*"]] }).mayUse?.("fast", "openai/gpt-4o") // → true */
export function reachOf({ aliases, models = [], policy }: Principal): Reach {
  return {
    ...(aliases && { aliases }),
    ...(policy !== undefined && { usualPolicy: policy }),
    ...(models.length > 0 && {
      mayUse: (...names) =>
        models.every((list) => list.some((pattern) => names.some((name) => fits(pattern, name)))),
    }),
  };
}
