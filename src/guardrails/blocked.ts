// What a caller is told of a guardrail that blocks: never what it looks for, nor what it has found.
import { GatewayError } from "../ir/error.ts";
import type { Direction, Finding, Guardrail } from "./guardrail.ts";

const words: Readonly<Record<Direction, string>> = {
  input: "The request was blocked by a guardrail.",
  output: "The answer was withheld by a guardrail.",
};

/** The error for the first of the findings that blocks. */
export function blockedBy(finding: Finding, guardrails: readonly Guardrail[]): GatewayError {
  const found = guardrails.find(({ settings }) => settings.name === finding.guardrail);
  return new GatewayError("guardrail_blocked", found?.settings.message ?? words[finding.direction]);
}
