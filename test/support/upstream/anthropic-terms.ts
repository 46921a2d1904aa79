// What besides the body an Anthropic request is judged by.
import { findClaudeModel, type ClaudeModel } from "./anthropic-models.ts";
import { isSealed, verifyThinking } from "./signature.ts";
import type { ThinkingSeal } from "./anthropic-turns.ts";

export interface AnthropicTerms {
  /** `anthropic-version`. */
  version: string;
  /** Names in `anthropic-beta`; `any` takes every beta field. */
  betas: ReadonlySet<string> | "any";
  find(name: string): ClaudeModel | undefined;
  seal: ThinkingSeal;
}

/** The oldest version still spoken, this vendor's own models, and only thinking that this process signed. */
export const plainTerms: AnthropicTerms = {
  version: "2023-06-01",
  betas: new Set(),
  find: findClaudeModel,
  seal: { verify: verifyThinking, isSealed },
};
