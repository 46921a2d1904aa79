// The same requests as clients of four wires write them, and their answers read back.
import { dialects } from "../../../src/dialects/index.ts";
import type { ChatResponse, DialectId } from "../../../src/ir/chat.ts";
import { collect } from "../../../src/ir/fold.ts";
import { parseObject, type JsonObject } from "../../../src/lib/json.ts";

/** What a request is about. */
export interface Scene {
  model: string;
  /** Two calls were made and answered; then the user goes on. Ids as the client's vendor makes them. */
  ids?: readonly [string, string];
  /** The answer is begun with this. */
  prefill?: string;
  thinks?: boolean;
  image?: string;
  schema?: JsonObject;
  stream?: boolean;
  /** A demand for some tool. */
  mustCall?: boolean;
}

export interface Client {
  dialect: DialectId;
  path(scene: Scene): string;
  body(scene: Scene): JsonObject;
  /** Whether the wire lets a client begin the answer. */
  prefills: boolean;
}

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const name = "get_weather";
const description = "The weather in a city";
const cities = ["Oslo", "Rome"] as const;
const args = (city: string): string => JSON.stringify({ city });

const when = <T extends object>(condition: unknown, fields: T): Partial<T> =>
  condition ? fields : {};

const base64Of = (url: string): string => url.slice(url.indexOf(",") + 1);

const chat: Client = {
  dialect: "openai-chat",
  prefills: true,
  path: () => "/v1/chat/completions",
  body: ({ ids, prefill, schema, image, ...scene }) => ({
    model: scene.model,
    messages: [
      { role: "developer", content: "Be brief." },
      {
        role: "user",
        name: "ann",
        content: [
          { type: "text", text: "Weather in Oslo and Rome?" },
          ...(image ? [{ type: "image_url", image_url: { url: image, detail: "auto" } }] : []),
        ],
      },
      ...(ids
        ? [
            {
              role: "assistant",
              content: null,
              refusal: null,
              annotations: [],
              tool_calls: ids.map((id, index) => ({
                id,
                type: "function",
                function: { name, arguments: args(cities[index] ?? "") },
              })),
            },
            ...ids.map((id) => ({ role: "tool", tool_call_id: id, content: "Sun" })),
            { role: "user", content: "Thanks. Which is warmer?" },
          ]
        : []),
      ...(prefill ? [{ role: "assistant", content: prefill }] : []),
    ],
    tools: [{ type: "function", function: { name, description, parameters, strict: false } }],
    max_completion_tokens: 200,
    seed: 7,
    user: "u-1",
    store: false,
    temperature: 1.9,
    ...when(scene.mustCall, { tool_choice: "required", parallel_tool_calls: true }),
    ...when(scene.thinks, { reasoning_effort: "medium" }),
    ...when(schema, {
      response_format: { type: "json_schema", json_schema: { name: "a", schema, strict: true } },
    }),
    ...when(scene.stream, { stream: true, stream_options: { include_usage: true } }),
  }),
};

const messages: Client = {
  dialect: "anthropic-messages",
  prefills: true,
  path: () => "/v1/messages",
  body: ({ ids, prefill, schema, image, ...scene }) => ({
    model: scene.model,
    max_tokens: 3000,
    system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "Weather in Oslo and Rome?" },
          ...(image
            ? [
                {
                  type: "image",
                  source: { type: "base64", media_type: "image/png", data: base64Of(image) },
                },
              ]
            : []),
        ],
      },
      ...(ids
        ? [
            {
              role: "assistant",
              content: ids.map((id, index) => ({
                type: "tool_use",
                id,
                name,
                input: { city: cities[index] },
              })),
            },
            {
              role: "user",
              content: [
                ...ids.map((id) => ({ type: "tool_result", tool_use_id: id, content: "Sun" })),
                { type: "text", text: "Thanks. Which is warmer?" },
              ],
            },
          ]
        : []),
      ...(prefill ? [{ role: "assistant", content: prefill }] : []),
    ],
    tools: [{ name, description, input_schema: parameters }],
    ...when(scene.mustCall, { tool_choice: { type: "any" } }),
    ...when(scene.thinks, { thinking: { type: "enabled", budget_tokens: 2048 } }),
    ...when(schema, { output_config: { format: { type: "json_schema", schema } } }),
    ...when(scene.stream, { stream: true }),
  }),
};

