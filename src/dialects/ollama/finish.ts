// Done reasons, both ways.
import type { Finish, FinishReason } from "../../ir/chat.ts";

const meanings: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  length: "length",
  // The request had no prompt: the model was loaded or unloaded, nothing more.
  load: "stop",
  unload: "stop",
};

/** `calls`: the answer calls a tool, which this wire ends with `stop`. Servers before 0.1.38 give no reason. */
export function decodeFinish(word: string | undefined, calls: boolean): Finish {
  const known = word !== undefined && Object.hasOwn(meanings, word);
  const meaning = (known ? meanings[word] : undefined) ?? (word ? "other" : "stop");
  return {
    reason: calls && meaning === "stop" ? "tool-calls" : meaning,
    ...(word ? { raw: word } : {}),
  };
}

export interface EncodedFinish {
  word: string;
  /** What the word does not tell. */
  loss?: string;
}

export function encodeFinish({ reason, raw }: Finish): EncodedFinish {
  switch (reason) {
    case "stop":
    case "tool-calls":
      return { word: raw === "load" || raw === "unload" ? raw : "stop" };
    case "length":
    case "context-window":
      return { word: "length" };
    case "other":
      return { word: "stop" };
    case "content-filter":
    case "refusal":
    case "pause":
      return { word: "stop", loss: `Ollama has no word for \`${reason}\`` };
    default:
      return reason satisfies never;
  }
}
