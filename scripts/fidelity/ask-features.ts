// What requests can say besides their settings: prompts, media, tools and turns.
import type { ChatRequest, ToolCallPart } from "../../src/ir/chat.ts";
import {
  besideTools,
  blocks,
  fields,
  toolOf,
  turns,
  withTools,
  plainest,
  turnOf,
} from "./bodies.ts";
import { first, type Form, ids, partsOf, type RequestFeature } from "./feature.ts";

const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const pdf = "JVBERi0xLjQK";
const wav = "UklGRiQAAABXQVZF";
const mp4 = "AAAAIGZ0eXBpc29t";
const url = "https://example.com/a.png";

const systemText = ({ messages }: ChatRequest): string | undefined =>
  messages
    .filter(({ role }) => role === "system")
    .flatMap(({ parts }) => parts.flatMap((part) => (part.type === "text" ? [part.text] : [])))
    .join("\n") || undefined;

const prompts: RequestFeature[] = [
  {
    group: "Prompts",
    name: "system prompt",
    read: systemText,
    forms: fields({
      "openai-chat": {
        messages: [
          { role: "system", content: "Be brief" },
          { role: "user", content: "Hi" },
        ],
      },
      "openai-responses": { instructions: "Be brief" },
      "anthropic-messages": { system: "Be brief" },
      gemini: { systemInstruction: { parts: [{ text: "Be brief" }] } },
      ollama: {
        messages: [
          { role: "system", content: "Be brief" },
          { role: "user", content: "Hi" },
        ],
      },
      "bedrock-converse": { system: [{ text: "Be brief" }] },
      cohere: {
        messages: [
          { role: "system", content: "Be brief" },
          { role: "user", content: "Hi" },
        ],
      },
    }),
  },
  {
    group: "Prompts",
    name: "developer message",
    read: systemText,
    forms: fields({
      "openai-chat": {
        messages: [
          { role: "developer", content: "Be brief" },
          { role: "user", content: "Hi" },
        ],
      },
      "openai-responses": {
        input: [
          { role: "developer", content: "Be brief" },
          { role: "user", content: "Hi" },
        ],
      },
    }),
  },
  {
    group: "Prompts",
    name: "system message between turns",
    read: ({ messages }) => {
      const at = messages.findIndex(({ role }) => role === "system");
      return at < 0 ? undefined : { at, text: systemText({ messages } as ChatRequest) };
    },
    forms: Object.fromEntries(
      (["openai-chat", "openai-responses", "ollama", "cohere"] as const).map((id) => {
        const key = id === "openai-responses" ? "input" : "messages";
        const list = [
          { role: "user", content: "Hi" },
          { role: "system", content: "Be brief now" },
          { role: "user", content: "And?" },
        ];
        const plain = list.filter(({ role }) => role === "user");
        return [
          id,
          { body: { ...plainest[id], [key]: list }, plain: { ...plainest[id], [key]: plain } },
        ];
      }),
    ),
  },
  {
    group: "Prompts",
    name: "name of a participant",
    read: ({ messages }) => messages.find(({ name }) => name !== undefined)?.name,
    forms: fields({ "openai-chat": { messages: [{ role: "user", name: "Ann", content: "Hi" }] } }),
  },
  {
    group: "Prompts",
    name: "start of the answer given (prefill)",
    read: ({ messages }) => {
      const last = messages.at(-1);
      const texts = last?.parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
      return last?.role === "assistant" ? texts : undefined;
    },
    forms: Object.fromEntries(
      ids.map((id): [string, Form] => {
        const list =
          id === "gemini"
            ? [
                { role: "user", parts: [{ text: "Hi" }] },
                { role: "model", parts: [{ text: "{" }] },
              ]
            : id === "bedrock-converse"
              ? [
                  { role: "user", content: [{ text: "Hi" }] },
                  { role: "assistant", content: [{ text: "{" }] },
                ]
              : [
                  { role: "user", content: "Hi" },
                  { role: "assistant", content: "{" },
                ];
        const key = id === "gemini" ? "contents" : id === "openai-responses" ? "input" : "messages";
        return [id, { body: { ...plainest[id], [key]: list }, plain: plainest[id] }];
      }),
    ),
  },
];

const imageSource = (request: ChatRequest): unknown => first(request, "image")?.source;
const fileSource = (request: ChatRequest): unknown => {
  const source = first(request, "file")?.source;
  return source && { ...source };
};