const responses: Client = {
  dialect: "openai-responses",
  prefills: false,
  path: () => "/v1/responses",
  body: ({ ids, schema, image, ...scene }) => ({
    model: scene.model,
    instructions: "Be brief.",
    input: [
      {
        role: "user",
        content: [
          { type: "input_text", text: "Weather in Oslo and Rome?" },
          ...(image ? [{ type: "input_image", image_url: image, detail: "auto" }] : []),
        ],
      },
      ...(ids
        ? [
            ...ids.map((id, index) => ({
              type: "function_call",
              id: `fc_${id}`,
              call_id: id,
              name,
              arguments: args(cities[index] ?? ""),
              parsed_arguments: { city: cities[index] },
            })),
            ...ids.map((id) => ({ type: "function_call_output", call_id: id, output: "Sun" })),
            { role: "user", content: "Thanks. Which is warmer?" },
          ]
        : []),
    ],
    tools: [{ type: "function", name, description, parameters, strict: false }],
    store: false,
    ...when(scene.mustCall, { tool_choice: "required" }),
    ...when(scene.thinks, { reasoning: { effort: "medium" } }),
    ...when(schema, { text: { format: { type: "json_schema", name: "a", schema, strict: true } } }),
    ...when(scene.stream, { stream: true }),
  }),
};

const gemini: Client = {
  dialect: "gemini",
  prefills: true,
  path: ({ model, stream }) =>
    `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
  body: ({ ids, prefill, schema, image, ...scene }) => ({
    systemInstruction: { parts: [{ text: "Be brief." }] },
    contents: [
      {
        role: "user",
        parts: [
          { text: "Weather in Oslo and Rome?" },
          ...(image ? [{ inlineData: { mimeType: "image/png", data: base64Of(image) } }] : []),
        ],
      },
      ...(ids
        ? [
            {
              role: "model",
              parts: cities.map((city) => ({ functionCall: { name, args: { city } } })),
            },
            {
              role: "user",
              parts: [
                ...cities.map(() => ({ functionResponse: { name, response: { output: "Sun" } } })),
                { text: "Thanks. Which is warmer?" },
              ],
            },
          ]
        : []),
      ...(prefill ? [{ role: "model", parts: [{ text: prefill }] }] : []),
    ],
    tools: [
      {
        functionDeclarations: [
          {
            name,
            description,
            parameters: { type: "OBJECT", properties: { city: { type: "STRING" } } },
          },
        ],
      },
    ],
    generationConfig: {
      ...when(scene.thinks, { thinkingConfig: { thinkingBudget: 2048, includeThoughts: true } }),
      ...when(schema, { responseMimeType: "application/json", responseJsonSchema: schema }),
    },
    ...when(scene.mustCall, { toolConfig: { functionCallingConfig: { mode: "ANY" } } }),
  }),
};

export const clients: readonly Client[] = [chat, messages, responses, gemini];

/** An answer in the client's wire, read by its dialect. */
export function readAnswer(dialect: DialectId, bytes: Uint8Array, stream: boolean): ChatResponse {
  const { response, stream: streamed } = dialects[dialect];
  // Signatures are opaque to a client; the gateway would read its own.
  const text = Buffer.from(bytes)
    .toString("utf8")
    .replaceAll(/,"thoughtSignature":"[^"]*"/g, "");
  if (!stream) return response.decode({ json: parseObject(text), text }, { dialect }).value;
  const splitter = streamed.framing.createSplitter();
  const decoder = streamed.decoder({ dialect });
  const events = splitter.push(Buffer.from(text)).flatMap((block) => {
    const frame = streamed.framing.parse(block);
    return frame ? decoder.push(frame) : [];
  });
  return collect([...events, ...decoder.end()]);
}
