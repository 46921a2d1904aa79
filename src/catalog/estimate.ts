// How many tokens a text or a request has, when no provider says.
import type { ChatRequest, MediaSource, Part, Tool } from "../ir/chat.ts";

/** Text up to here is counted whole; longer text by samples. Characters (UTF-16 units). */
const maxExact = 200_000;
/** Characters counted without a pause: the event loop gets its turn in between. */
const windowSize = 4_096;
/** Windows taken from a longer text, evenly spread. */
const samples = 32;

/**
 * Tokens of a text in OpenAI's `o200k_base` encoding: exact but for unbroken runs of more than 128 characters,
 * and an extrapolation beyond 200,000 characters. Time is bounded whatever the text.
 */
export async function estimateTokens(text: string): Promise<number> {
  if (text === "") return 0;
  const count = await tokenizer();
  if (text.length <= maxExact) return countWindows(windows(text), count);
  const stride = Math.floor((text.length - windowSize) / (samples - 1));
  const parts = Array.from({ length: samples }, (_, index) => {
    const start = index * stride;
    return text.slice(start, start + windowSize);
  });
  const tokens = await countWindows(parts, count);
  return Math.round((tokens * text.length) / (samples * windowSize));
}

/** Tokens that each message and each call costs besides its content, as OpenAI counts them. */
const perMessage = 4;
const perRequest = 3;

/** Input tokens of a request: its texts, tools and framing, with a rule of thumb for media. */
export async function estimateRequestTokens(request: ChatRequest): Promise<number> {
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
  return tokens + (await estimateTokens(texts.filter((text) => text !== "").join("\n")));
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

type Count = (text: string) => number;
let loading: Promise<Count> | undefined;

/** Loaded on first use: the vocabulary is large (100 MB of memory), and many runs never need it. */
function tokenizer(): Promise<Count> {
  loading ??= loadTokenizer();
  return loading;
}

async function loadTokenizer(): Promise<Count> {
  const { countTokens, setMergeCacheSize } = await import("gpt-tokenizer/encoding/o200k_base");
  // The cache holds pieces of what people wrote, so it is kept small.
  setMergeCacheSize(10_000);
  // Text that spells a special token, e.g. `<|endoftext|>`, is text.
  const options = { disallowedSpecial: new Set<string>() };
  return (text) => countTokens(text, options);
}

/** Pieces of about {@link windowSize} characters, cut at white space where there is some. */
function* windows(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    let end = Math.min(start + windowSize, text.length);
    if (end < text.length) {
      const space = text.lastIndexOf(" ", end);
      if (space > start + windowSize / 2) end = space;
      else if (isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
    }
    yield text.slice(start, end);
    start = end;
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;

async function countWindows(parts: Iterable<string>, count: Count): Promise<number> {
  let tokens = 0;
  let first = true;
  for (const part of parts) {
    // Long texts are counted beside other requests, not instead of them.
    if (!first) await pause();
    first = false;
    for (const piece of pieces(part)) tokens += count(piece);
  }
  return tokens;
}

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The tokenizer's time grows with the square of an unbroken run, so long runs are cut (fault S43). */
const pieces = (text: string): readonly string[] =>
  /\S{129}|\s{129}/u.test(text) ? (text.match(/\s{0,128}\S{1,128}|\s{1,128}/gu) ?? []) : [text];
