// How many tokens a text or a request has, when no provider says.
import type { ChatRequest, MediaSource, Part, Tool } from "../ir/chat.ts";
import { loadTokenizer } from "./load-tokenizer.ts";
import { maxExact, roughTokens } from "./tokenizer.ts";

/** Samples taken from a longer text, evenly spread, and their length. */
const samples = 32;
const sampleLength = 4_096;

/**
 * Tokens of a text in OpenAI's `o200k_base` encoding, counted as `Tokenizer` says, and an extrapolation beyond
 * 200,000 characters. Time is bounded whatever the text, and others are let in.
 */
export async function estimateTokens(text: string): Promise<number> {
  if (text === "") return 0;
  const tokenizer = await loadTokenizer();
  if (text.length <= maxExact) return tokenizer.count(text);
  const stride = Math.floor((text.length - sampleLength) / (samples - 1));
  const counts = await Promise.all(
    Array.from({ length: samples }, (_, index) =>
      tokenizer.count(text.slice(index * stride, index * stride + sampleLength)),
    ),
  );
  const tokens = counts.reduce((sum, count) => sum + count, 0);
  return Math.round((tokens * text.length) / (samples * sampleLength));
}

/** Tokens that each message and each call costs besides its content, as OpenAI counts them. */
const perMessage = 4;
const perRequest = 3;

/** Input tokens of a request: its texts, tools and framing, with a rule of thumb for media. */
export async function estimateRequestTokens(request: ChatRequest): Promise<number> {
  const { texts, tokens } = contentOf(request);
  return tokens + (await estimateTokens(texts.join("\n")));
}

/** The same by rule of thumb, in microseconds and without the vocabulary: for display, never for accounts. */
export function roughRequestTokens(request: ChatRequest): number {
  const { texts, tokens } = contentOf(request);
  return texts.reduce((sum, text) => sum + roughTokens(text), tokens);
}

/** The texts of a request, and the tokens of all that is not text. */
function contentOf(request: ChatRequest): { texts: string[]; tokens: number } {
  const texts: string[] = [];
  let tokens = perRequest;
  const visit = (part: Part): void => {
    switch (part.type) {
      case "text":
      case "refusal":
      case "reasoning":
        texts.push(part.text);
        return;
      case "image":
        tokens += part.detail === "low" ? 85 : 1_000;
        return;
      case "audio":
        tokens += Math.ceil(mediaBytes(part.source) / 2_000);
        return;
      case "file":
        if (part.source.kind === "text") texts.push(part.source.text);
        else tokens += Math.max(1_000, Math.ceil(mediaBytes(part.source) / 40));
        return;
      case "tool-call":
        texts.push(part.name, part.args);
        return;
      case "tool-result":
        for (const inner of part.parts) visit(inner);
        return;
      case "opaque":
        texts.push(JSON.stringify(part.raw) ?? "");
        return;
      default:
        part satisfies never;
    }
  };
  for (const message of request.messages) {
    tokens += perMessage;
    for (const part of message.parts) visit(part);
  }
  for (const tool of request.tools) texts.push(toolText(tool));
  if (request.responseFormat?.type === "json-schema") {
    texts.push(JSON.stringify(request.responseFormat.schema) ?? "");
  }
  return { texts: texts.filter((text) => text !== ""), tokens };
}

const mediaBytes = (source: MediaSource): number =>
  source.kind === "base64" ? (source.data.length * 3) / 4 : 0;

function toolText(tool: Tool): string {
  switch (tool.type) {
    case "function":
      return `${tool.name} ${tool.description ?? ""} ${JSON.stringify(tool.parameters) ?? ""}`;
    case "custom":
      return `${tool.name} ${tool.description ?? ""} ${JSON.stringify(tool.format) ?? ""}`;
    case "provider":
      return JSON.stringify(tool.raw) ?? "";
    default:
      return tool satisfies never;
  }
}
