// What an Anthropic prompt counts, and which starts of it are cached.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { Prefix, PromptCache } from "./prompt-cache.ts";
import { objects } from "./shape.ts";
import { countValue } from "./tokens.ts";
import type { StatedUsage } from "./upstream.ts";

export interface PromptUsage {
  /** The whole prompt, cached parts included. */
  input: number;
  read: number;
  write5m: number;
  write1h: number;
}

/** A block of the prompt in the order the vendor reads it; `ttl` where a cache breakpoint follows it. */
interface Segment {
  text: string;
  tokens: number;
  ttl?: string;
}

const perMessage = 3;

/** Tokens of the whole prompt. */
export const countPrompt = (body: JsonObject): number =>
  [...segments(body)].reduce((sum, segment) => sum + segment.tokens, 0);

/**
 * Reads and writes the cache for one request, and tells what it counts.
 * https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export function usePrompt(
  body: JsonObject,
  model: string,
  cache: PromptCache,
  stated: StatedUsage,
): PromptUsage {
  const prefixes: (Prefix & { ttl?: string })[] = [];
  let text = model;
  let tokens = 0;
  for (const segment of segments(body)) {
    text += `\n${segment.text}`;
    tokens += segment.tokens;
    prefixes.push({ text, tokens, ttl: segment.ttl });
  }
  const last = prefixes.findLastIndex((prefix) => prefix.ttl !== undefined);
  const reachable = prefixes.slice(0, last + 1);
  const usage: PromptUsage = { input: tokens, read: cache.read(reachable), write5m: 0, write1h: 0 };
  let known = usage.read;
  for (const prefix of reachable) {
    if (prefix.ttl === undefined || prefix.tokens <= known || !cache.keeps(prefix)) continue;
    if (prefix.ttl === "1h") usage.write1h += prefix.tokens - known;
    else usage.write5m += prefix.tokens - known;
    known = prefix.tokens;
  }
  cache.write(reachable.filter((prefix) => prefix.tokens <= known));
  return {
    input: stated.input ?? usage.input,
    read: stated.cached ?? (stated.input === undefined ? usage.read : 0),
    write5m: stated.cacheWrite5m ?? (stated.input === undefined ? usage.write5m : 0),
    write1h: stated.cacheWrite1h ?? (stated.input === undefined ? usage.write1h : 0),
  };
}

function* segments(body: JsonObject): Generator<Segment> {
  const all = [...listed(body)];
  const automatic = isObject(body["cache_control"]) ? ttlOf(body["cache_control"]) : undefined;
  for (const [index, segment] of all.entries()) {
    yield index === all.length - 1 && automatic !== undefined
      ? { ...segment, ttl: automatic }
      : segment;
  }
}

function* listed(body: JsonObject): Generator<Segment> {
  for (const tool of objects(body["tools"])) yield toSegment(tool, "tool");
  if (typeof body["system"] === "string") yield toSegment({ text: body["system"] }, "system");
  for (const block of objects(body["system"])) yield toSegment(block, "system");
  for (const message of objects(body["messages"])) {
    const role = String(message["role"]);
    const { content } = message;
    const blocks =
      typeof content === "string" ? [{ type: "text", text: content }] : objects(content);
    for (const [at, block] of blocks.entries()) {
      const one = toSegment(block, role);
      yield at === 0 ? { ...one, tokens: one.tokens + perMessage } : one;
    }
  }
}

function toSegment(block: JsonObject, owner: string): Segment {
  const { cache_control: control, ...content } = block;
  const { type: _, ...counted } = content;
  return {
    text: `${owner} ${JSON.stringify(content)}`,
    tokens: countValue(counted),
    ...(isObject(control) ? { ttl: ttlOf(control) } : {}),
  };
}

/** The lifetime a breakpoint asks for. */
export const ttlOf = (control: JsonObject): string => (control["ttl"] === "1h" ? "1h" : "5m");
