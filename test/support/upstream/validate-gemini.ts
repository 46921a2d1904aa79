// Judges the bodies of requests as Google does: the fields first, then what they mean together and what the model allows.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { refuseConfig } from "./gemini-config.ts";
import { fromFields, fromProto, invalidArgument } from "./gemini-error.ts";
import { geminiMessages, type Surface } from "./gemini-messages.ts";
import type { GeminiModel } from "./gemini-models.ts";
import { refuseGeminiTools } from "./gemini-tools.ts";
import {
  refuseCallOrder,
  refuseContents,
  refuseSignatures,
  type SignatureTerms,
} from "./gemini-turns.ts";
import { readProto, type Message } from "./google-proto.ts";
import { objects, textOf } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** A request as it was read, in camelCase, or why it is refused. */
export type Reading = { refusal: Refusal } | { body: JsonObject };

/** Nothing is trusted, and nothing is demanded beyond the vendor's own rules. */
export const plainSignatures: SignatureTerms = { trust: false, demand: false, issued: new Set() };

export interface GeminiTerms {
  surface: Surface;
  model: GeminiModel;
  signatures: SignatureTerms;
}

function read(json: unknown, message: Message, surface: Surface): Reading {
  if (json === undefined) {
    return {
      refusal: invalidArgument(
        "Invalid JSON payload received. Unexpected end of string. Expected a value.\n\n^",
      ),
    };
  }
  const { packageName } = geminiMessages(surface);
  const { value, faults } = readProto(message, json, packageName);
  return faults.length > 0 ? { refusal: fromProto(faults) } : { body: value };
}

/** Judges the body of `:generateContent` and `:streamGenerateContent`. */
export function readGenerate(json: unknown, terms: GeminiTerms): Reading {
  const reading = read(json, geminiMessages(terms.surface).generate, terms.surface);
  if ("refusal" in reading) return reading;
  const refusal = refuseGenerate(reading.body, terms);
  return refusal === undefined ? reading : { refusal };
}

function refuseGenerate(body: JsonObject, terms: GeminiTerms): Refusal | undefined {
  const { surface, model, signatures } = terms;
  return (
    refuseContents(body, surface) ??
    refuseCallOrder(body) ??
    refuseGeminiTools(body, model, surface) ??
    refuseConfig(body, model, surface) ??
    refuseCached(body, signatures.trust) ??
    refuseSignatures(body, model, surface, signatures)
  );
}

/** The double keeps no cached contents. */
function refuseCached(body: JsonObject, trust: boolean): Refusal | undefined {
  if (body["cachedContent"] === undefined) return undefined;
  const beside = ["systemInstruction", "tools", "toolConfig"].some(
    (key) => body[key] !== undefined,
  );
  if (beside) {
    return invalidArgument(
      "CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.\n\nProposed fix: move those values to CachedContent from GenerateContent request.",
    );
  }
  return trust
    ? undefined
    : {
        status: 403,
        type: "PERMISSION_DENIED",
        message: "CachedContent not found (or permission denied)",
      };
}

/** Judges the body of `:countTokens`; what is read is the request whose tokens are counted. */
export function readCount(json: unknown, terms: GeminiTerms): Reading {
  const reading = read(json, geminiMessages(terms.surface).count, terms.surface);
  if ("refusal" in reading) return reading;
  const { generateContentRequest: inner, ...plain } = reading.body;
  if (!isObject(inner)) {
    const refusal = refuseContents(plain, terms.surface);
    return refusal === undefined ? { body: plain } : { refusal };
  }
  if (plain["contents"] !== undefined) {
    return {
      refusal: fromFields([
        "CountTokensRequest.contents: only one of contents and generate_content_request may be set.",
      ]),
    };
  }
  const model = textOf(inner["model"])?.replace(/^models\//, "");
  if (model !== terms.model.version) {
    return {
      refusal: fromFields([
        "CountTokensRequest.generate_content_request.model: must be the model of the address.",
      ]),
    };
  }
  const refusal = refuseGenerate(inner, terms);
  return refusal === undefined ? { body: inner } : { refusal };
}

/** Judges the body of `:embedContent`; for `:batchEmbedContents`, the ones of its requests. */
export function readEmbed(json: unknown, terms: GeminiTerms, batch: boolean): Reading {
  const messages = geminiMessages(terms.surface);
  const reading = read(json, batch ? messages.batchEmbed : messages.embed, terms.surface);
  if ("refusal" in reading) return reading;
  const requests = batch ? objects(reading.body["requests"]) : [reading.body];
  const name = batch ? "BatchEmbedContentsRequest" : "EmbedContentRequest";
  if (requests.length === 0) {
    return { refusal: fromFields([`${name}.requests: requests is not specified`]) };
  }
  if (requests.length > 100) {
    return { refusal: fromFields([`${name}.requests: at most 100 requests can be in one batch`]) };
  }
  for (const [index, request] of requests.entries()) {
    const refusal = refuseEmbed(request, terms, batch ? `${name}.requests[${index}]` : name);
    if (refusal !== undefined) return { refusal };
  }
  return reading;
}

function refuseEmbed(request: JsonObject, terms: GeminiTerms, place: string): Refusal | undefined {
  const named = request["model"];
  // In a batch every request names the model.
  if ((named !== undefined || place.includes("[")) && named !== `models/${terms.model.version}`) {
    return fromFields([`${place}.model: unexpected model name format`]);
  }
  const content = isObject(request["content"]) ? request["content"] : {};
  if (objects(content["parts"]).length === 0) {
    return fromFields([`${place}.content: contents is not specified`]);
  }
  const size = request["outputDimensionality"];
  const most = terms.model.dimensions ?? 0;
  return typeof size === "number" && (size < 1 || size > most)
    ? fromFields([`${place}.output_dimensionality: must be between 1 and ${most}`])
    : undefined;
}
