// `regex`: whatever fits one of the operator's patterns.
import { compilePattern } from "../../lib/pattern-scan.ts";
import type { Check } from "../guardrail.ts";
import { createMatcher } from "../matcher.ts";

/** @throws PatternError; the configuration has refused such patterns before */
export function regexCheck(patterns: readonly string[]): Check {
  const programs = patterns.map(compilePattern);
  return {
    by: "match",
    matchers: () => programs.map((program) => createMatcher({ kind: "pattern", program })),
  };
}
