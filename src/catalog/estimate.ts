// How many tokens a text or a request has, when no provider says.
import type { ChatRequest, MediaSource, Part, Tool } from "../ir/chat.ts";
import { loadTokenizer, maxExact, type Tokenizer, windows, windowSize } from "./tokenizer.ts";

/** Windows taken from a longer text, evenly spread. */
const samples = 32;

/**
 * Tokens of a text in OpenAI's `o200k_base` encoding: exact but for unbroken runs of more than 128 characters,
 * and an extrapolation beyond 200,000 characters. Time is bounded whatever the text.
 */
export async function estimateTokens(text: string): Promise<number> {
  if (text === "") return 0;
  const tokenizer = await loadTokenizer();
  if (text.length <= maxExact) return countWindows(windows(text), tokenizer);
  const stride = Math.floor((text.length - windowSize) / (samples - 1));
  const parts = Array.from({ length: samples }, (_, index) => {
    const start = index * stride;
    return text.slice(start, start + windowSize);
  });
  const tokens = await countWindows(parts, tokenizer);
  return Math.round((tokens * text.length) / (samples * windowSize));
}

/** Tokens that each message and each call costs besides its content, as OpenAI counts them. */
const perMessage = 4;
const perRequest = 3;

/** Input tokens of a request: its texts, tools and framing, with a rule of thumb for media. */
export async function estimateRequestTokens(request: ChatRequest): Promise<number> {
  const { texts, tokens } = contentOf(request);
  return tokens + (await estimateTokens(texts.join("\n")));
}

/** UTF-8 bytes that one token stands for, on average over English, code and other scripts. */
const bytesPerToken = 4;

/** The same by rule of thumb, in microseconds and without the vocabulary: for display, never for accounts. */
export function roughRequestTokens(request: ChatRequest): number {
  const { texts, tokens } = contentOf(request);
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return tokens + Math.ceil(bytes / bytesPerToken);
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

async function countWindows(parts: Iterable<string>, tokenizer: Tokenizer): Promise<number> {
  let tokens = 0;
  let first = true;
  for (const part of parts) {
    // Long texts are counted beside other requests, not instead of them.
    if (!first) await pause();
    first = false;
    tokens += tokenizer.count(part);
  }
  return tokens;
}

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
