// `length`: no more text than so many characters, or about so many tokens.
import { roughTokens } from "../../catalog/tokenizer.ts";
import type { Check } from "../guardrail.ts";

export interface LengthOptions {
  maxCharacters?: number;
  /** By rule of thumb, as the gateway's display has them. */
  maxTokens?: number;
}

/** Characters that are counted at once. */
const counted = 4_096;

export function lengthCheck({ maxCharacters, maxTokens }: LengthOptions): Check {
  return {
    by: "measure",
    create() {
      let characters = 0;
      let tokens = 0;
      // Each piece of a stream is rounded up, so that they are counted by many.
      let rest = "";
      return {
        add(text) {
          characters += text.length;
          if (maxCharacters !== undefined && characters > maxCharacters) return "characters";
          if (maxTokens === undefined) return null;
          rest += text;
          if (rest.length > counted) {
            tokens += roughTokens(rest);
            rest = "";
          }
          return tokens + roughTokens(rest) > maxTokens ? "tokens" : null;
        },
      };
    },
  };
}
