// What requests can set: reasoning, form of the answer, sampling, the account, and what a vendor alone has.
import type { ChatRequest, DialectId, Settings } from "../../src/ir/chat.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import { fields, plainest, toolOf, withTools } from "./bodies.ts";
import { own, partsOf, type RequestFeature } from "./feature.ts";

const schema = {
  type: "object",
  properties: { a: { type: "string" } },
  required: ["a"],
  additionalProperties: false,
};

const setting =
  (name: keyof Settings) =>
  ({ settings }: ChatRequest): unknown =>
    settings[name];

/** Settings that wires spell as one plain field each. */
const simple = (
  name: keyof Settings,
  title: string,
  each: Partial<Record<DialectId, JsonObject>>,
): RequestFeature => ({
  group: "Sampling and limits",
  name: title,
  read: setting(name),
  forms: fields(each),
});

/** In the nested object where a wire keeps its settings. */
const gemini = (config: JsonObject): JsonObject => ({ generationConfig: config });
const options = (set: JsonObject): JsonObject => ({ options: set });
const inference = (config: JsonObject): JsonObject => ({ inferenceConfig: config });

const sampling: RequestFeature[] = [
  simple("maxOutputTokens", "output limit", {
    "openai-chat": { max_tokens: 500 },
    "openai-responses": { max_output_tokens: 500 },
    "anthropic-messages": { max_tokens: 500 },
    gemini: gemini({ maxOutputTokens: 500 }),
    ollama: options({ num_predict: 500 }),
    "bedrock-converse": inference({ maxTokens: 500 }),
    cohere: { max_tokens: 500 },
  }),
  simple("temperature", "temperature up to 1", {
    "openai-chat": { temperature: 0.5 },
    "openai-responses": { temperature: 0.5 },
    "anthropic-messages": { temperature: 0.5 },
    gemini: gemini({ temperature: 0.5 }),
    ollama: options({ temperature: 0.5 }),
    "bedrock-converse": inference({ temperature: 0.5 }),
    cohere: { temperature: 0.5 },
  }),
  simple("temperature", "temperature above 1", {
    "openai-chat": { temperature: 1.5 },
    "openai-responses": { temperature: 1.5 },
    gemini: gemini({ temperature: 1.5 }),
    ollama: options({ temperature: 1.5 }),
  }),
  simple("topP", "top_p", {
    "openai-chat": { top_p: 0.5 },
    "openai-responses": { top_p: 0.5 },
    "anthropic-messages": { top_p: 0.5 },
    gemini: gemini({ topP: 0.5 }),
    ollama: options({ top_p: 0.5 }),
    "bedrock-converse": inference({ topP: 0.5 }),
    cohere: { p: 0.5 },
  }),
  simple("topK", "top_k", {
    "anthropic-messages": { top_k: 40 },
    gemini: gemini({ topK: 40 }),
    ollama: options({ top_k: 40 }),
    "bedrock-converse": { additionalModelRequestFields: { top_k: 40 } },
    cohere: { k: 40 },
  }),
  simple("stop", "stop sequences", {
    "openai-chat": { stop: ["END"] },
    "anthropic-messages": { stop_sequences: ["END"] },
    gemini: gemini({ stopSequences: ["END"] }),
    ollama: options({ stop: ["END"] }),
    "bedrock-converse": inference({ stopSequences: ["END"] }),
    cohere: { stop_sequences: ["END"] },
  }),
  simple("seed", "seed", {
    "openai-chat": { seed: 7 },
    gemini: gemini({ seed: 7 }),
    ollama: options({ seed: 7 }),
    cohere: { seed: 7 },
  }),
  simple("frequencyPenalty", "frequency penalty", {
    "openai-chat": { frequency_penalty: 0.5 },
    gemini: gemini({ frequencyPenalty: 0.5 }),
    ollama: options({ frequency_penalty: 0.5 }),
    cohere: { frequency_penalty: 0.5 },
  }),
  simple("presencePenalty", "presence penalty", {
    "openai-chat": { presence_penalty: 0.5 },
    gemini: gemini({ presencePenalty: 0.5 }),
    ollama: options({ presence_penalty: 0.5 }),
    cohere: { presence_penalty: 0.5 },
  }),
  simple("candidateCount", "several answers (n)", {
    "openai-chat": { n: 2 },
    gemini: gemini({ candidateCount: 2 }),
  }),
  simple("logprobs", "log probabilities", {
    "openai-chat": { logprobs: true },
    "openai-responses": { include: ["message.output_text.logprobs"] },
    gemini: gemini({ responseLogprobs: true }),
    ollama: { logprobs: true },
    cohere: { logprobs: true },
  }),
  {
    group: "Sampling and limits",
    name: "alternatives of log probabilities",
    read: ({ settings }) => settings.logprobs?.top,
    forms: fields({
      "openai-chat": { logprobs: true, top_logprobs: 3 },
      "openai-responses": { include: ["message.output_text.logprobs"], top_logprobs: 3 },
      gemini: gemini({ responseLogprobs: true, logprobs: 3 }),
      ollama: { logprobs: true, top_logprobs: 3 },
    }),
  },
  {
    group: "Sampling and limits",
    name: "logit bias",
    read: own("logit_bias"),
    forms: fields({ "openai-chat": { logit_bias: { "50256": -100 } } }),
  },
];