/** A document, or its text where the wire has no documents. */
function textDocument(request: ChatRequest): unknown {
  const found = first(request, "file")?.source;
  if (found) return found;
  const text = partsOf(request).find((part) => part.type === "text" && part.text.includes("Once"));
  return text && "text of the message";
}

const media: RequestFeature[] = [
  {
    group: "Media",
    name: "image in base64",
    read: imageSource,
    forms: blocks({
      "openai-chat": { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
      "openai-responses": { type: "input_image", image_url: `data:image/png;base64,${png}` },
      "anthropic-messages": {
        type: "image",
        source: { type: "base64", media_type: "image/png", data: png },
      },
      gemini: { inlineData: { mimeType: "image/png", data: png } },
      ollama: { images: [png] },
      "bedrock-converse": { image: { format: "png", source: { bytes: png } } },
      cohere: { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
    }),
  },
  {
    group: "Media",
    name: "image by URL",
    read: imageSource,
    forms: blocks({
      "openai-chat": { type: "image_url", image_url: { url } },
      "openai-responses": { type: "input_image", image_url: url },
      "anthropic-messages": { type: "image", source: { type: "url", url } },
      gemini: { fileData: { mimeType: "image/png", fileUri: url } },
      cohere: { type: "image_url", image_url: { url } },
    }),
  },
  {
    group: "Media",
    name: "image detail",
    read: (request) => first(request, "image")?.detail,
    forms: Object.fromEntries(
      (["openai-chat", "openai-responses", "cohere"] as const).map((id): [string, Form] => {
        const block = (detail?: string) =>
          id === "openai-responses"
            ? { type: "input_image", image_url: url, detail }
            : { type: "image_url", image_url: { url, detail } };
        return [
          id,
          {
            body: blocks({ [id]: block("high") })[id]?.body ?? {},
            plain: blocks({ [id]: block() })[id]?.body ?? {},
          },
        ];
      }),
    ),
  },
  {
    group: "Media",
    name: "PDF in base64",
    read: fileSource,
    forms: blocks({
      "openai-chat": {
        type: "file",
        file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${pdf}` },
      },
      "openai-responses": {
        type: "input_file",
        filename: "a.pdf",
        file_data: `data:application/pdf;base64,${pdf}`,
      },
      "anthropic-messages": {
        type: "document",
        source: { type: "base64", media_type: "application/pdf", data: pdf },
      },
      gemini: { inlineData: { mimeType: "application/pdf", data: pdf } },
      "bedrock-converse": { document: { format: "pdf", name: "a", source: { bytes: pdf } } },
    }),
  },
  {
    group: "Media",
    name: "PDF by URL",
    read: fileSource,
    forms: blocks({
      "openai-responses": { type: "input_file", file_url: "https://example.com/a.pdf" },
      "anthropic-messages": {
        type: "document",
        source: { type: "url", url: "https://example.com/a.pdf" },
      },
      gemini: {
        fileData: { mimeType: "application/pdf", fileUri: "https://example.com/a.pdf" },
      },
    }),
  },
  {
    group: "Media",
    name: "text document",
    read: textDocument,
    forms: blocks({
      "anthropic-messages": {
        type: "document",
        source: { type: "text", media_type: "text/plain", data: "Once" },
      },
      "bedrock-converse": {
        document: { format: "txt", name: "a", source: { text: "Once" } },
      },
    }),
  },
  {
    group: "Media",
    name: "file uploaded to the provider",
    read: (request) => (first(request, "file") ?? first(request, "image"))?.source,
    forms: blocks({
      "openai-chat": { type: "file", file: { file_id: "file-1" } },
      "openai-responses": { type: "input_file", file_id: "file-1" },
      "anthropic-messages": { type: "document", source: { type: "file", file_id: "file_1" } },
    }),
  },
  {
    group: "Media",
    name: "audio",
    read: (request) => first(request, "audio")?.source,
    forms: blocks({
      "openai-chat": { type: "input_audio", input_audio: { data: wav, format: "wav" } },
      gemini: { inlineData: { mimeType: "audio/wav", data: wav } },
      "bedrock-converse": { audio: { format: "wav", source: { bytes: wav } } },
    }),
  },
  {
    group: "Media",
    name: "video",
    read: (request) => {
      const found = partsOf(request).find((part) => part.type === "file" || part.type === "opaque");
      return found?.type === "file" ? found.source : found;
    },
    forms: blocks({
      gemini: { inlineData: { mimeType: "video/mp4", data: mp4 } },
      "bedrock-converse": { video: { format: "mp4", source: { bytes: mp4 } } },
    }),
  },
];

const functions = ({ tools }: ChatRequest): unknown => {
  const found = tools.flatMap((tool) =>
    tool.type === "function" ? [{ name: tool.name, parameters: tool.parameters }] : [],
  );
  return found.length > 0 ? found : undefined;
};

const everyTool = <T>(make: (id: (typeof ids)[number]) => T): Record<string, T> =>
  Object.fromEntries(ids.map((id) => [id, make(id)]));

const tools: RequestFeature[] = [
  {
    group: "Tools",
    name: "function tools",
    read: functions,
    forms: everyTool((id) => ({ body: withTools(id, [toolOf[id]()]), plain: plainest[id] })),
  },
  {
    group: "Tools",
    name: "strict",
    read: ({ tools: all }) =>
      all.some((tool) => tool.type === "function" && tool.strict) || undefined,
    forms: Object.fromEntries(
      (["openai-chat", "openai-responses", "anthropic-messages", "bedrock-converse"] as const).map(
        (id): [string, Form] => [
          id,
          {
            body: withTools(id, [toolOf[id]({ strict: true })]),
            plain: withTools(id, [toolOf[id]()]),
          },
        ],
      ),
    ),
  },
  {
    group: "Tools",
    name: "strict for all tools",
    read: ({ tools: all }) =>
      all.some((tool) => tool.type === "function" && tool.strict) || undefined,
    forms: besideTools({ cohere: { strict_tools: true } }),
  },
  {
    group: "Tools",
    name: "free-form tool with a grammar",
    read: ({ tools: all }) => all.find((tool) => tool.type === "custom"),
    forms: {
      "openai-chat": {
        body: withTools("openai-chat", [
          {
            type: "custom",
            custom: {
              name: "patch",
              format: { type: "grammar", grammar: { syntax: "lark", definition: "start: /.+/" } },
            },
          },
        ]),
        plain: plainest["openai-chat"],
      },
      "openai-responses": {
        body: withTools("openai-responses", [
          {
            type: "custom",
            name: "patch",
            format: { type: "grammar", syntax: "lark", definition: "start: /.+/" },
          },
        ]),
        plain: plainest["openai-responses"],
      },
    },
  },
  {
    group: "Tools",
    name: "tools in a namespace",
    read: ({ tools: all }) =>
      all.find((tool) => tool.type !== "provider" && tool.namespace !== undefined) && "grouped",
    forms: {
      "openai-responses": {
        body: withTools("openai-responses", [
          {
            type: "namespace",
            name: "sky",
            description: "Of the sky",
            tools: [toolOf["openai-responses"]()],
          },
        ]),
        plain: withTools("openai-responses", [toolOf["openai-responses"]()]),
      },
    },
  },
  {
    group: "Tools",
    name: "tool that the provider runs (web search)",
    read: ({ tools: all }, from) =>
      all.find((tool) => tool.type === "provider" && tool.origin === from),
    forms: {
      "openai-responses": {
        body: withTools("openai-responses", [toolOf["openai-responses"](), { type: "web_search" }]),
        plain: withTools("openai-responses", [toolOf["openai-responses"]()]),
      },
      "anthropic-messages": {
        body: withTools("anthropic-messages", [
          toolOf["anthropic-messages"](),
          { type: "web_search_20250305", name: "web_search" },
        ]),
        plain: withTools("anthropic-messages", [toolOf["anthropic-messages"]()]),
      },
      gemini: {
        body: withTools("gemini", [toolOf.gemini(), { googleSearch: {} }]),
        plain: withTools("gemini", [toolOf.gemini()]),
      },
      "bedrock-converse": {
        body: withTools("bedrock-converse", [
          toolOf["bedrock-converse"](),
          { systemTool: { name: "nova_grounding" } },
        ]),
        plain: withTools("bedrock-converse", [toolOf["bedrock-converse"]()]),
      },
    },
  },
  {
    group: "Tools",
    name: "only a tool that the provider runs",
    read: ({ tools: all }, from) =>
      all.find((tool) => tool.type === "provider" && tool.origin === from),
    forms: {
      "openai-responses": { body: withTools("openai-responses", [{ type: "web_search" }]) },
      "anthropic-messages": {
        body: withTools("anthropic-messages", [
          { type: "web_search_20250305", name: "web_search" },
        ]),
      },
      gemini: { body: withTools("gemini", [{ googleSearch: {} }]) },
    },
  },
  {
    group: "Tools",
    name: "tool choice: none",
    read: ({ toolChoice, tools: all }) => {
      if (toolChoice?.type === "none") return "none";
      return all.length === 0 ? "no tools are sent" : undefined;
    },
    forms: besideTools({
      "openai-chat": { tool_choice: "none" },
      "openai-responses": { tool_choice: "none" },
      "anthropic-messages": { tool_choice: { type: "none" } },
      gemini: { toolConfig: { functionCallingConfig: { mode: "NONE" } } },
      cohere: { tool_choice: "NONE" },
    }),
  },
  {
    group: "Tools",
    name: "tool choice: some tool",
    read: ({ toolChoice }) =>
      toolChoice?.type === "required" || toolChoice?.type === "tool" ? "required" : undefined,
    forms: besideTools({
      "openai-chat": { tool_choice: "required" },
      "openai-responses": { tool_choice: "required" },
      "anthropic-messages": { tool_choice: { type: "any" } },
      gemini: { toolConfig: { functionCallingConfig: { mode: "ANY" } } },
      "bedrock-converse": { toolChoice: { any: {} } },
      cohere: { tool_choice: "REQUIRED" },
    }),
  },
  {
    group: "Tools",
    name: "tool choice: one tool by name",
    read: ({ toolChoice }) => (toolChoice?.type === "tool" ? toolChoice.name : undefined),
    forms: Object.fromEntries(
      (
        [
          ["openai-chat", { tool_choice: { type: "function", function: { name: "weather" } } }],
          ["openai-responses", { tool_choice: { type: "function", name: "weather" } }],
          ["anthropic-messages", { tool_choice: { type: "tool", name: "weather" } }],
          [
            "gemini",
            {
              toolConfig: {
                functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["weather"] },
              },
            },
          ],
          ["bedrock-converse", { toolChoice: { tool: { name: "weather" } } }],
        ] as const
      ).map(([id, choice]): [string, Form] => {
        const two = [toolOf[id](), toolOf[id]({}, "time")];
        return [id, { body: withTools(id, two, choice), plain: withTools(id, two) }];
      }),
    ),
  },
  {
    group: "Tools",
    name: "tool choice: among some tools",
    read: (request, from) =>
      request.ext[from]?.["tool_choice"] ?? request.ext[from]?.["toolConfig"],
    forms: Object.fromEntries(
      (
        [
          [
            "openai-chat",
            {
              tool_choice: {
                type: "allowed_tools",
                allowed_tools: {
                  mode: "auto",
                  tools: [{ type: "function", function: { name: "weather" } }],
                },
              },
            },
          ],
          [
            "openai-responses",
            {
              tool_choice: {
                type: "allowed_tools",
                mode: "auto",
                tools: [{ type: "function", name: "weather" }],
              },
            },
          ],
          [
            "gemini",
            {
              toolConfig: {
                functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["weather", "time"] },
              },
            },
          ],
        ] as const
      ).map(([id, choice]): [string, Form] => {
        const all = ["weather", "time", "news"].map((name) => toolOf[id]({}, name));
        return [id, { body: withTools(id, all, choice), plain: withTools(id, all) }];
      }),
    ),
  },
  {
    group: "Tools",
    name: "parallel calls off",
    read: ({ settings, ext }) =>
      settings.parallelToolCalls === false ||
      /"disable_parallel_tool_use":true/.test(JSON.stringify(ext)) ||
      undefined,
    forms: besideTools({
      "openai-chat": { parallel_tool_calls: false },
      "openai-responses": { parallel_tool_calls: false },
      "anthropic-messages": { tool_choice: { type: "auto", disable_parallel_tool_use: true } },
    }),
  },
  {
    group: "Tools",
    name: "calls and results",
    read: (request) => {
      const call = first(request, "tool-call");
      const result = first(request, "tool-result");
      if (!call || !result) return undefined;
      const { name, args } = call;
      const text = result.parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
      return { name, args: JSON.parse(args) as unknown, text, sameId: call.id === result.callId };
    },
    forms: everyTool((id) => ({ body: turnOf[id](), plain: plainest[id] })),
  },
  {
    group: "Tools",
    name: "results that are errors",
    read: (request) => first(request, "tool-result")?.isError || undefined,
    forms: turns({
      "anthropic-messages": { isError: true },
      "bedrock-converse": { isError: true },
      gemini: { result: { response: { error: "Sunny" } } },
    }),
  },
  {
    group: "Tools",
    name: "images in results",
    read: imageSource,
    forms: turns({
      "openai-responses": {
        result: [{ type: "input_image", image_url: `data:image/png;base64,${png}` }],
      },
      "anthropic-messages": {
        result: [{ type: "image", source: { type: "base64", media_type: "image/png", data: png } }],
      },
      gemini: {
        result: { parts: [{ inlineData: { mimeType: "image/png", data: png } }] },
      },
      "bedrock-converse": { result: [{ image: { format: "png", source: { bytes: png } } }] },
    }),
  },
  {
    group: "Tools",
    name: "files in results",
    read: fileSource,
    forms: turns({
      "openai-responses": {
        result: [
          {
            type: "input_file",
            filename: "a.pdf",
            file_data: `data:application/pdf;base64,${pdf}`,
          },
        ],
      },
      "anthropic-messages": {
        result: [
          {
            type: "document",
            source: { type: "base64", media_type: "application/pdf", data: pdf },
          },
        ],
      },
      "bedrock-converse": {
        result: [{ document: { format: "pdf", name: "a", source: { bytes: pdf } } }],
      },
    }),
  },
  {
    group: "Tools",
    name: "calls of free-form tools",
    read: (request) => {
      const call = partsOf(request).find((part): part is ToolCallPart => part.type === "tool-call");
      return call?.freeform ? { args: call.args } : undefined;
    },
    forms: {
      "openai-chat": {
        body: {
          tools: [{ type: "custom", custom: { name: "patch" } }],
          messages: [
            { role: "user", content: "Hi" },
            {
              role: "assistant",
              tool_calls: [{ id: "c1", type: "custom", custom: { name: "patch", input: "a b" } }],
            },
            { role: "tool", tool_call_id: "c1", content: "ok" },
          ],
        },
      },
      "openai-responses": {
        body: {
          tools: [{ type: "custom", name: "patch" }],
          input: [
            { role: "user", content: "Hi" },
            { type: "custom_tool_call", call_id: "c1", name: "patch", input: "a b" },
            { type: "custom_tool_call_output", call_id: "c1", output: "ok" },
          ],
        },
      },
    },
  },
];

const signed = (request: ChatRequest): unknown => {
  const part = partsOf(request).find(
    (each) => each.proof !== undefined || (each.type === "reasoning" && each.signature),
  );
  return part?.proof?.signature ?? (part?.type === "reasoning" ? part.signature : undefined);
};

const signatureless = ids.filter((id) => id !== "gemini");

const reasoningTurns: RequestFeature[] = [
  {
    group: "Reasoning",
    name: "earlier reasoning, signed",
    reasons: true,
    aside: {
      why: "a signature on a call or a text proves to Gemini's models that they made it, and says nothing by itself",
      on: signatureless,
    },
    read: signed,
    forms: turns({
      "anthropic-messages": {
        thought: { type: "thinking", thinking: "Hm", signature: "EqQBCgIYAhIM" },
      },
      gemini: { thought: { thoughtSignature: "CpsCAdHtim8K" } },
      "bedrock-converse": {
        thought: {
          reasoningContent: { reasoningText: { text: "Hm", signature: "EqQBCgIYAhIM" } },
        },
      },
    }),
  },
  {
    group: "Reasoning",
    name: "earlier reasoning, encrypted",
    reasons: true,
    read: (request) => first(request, "reasoning")?.encrypted,
    forms: turns({
      "openai-responses": {
        thought: { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAAAABo" },
      },
      "anthropic-messages": { thought: { type: "redacted_thinking", data: "EmwKAhgBEgy3" } },
      "bedrock-converse": {
        thought: { reasoningContent: { redactedContent: "RW13S0FoZ0I=" } },
      },
    }),
  },
  {
    group: "Reasoning",
    name: "earlier reasoning, readable only",
    reasons: true,
    read: (request) => first(request, "reasoning")?.text,
    forms: turns({
      "openai-chat": { thought: { reasoning_content: "Hm" } },
      ollama: { thought: { thinking: "Hm" } },
      cohere: { thought: { content: [{ type: "thinking", thinking: "Hm" }] } },
    }),
  },
];

export const askFeatures: readonly RequestFeature[] = [
  ...prompts,
  ...media,
  ...tools,
  ...reasoningTurns,
];
