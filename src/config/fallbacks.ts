// Fallbacks as they are written: a list, or one for each kind of failure.
import type { Path } from "../lib/json.ts";
import type { Fallbacks } from "./config.ts";
import type { ParsedConfig } from "./schema.ts";

type ParsedFallbacks = ParsedConfig["default_fallbacks"];

/** A list without kinds is the general one. */
export function readFallbacks(written: ParsedFallbacks): Fallbacks {
  if (!written) return {};
  if (Array.isArray(written)) return { general: written };
  const { general, context_window, content_policy } = written;
  return {
    ...(general && { general }),
    ...(context_window && { context_window }),
    ...(content_policy && { content_policy }),
  };
}

/** Each with its place in the configuration. */
export function listedIn(written: ParsedFallbacks, at: Path): { target: string; path: Path }[] {
  const placed = (names: readonly string[], place: Path) =>
    names.map((target, index) => ({ target, path: [...place, index] }));
  if (Array.isArray(written)) return placed(written, at);
  return Object.entries(readFallbacks(written)).flatMap(([kind, names]) =>
    placed(names, [...at, kind]),
  );
}