/** What is wished, whatever it is called. */
const wish = ({ reasoning }: ChatRequest): unknown => {
  if (!reasoning) return undefined;
  const { ext: _ext, beyond: _beyond, display: _display, ...rest } = reasoning as JsonObject;
  return rest;
};

const reasoning = (
  name: string,
  each: Partial<Record<DialectId, JsonObject>>,
  read: RequestFeature["read"] = wish,
  more: Partial<RequestFeature> = {},
): RequestFeature => ({
  group: "Reasoning",
  name,
  reasons: true,
  read,
  forms: fields(each),
  ...more,
});

/** Wires differ in what they show when nothing is said. */
function notShown({ reasoning: asked, ext }: ChatRequest): unknown {
  if (!asked || asked.mode === "off") return undefined;
  if (asked.display !== undefined) return asked.display === "omitted" ? "omitted" : undefined;
  const spelt = JSON.stringify([asked.ext, ext]);
  const isGemini = asked.ext?.gemini !== undefined && !spelt.includes('"includeThoughts":true');
  const isOmitted = isGemini || asked.mode === "effort" || spelt.includes('"display":"omitted"');
  return isOmitted ? "omitted" : undefined;
}

const thinking = (wanted: JsonObject): JsonObject => ({
  inferenceConfig: { maxTokens: 32_000 },
  additionalModelRequestFields: { thinking: wanted },
});

const reasons: RequestFeature[] = [
  reasoning("effort", {
    "openai-chat": { reasoning_effort: "high" },
    "openai-responses": { reasoning: { effort: "high" } },
    gemini: gemini({ thinkingConfig: { thinkingLevel: "HIGH" } }),
    ollama: { think: "high" },
  }),
  reasoning("token budget", {
    "anthropic-messages": { thinking: { type: "enabled", budget_tokens: 4096 } },
    gemini: gemini({ thinkingConfig: { thinkingBudget: 4096 } }),
    "bedrock-converse": thinking({ type: "enabled", budget_tokens: 4096 }),
    cohere: { thinking: { type: "enabled", token_budget: 4096 } },
  }),
  reasoning("as the model sees fit", {
    "anthropic-messages": { thinking: { type: "adaptive" } },
    gemini: gemini({ thinkingConfig: { thinkingBudget: -1 } }),
    ollama: { think: true },
    "bedrock-converse": thinking({ type: "adaptive" }),
    cohere: { thinking: { type: "enabled" } },
  }),
  reasoning(
    "off",
    {
      "openai-chat": { reasoning_effort: "none" },
      "openai-responses": { reasoning: { effort: "none" } },
      "anthropic-messages": { thinking: { type: "disabled" } },
      gemini: gemini({ thinkingConfig: { thinkingBudget: 0 } }),
      ollama: { think: false },
      "bedrock-converse": thinking({ type: "disabled" }),
      cohere: { thinking: { type: "disabled" } },
    },
    wish,
    {
      unasked: {
        "anthropic-messages": "models think only when they are asked to",
        "bedrock-converse": "models think only when they are asked to",
      },
    },
  ),
  reasoning(
    "a summary shown",
    {
      "openai-responses": { reasoning: { effort: "high", summary: "auto" } },
      gemini: gemini({ thinkingConfig: { thinkingBudget: 4096, includeThoughts: true } }),
    },
    ({ reasoning: asked }) => {
      if (!asked || asked.mode === "off") return undefined;
      // Wires that are asked for a budget show what is thought unless told not to.
      return asked.display === "omitted" ? undefined : "shown";
    },
  ),
  reasoning(
    "not shown",
    {
      "anthropic-messages": {
        thinking: { type: "enabled", budget_tokens: 4096, display: "omitted" },
      },
      gemini: gemini({ thinkingConfig: { thinkingBudget: 4096, includeThoughts: false } }),
    },
    notShown,
  ),
];

