// Rerank in the form that most providers share: Cohere, Jina, Together, vLLM, SiliconFlow, Bedrock; and Voyage's of it.
// https://docs.cohere.com/reference/rerank and https://docs.voyageai.com/reference/reranker-api
import type { Origin } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { RerankRequest, RerankResponse } from "../../ir/operations.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded, EncodedRequest, OperationCodec, Quirks, Target } from "../dialect.ts";
import { decodeInputUsage } from "../embed-answer.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { createLosses, loseRefused, type Losses } from "../losses.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeInlineError } from "./error.ts";
import {
  dialectId,
  foreignFields,
  kindOf,
  noForm,
  optionalArray,
  optionalBoolean,
  optionalInteger,
  ownExt,
  reject,
  rejectMissing,
  requiredString,
  withExt,
} from "./wire.ts";

/** Marks a request in Voyage's form, whose answer has `data` for `results`. */
const dataForm = Symbol("data");

const requestKeys = new Set(["model", "query", "documents", "top_n", "top_k", "return_documents"]);
/** Names that only Voyage's clients send, null or not. */
const dataKeys = ["top_k", "truncation"];

/**
 * True for a body that its upstream must get in another form: Voyage's or the common one, or with `return_documents`,
 * which not all take, so that the gateway does it itself.
 */
export function hasOtherRerankForm(members: ReadonlyMap<string, unknown>, quirks: Quirks): boolean {
  const isData = dataKeys.some((key) => members.has(key));
  return isData !== (quirks.rerankResults === "data") || members.has("return_documents");
}

function decodeRequest({ json }: Body): Decoded<RerankRequest> {
  const topN = optionalInteger(json, "top_n") ?? optionalInteger(json, "top_k");
  if (topN !== undefined && topN < 1) reject("top_n", "expected at least 1");
  const returnDocuments = optionalBoolean(json, "return_documents");
  const isData = dataKeys.some((key) => Object.hasOwn(json, key));
  const extra = unknownFields(json, requestKeys) ?? {};
  const value: RerankRequest = {
    model: requiredString(json, "model"),
    query: decodeQuery(json),
    documents: decodeDocuments(json),
    ...(topN === undefined ? {} : { topN }),
    ...(returnDocuments === undefined ? {} : { returnDocuments }),
    ext: { [dialectId]: isData ? { ...extra, [dataForm]: true } : extra },
  };
  return { value, warnings: [] };
}

/** Jina's models also take `{ text }`. */
function decodeQuery(json: JsonObject): string {
  const query = field(json, "query");
  const text = isObject(query) ? field(query, "text") : query;
  if (typeof text === "string") return text;
  return query === undefined
    ? rejectMissing("query")
    : reject("query", `expected string, got ${kindOf(query)}`);
}

function decodeDocuments(json: JsonObject): RerankRequest["documents"] {
  const documents = optionalArray(json, "documents");
  if (!documents) return rejectMissing("documents");
  if (documents.length === 0) reject("documents", "expected at least one document");
  return documents.map((item, index) =>
    typeof item === "string" || isObject(item)
      ? item
      : reject(`documents[${index}]`, `expected string or object, got ${kindOf(item)}`),
  );
}

function encodeRequest(request: RerankRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  const { truncation, ...own } = ownExt(request.ext);
  const isData = target.quirks.rerankResults === "data";
  // What is too long is shortened everywhere unless told otherwise.
  if (truncation === false && !isData) losses.lose("truncation", noForm);
  const body: JsonObject = {
    model: target.model,
    query: request.query,
    documents: encodeDocuments(request, target, losses),
    ...(request.topN === undefined ? {} : { top_n: request.topN }),
    // The documents are at hand and need not travel back, see `encodeResponse`; some providers refuse the field.
    ...(isData && truncation !== undefined ? { truncation } : {}),
    ...own,
  };
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  // What a provider accepts of chat bodies says nothing of these.
  const { accepts: _, ...quirks } = target.quirks;
  loseRefused(body, { ...target, quirks }, losses);
  return { body: JSON.stringify(body), headers: {}, warnings: losses.warnings() };
}

