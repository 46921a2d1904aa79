// Parts of the representation written as parts of a request's content.
// https://ai.google.dev/api/caching#Part
import type {
  OpaquePart,
  Origin,
  Part,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Target } from "../dialect.ts";
import type { Losses } from "../losses.ts";
import { encodeInput } from "../tool-input.ts";
import { encodeResponse } from "./function-response.ts";
import { encodeMedia, type MediaPart, nameOf, ownOf, resolutionOf } from "./media.ts";
import { modelFamily, type ModelTraits } from "./model.ts";
import { escapeName, isMadeUp } from "./names.ts";
import { serverToolKeys } from "./part-decode.ts";
import { camel, dialectId, foreignFields, noForm, ownExt } from "./wire.ts";
import { wordOf } from "../fields.ts";

export interface PartScope {
  target: Target;
  traits: ModelTraits;
  losses: Losses;
  /** The client itself wrote this wire: its fields go out as it wrote them. */
  isNative: boolean;
  /** Names of the functions called so far, by the calls' ids. */
  names: ReadonlyMap<string, string>;
}

/** Parts for one part of a message; none where this wire has no form for it, which is noted as a loss. */
export function encodePart(part: Part, path: string, scope: PartScope): JsonObject[] {
  const { losses } = scope;
  const whole = serverToolPart(part);
  if (whole) return [{ ...whole, ...signed(part, path, scope) }];
  if (part.type !== "reasoning") {
    for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
    if (part.cache)
      losses.lose(`${path}.cache_control`, "Gemini caches by itself and takes no hints");
  }
  switch (part.type) {
    case "text":
      if (part.citations) losses.lose(`${path}.citations`, noForm);
      if (part.text === "" && !part.proof && !scope.isNative) return [];
      return [{ text: part.text, ...ownExt(part.ext), ...signed(part, path, scope) }];
    case "refusal":
      return part.text === "" ? [] : [{ text: part.text }];
    case "image":
    case "audio":
    case "file":
      return encodeMediaPart(part, path, scope);
    case "reasoning":
      return encodeReasoning(part, path, scope);
    case "tool-call":
      return encodeCall(part, path, scope);
    case "tool-result":
      return encodeResult(part, path, scope);
    case "opaque":
      return encodeOpaque(part, path, losses);
    default:
      return part satisfies never;
  }
}

/** What Google's servers ran themselves goes back as it came, but for its signature. */
export function serverToolPart(part: Part): JsonObject | undefined {
  if (part.type !== "tool-call" && part.type !== "tool-result") return undefined;
  const ext = ownExt(part.ext);
  const found = serverToolKeys.map((key) => ext[key]).find(isObject);
  if (!found) return undefined;
  const { thoughtSignature: _, ...rest } = camel(found);
  return rest;
}

/** Signatures go back only to where they were made; without a named origin the client sent them to this wire itself. */
function isReplayable(origin: Origin, { target }: PartScope): boolean {
  return (
    origin.dialect === dialectId &&
    (origin.provider === undefined || origin.provider === target.provider) &&
    (origin.model === undefined || modelFamily(origin.model) === modelFamily(target.model))
  );
}

function signed({ proof }: Part, path: string, scope: PartScope): JsonObject {
  if (!proof) return {};
  if (isReplayable(proof.origin, scope)) return { thoughtSignature: proof.signature };
  scope.losses.lose(
    `${path}.thoughtSignature`,
    "a signature that another provider or model made cannot be sent back",
  );
  return {};
}

function encodeReasoning(part: ReasoningPart, path: string, scope: PartScope): JsonObject[] {
  if (!isReplayable(part.origin, scope)) {
    scope.losses.lose(path, "reasoning that another provider or model made cannot be sent back");
    return [];
  }
  if (part.text === "" && part.signature === undefined) return [];
  const signature = part.signature === undefined ? {} : { thoughtSignature: part.signature };
  return [{ text: part.text, thought: true, ...ownExt(part.ext), ...signature }];
}