const formOf = ({ responseFormat: format }: ChatRequest): unknown =>
  format && format.type !== "text" ? format.type : undefined;

const structured = { name: "a", schema, strict: true };

const output: RequestFeature[] = [
  {
    group: "Form of the answer",
    name: "JSON mode",
    read: formOf,
    forms: fields({
      "openai-chat": { response_format: { type: "json_object" } },
      "openai-responses": { text: { format: { type: "json_object" } } },
      gemini: gemini({ responseMimeType: "application/json" }),
      ollama: { format: "json" },
      cohere: { response_format: { type: "json_object" } },
    }),
  },
  {
    group: "Form of the answer",
    name: "JSON schema",
    read: ({ responseFormat: format }) =>
      format?.type === "json-schema" ? format.schema : undefined,
    forms: fields({
      "openai-chat": { response_format: { type: "json_schema", json_schema: structured } },
      "openai-responses": { text: { format: { type: "json_schema", ...structured } } },
      "anthropic-messages": { output_config: { format: { type: "json_schema", schema } } },
      gemini: gemini({ responseMimeType: "application/json", responseJsonSchema: schema }),
      ollama: { format: schema },
      "bedrock-converse": {
        outputConfig: {
          textFormat: {
            type: "json_schema",
            structure: { jsonSchema: { name: "a", schema: JSON.stringify(schema) } },
          },
        },
      },
      cohere: { response_format: { type: "json_object", json_schema: schema } },
    }),
  },
  {
    group: "Form of the answer",
    name: "verbosity",
    read: setting("verbosity"),
    forms: fields({
      "openai-chat": { verbosity: "low" },
      "openai-responses": { text: { verbosity: "low" } },
    }),
  },
  {
    group: "Form of the answer",
    name: "audio or pictures as an answer",
    read: (request, from) =>
      own("modalities")(request, from) ??
      own("generationConfig", "responseModalities")(request, from),
    forms: fields({
      "openai-chat": { modalities: ["text", "audio"], audio: { voice: "ash", format: "wav" } },
      gemini: gemini({ responseModalities: ["TEXT", "IMAGE"] }),
    }),
  },
  {
    group: "Form of the answer",
    name: "predicted output",
    read: own("prediction"),
    forms: fields({ "openai-chat": { prediction: { type: "content", content: "Hello" } } }),
  },
];

const account = (
  name: string,
  read: RequestFeature["read"],
  each: Partial<Record<DialectId, JsonObject>>,
): RequestFeature => ({ group: "Account and cache", name, read, forms: fields(each) });

const cached = (request: ChatRequest): unknown =>
  partsOf(request).find(({ cache }) => cache !== undefined)?.cache;

const accounts: RequestFeature[] = [
  account("end user", ({ user }) => user, {
    "openai-chat": { user: "u1" },
    "openai-responses": { user: "u1" },
    "anthropic-messages": { metadata: { user_id: "u1" } },
  }),
  account("safety identifier", ({ user }) => user, {
    "openai-chat": { safety_identifier: "u1" },
    "openai-responses": { safety_identifier: "u1" },
  }),
  account("service tier", ({ account: kept }) => kept?.serviceTier, {
    "openai-chat": { service_tier: "flex" },
    "openai-responses": { service_tier: "flex" },
    gemini: { serviceTier: "FLEX" },
    "bedrock-converse": { serviceTier: { type: "flex" } },
  }),
  account("service tier (Anthropic)", own("service_tier"), {
    "anthropic-messages": { service_tier: "standard_only" },
  }),
  account("metadata", ({ account: kept }) => kept?.metadata, {
    "openai-chat": { metadata: { a: "b" } },
    "openai-responses": { metadata: { a: "b" } },
    "bedrock-converse": { requestMetadata: { a: "b" } },
  }),
  account("kept by the provider (store)", ({ account: kept }) => kept?.store, {
    "openai-chat": { store: true },
    "openai-responses": { store: true },
  }),
  account("prompt cache key", ({ account: kept }) => kept?.promptCacheKey, {
    "openai-chat": { prompt_cache_key: "k1" },
    "openai-responses": { prompt_cache_key: "k1" },
  }),
  account("prompt cache retention", ({ account: kept }) => kept?.promptCacheRetention, {
    "openai-chat": { prompt_cache_retention: "24h" },
    "openai-responses": { prompt_cache_retention: "24h" },
  }),
  account("cache breakpoint in a message", cached, {
    "anthropic-messages": {
      messages: [
        {
          role: "user",
          content: [{ type: "text", text: "Hi", cache_control: { type: "ephemeral" } }],
        },
      ],
    },
    "bedrock-converse": {
      messages: [{ role: "user", content: [{ text: "Hi" }, { cachePoint: { type: "default" } }] }],
    },
  }),
  account("cache breakpoint of one hour", (request) => (cached(request) as JsonObject)?.["ttl"], {
    "anthropic-messages": {
      messages: [
        {
          role: "user",
          content: [{ type: "text", text: "Hi", cache_control: { type: "ephemeral", ttl: "1h" } }],
        },
      ],
    },
    "bedrock-converse": {
      messages: [
        { role: "user", content: [{ text: "Hi" }, { cachePoint: { type: "default", ttl: "1h" } }] },
      ],
    },
  }),
  {
    group: "Account and cache",
    name: "cache breakpoint behind the tools",
    read: ({ tools }) => tools.find(({ cache }) => cache !== undefined)?.cache,
    forms: {
      "anthropic-messages": {
        body: withTools("anthropic-messages", [
          toolOf["anthropic-messages"]({ cache_control: { type: "ephemeral" } }),
        ]),
        plain: withTools("anthropic-messages", [toolOf["anthropic-messages"]()]),
      },
      "bedrock-converse": {
        body: withTools("bedrock-converse", [
          toolOf["bedrock-converse"](),
          { cachePoint: { type: "default" } },
        ]),
        plain: withTools("bedrock-converse", [toolOf["bedrock-converse"]()]),
      },
    },
  },
];