/** @throws GatewayError `unsupported_feature` for an object without a text where only texts are taken */
function encodeDocuments(
  { documents, ext }: RerankRequest,
  { provider, quirks }: Target,
  losses: Losses,
): RerankRequest["documents"] {
  const ranked = ownExt(ext)["rank_fields"];
  if (quirks.rerank?.objects || ranked !== undefined) return documents;
  return documents.map((document, index) => {
    if (typeof document === "string") return document;
    const text = textOf(document);
    const path = `documents[${index}]`;
    if (text === undefined) {
      throw new GatewayError("unsupported_feature", `\`${provider}\` ranks texts only.`, {
        param: path,
      });
    }
    for (const key of Object.keys(document)) {
      if (key !== "text") losses.lose(`${path}.${key}`, "documents are texts here");
    }
    return text;
  });
}

const textOf = (document: Record<string, unknown>): string | undefined =>
  stringOr(field(document, "text"));

const answerKeys = new Set(["id", "object", "model", "results", "data", "usage", "meta"]);

/** @throws GatewayError `upstream_invalid`; the upstream's own error when it says one */
function decodeResponse(
  { json, text }: Body,
  _origin: Origin,
  request: RerankRequest,
): Decoded<RerankResponse> {
  const found = field(json, "results") ?? field(json, "data");
  if (!Array.isArray(found)) {
    if (field(json, "error") !== undefined || field(json, "message") !== undefined) {
      throw decodeInlineError(json);
    }
    throw invalidAnswer("The provider's answer has no `results`.", text);
  }
  const results = found.map((item: unknown) => decodeResult(item, request, text));
  const usage = decodeInputUsage(json);
  const id = stringOr(field(json, "id"));
  return {
    value: {
      ...(id === undefined ? {} : { id }),
      model: stringOr(field(json, "model")) ?? "",
      results: results.toSorted((left, right) => right.score - left.score),
      ...(usage ? { usage } : {}),
      ...withExt(unknownFields(json, answerKeys)),
    },
    warnings: [],
  };
}

type Result = RerankResponse["results"][number];

/** Bedrock spells the score `relevanceScore`. */
function decodeResult(item: unknown, { documents }: RerankRequest, text: string): Result {
  const result = isObject(item) ? item : {};
  const index = field(result, "index");
  const score = field(result, "relevance_score") ?? field(result, "relevanceScore");
  const isWhole =
    typeof index === "number" &&
    Object.hasOwn(documents, index) &&
    typeof score === "number" &&
    Number.isFinite(score);
  if (!isWhole) throw invalidAnswer("A result of the provider's answer ranks no document.", text);
  const document = field(result, "document");
  const isShown =
    typeof document === "string" || (isObject(document) && Object.keys(document).length > 0);
  return { index, score, ...(isShown ? { document } : {}) };
}

const encodeResponse: OperationCodec<RerankRequest, RerankResponse>["encodeResponse"] = (
  response,
  request,
  warn,
) => {
  for (const key of foreignFields(response.ext)) {
    warn({ field: key, reason: noForm, target: dialectId });
  }
  const isData = dataForm in ownExt(request.ext);
  const results = response.results.map(({ index, score, document }) => {
    const shown = request.returnDocuments ? (document ?? request.documents[index]) : undefined;
    return {
      index,
      relevance_score: score,
      ...(shown === undefined ? {} : { document: encodeDocument(shown, isData) }),
    };
  });
  const model = response.model || request.model;
  const total = response.usage?.input.total;
  const usage = total === undefined ? {} : { usage: { total_tokens: total } };
  if (isData) {
    return JSON.stringify({ object: "list", data: results, model, ...usage });
  }
  const units = response.usage?.serverTools["search_units"];
  const billed = {
    ...(units === undefined ? {} : { search_units: units }),
    ...(total ? { input_tokens: total } : {}),
  };
  return JSON.stringify({
    id: response.id ?? createId("rerank"),
    model,
    results,
    meta: { api_version: { version: "2" }, billed_units: billed },
    ...usage,
    ...ownExt(response.ext),
  });
};

/** Voyage shows a text as it is, all others in an object. */
function encodeDocument(document: string | Record<string, unknown>, isData: boolean): unknown {
  if (typeof document === "string") return isData ? document : { text: document };
  return isData ? (textOf(document) ?? document) : document;
}

export const rerank: OperationCodec<RerankRequest, RerankResponse> = {
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  maxInputs: 1000,
};
