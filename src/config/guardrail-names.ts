// Every guardrail that a route or a key names must be there: one that is missing would protect nobody.
import type { Path } from "../lib/json.ts";
import { didYouMean, quoted } from "./problems.ts";
import type { Resolution } from "./providers.ts";
import type { ParsedConfig } from "./schema.ts";

/** `written`: all names in the file, also of those that have a problem of their own. */
export function checkGuardrails(
  parsed: Pick<ParsedConfig, "keys" | "models">,
  written: ReadonlySet<string>,
  resolution: Resolution,
): void {
  const check = (names: readonly string[] | undefined, path: Path): void => {
    for (const [at, name] of (names ?? []).entries()) {
      if (written.has(name)) continue;
      resolution.problem(
        [...path, "guardrails", at],
        `no guardrail is named ${quoted(name)}`,
        didYouMean(name, [...written]) ?? "add it under `guardrails`",
      );
    }
  };
  for (const [name, route] of Object.entries(parsed.models)) {
    if (typeof route !== "string") check(route.guardrails, ["models", name]);
  }
  for (const [name, key] of Object.entries(parsed.keys)) check(key.guardrails, ["keys", name]);
}