const vendors = (
  name: string,
  path: readonly string[],
  each: Partial<Record<DialectId, JsonObject>>,
): RequestFeature => ({
  group: "A vendor's own",
  name,
  read: own(...path),
  forms: fields(each),
});

const ownFeatures: RequestFeature[] = [
  vendors("web search options", ["web_search_options"], {
    "openai-chat": { web_search_options: {} },
  }),
  vendors("previous response", ["previous_response_id"], {
    "openai-responses": { previous_response_id: "resp_1" },
  }),
  vendors("truncation", ["truncation"], { "openai-responses": { truncation: "auto" } }),
  vendors("in the background", ["background"], { "openai-responses": { background: true } }),
  vendors("MCP servers", ["mcp_servers"], {
    "anthropic-messages": {
      mcp_servers: [{ type: "url", url: "https://example.com/mcp", name: "m" }],
    },
  }),
  vendors("context management", ["context_management"], {
    "anthropic-messages": {
      context_management: { edits: [{ type: "clear_tool_uses_20250919" }] },
    },
  }),
  vendors("container", ["container"], { "anthropic-messages": { container: "c1" } }),
  vendors("safety settings", ["safetySettings"], {
    gemini: {
      safetySettings: [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }],
    },
  }),
  vendors("cached content", ["cachedContent"], { gemini: { cachedContent: "cachedContents/1" } }),
  vendors("media resolution", ["generationConfig", "mediaResolution"], {
    gemini: gemini({ mediaResolution: "MEDIA_RESOLUTION_LOW" }),
  }),
  vendors("keep_alive", ["keep_alive"], { ollama: { keep_alive: "10m" } }),
  vendors("options (num_ctx)", ["options", "num_ctx"], { ollama: options({ num_ctx: 8192 }) }),
  vendors("guardrail", ["guardrailConfig"], {
    "bedrock-converse": { guardrailConfig: { guardrailIdentifier: "g1", guardrailVersion: "1" } },
  }),
  vendors("performance", ["performanceConfig"], {
    "bedrock-converse": { performanceConfig: { latency: "optimized" } },
  }),
  vendors("other model fields", ["additionalModelRequestFields"], {
    "bedrock-converse": { additionalModelRequestFields: { other: 1 } },
  }),
  {
    group: "A vendor's own",
    name: "documents",
    read: (request) => {
      const all = partsOf(request);
      const found = all.filter((part) => part.type === "file");
      if (found.length > 0) return found.map(({ source }) => source);
      const text = all.find((part) => part.type === "text" && part.text.includes("Once"));
      return text && "text of the message";
    },
    forms: {
      cohere: {
        body: { ...plainest.cohere, documents: [{ id: "d1", data: { text: "Once" } }] },
        plain: plainest.cohere,
      },
    },
  },
  vendors("citation options", ["citation_options"], {
    cohere: { citation_options: { mode: "accurate" } },
  }),
  vendors("safety mode", ["safety_mode"], { cohere: { safety_mode: "STRICT" } }),
];

export const settingFeatures: readonly RequestFeature[] = [
  ...reasons,
  ...output,
  ...sampling,
  ...accounts,
  ...ownFeatures,
];
