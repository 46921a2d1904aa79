// `x-megallm-warnings`: what was lost, in as many words as a header may have.
import type { Warning } from "../ir/warning.ts";

/** Longest value, bytes. */
const maxHeaderBytes = 4_096;

/** A JSON list that fits a header; what does not fit is counted. */
export function warningsText(warnings: readonly Warning[]): string {
  const kept: Warning[] = [];
  let text = "[]";
  for (const warning of warnings) {
    const longer = asciiJson([...kept, warning]);
    if (longer.length > maxHeaderBytes) {
      const rest = { field: "…", reason: `${warnings.length - kept.length} more`, target: "" };
      return asciiJson([...kept, rest]);
    }
    kept.push(warning);
    text = longer;
  }
  return text;
}

/** JSON in printable ASCII, as header values must be. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