function encodeMediaPart(part: MediaPart, path: string, scope: PartScope): JsonObject[] {
  const { losses, traits } = scope;
  const encoded = encodeMedia(part, scope);
  if (typeof encoded === "string") {
    losses.lose(path, encoded);
    return [];
  }
  const detail = part.type === "image" && part.detail !== "auto" ? part.detail : undefined;
  const level =
    detail === undefined || !traits.hasPartResolution ? undefined : resolutionOf(detail);
  if (detail !== undefined && level === undefined) losses.lose(`${path}.detail`, noForm);
  if (part.type === "file" && part.context !== undefined) losses.lose(`${path}.context`, noForm);
  const isNamed = scope.isNative || part.source.kind === "text";
  if (!isNamed && nameOf(part) !== undefined) losses.lose(`${path}.filename`, noForm);
  return [
    {
      ...encoded,
      ...(level === undefined ? {} : { mediaResolution: { level } }),
      ...ownOf(part),
      ...signed(part, path, scope),
    },
  ];
}

function encodeOpaque(part: OpaquePart, path: string, losses: Losses): JsonObject[] {
  if (part.origin === dialectId && isObject(part.raw)) return [{ ...part.raw }];
  const type = isObject(part.raw) ? wordOf(part.raw["type"]) : "unknown";
  losses.lose(path, `only its own API understands \`${type}\``);
  return [];
}

function encodeCall(part: ToolCallPart, path: string, scope: PartScope): JsonObject[] {
  const { losses } = scope;
  if (part.executor === "provider") {
    losses.lose(path, `the call of \`${part.name}\` was run by another provider`);
    return [];
  }
  const { input, problem } = encodeInput(part);
  if (problem !== undefined) losses.lose(`${path}.input`, `${problem}; they are sent as \`input\``);
  return [
    {
      functionCall: {
        ...(isMadeUp(part.id) ? {} : { id: part.id }),
        name: escapeName(part.name),
        args: input,
      },
      ...ownExt(part.ext),
      ...signed(part, path, scope),
    },
  ];
}

/** Types that a function's result may hold: https://ai.google.dev/gemini-api/docs/function-calling#multimodal */
const resultTypes = new Set([
  "image/png",
  "image/jpeg",
  "image/webp",
  "application/pdf",
  "text/plain",
]);

function encodeResult(part: ToolResultPart, path: string, scope: PartScope): JsonObject[] {
  const { losses, names, traits } = scope;
  const texts = part.parts.flatMap((inner) => (inner.type === "text" ? [inner.text] : []));
  const inside: JsonObject[] = [];
  const beside: JsonObject[] = [];
  for (const [index, inner] of part.parts.entries()) {
    const place = `${path}.content[${index}]`;
    if (inner.type === "text") continue;
    for (const encoded of encodePart(inner, place, scope)) {
      const isOwn = inner.type === "opaque";
      (isOwn || (traits.hasResultMedia && isResultMedia(encoded)) ? inside : beside).push(encoded);
    }
  }
  const name = names.get(part.callId);
  if (name === undefined) {
    losses.lose(
      path,
      `the tool result \`${part.callId.slice(0, 60)}\` answers no call of this conversation: it is sent as text`,
    );
    const text = `Result of tool call ${part.callId}:\n${texts.join("\n")}`;
    return [{ text }, ...inside, ...beside];
  }
  const isBare = texts.length === 0 && inside.length + beside.length > 0;
  const text = isBare && !scope.isNative ? "The result is attached." : texts.join("\n");
  const { scheduling, willContinue, ...outer } = ownExt(part.ext);
  return [
    {
      functionResponse: {
        ...(isMadeUp(part.callId) ? {} : { id: part.callId }),
        name: escapeName(name),
        response: isBare && scope.isNative ? {} : encodeResponse(text, part.isError),
        ...(inside.length > 0 ? { parts: inside } : {}),
        ...(scheduling === undefined ? {} : { scheduling }),
        ...(willContinue === undefined ? {} : { willContinue }),
      },
      ...outer,
    },
    ...beside,
  ];
}

function isResultMedia(encoded: JsonObject): boolean {
  const data = [encoded["inlineData"], encoded["fileData"]].find(isObject);
  return (
    Object.keys(encoded).length === 1 &&
    data !== undefined &&
    resultTypes.has(wordOf(data["mimeType"]))
  );
}
