// A gateway with a guardrail and one upstream behind every provider, and a body for every operation that a route may have.
import { dialects } from "../../src/dialects/index.ts";
import type { Dialect } from "../../src/dialects/dialect.ts";
import type { Envelope } from "../../src/dialects/envelope.ts";

export const banned = "zebrafish";

/** Notes what it is asked, and answers as it is told. */
export interface Upstream {
  url: string;
  asked: { path: string; body: string }[];
  answer: (request: Request, body: string) => Response | Promise<Response>;
  stop(): Promise<void>;
}

export function startUpstream(): Upstream {
  const upstream: Upstream = {
    url: "",
    asked: [],
    answer: () => Response.json({ error: { message: "not now" } }, { status: 404 }),
    stop: async () => server.stop(true),
  };
  const server = Bun.serve({
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const body = Buffer.from(await request.arrayBuffer()).toString("latin1");
      upstream.asked.push({ path: new URL(request.url).pathname, body });
      return upstream.answer(request, body);
    },
  });
  upstream.url = server.url.origin;
  return upstream;
}

/** A provider for each wire, all of them at one address. */
export const providersAt = (url: string) => ({
  openai: { base_url: `${url}/v1`, api_key: "sk-one-0123456789" },
  anthropic: { base_url: url, api_key: "sk-two-0123456789" },
  gemini: { base_url: `${url}/v1beta`, api_key: "key-three-0123456789" },
  cohere: { base_url: url, api_key: "key-four-0123456789" },
  ollama: { base_url: url },
});

export const everywhere = {
  m: {
    deployments: [
      "openai/gpt-4o",
      "anthropic/claude-sonnet-4-5",
      "gemini/gemini-2.5-flash",
      "cohere/command-a-03-2025",
      "ollama/llama3",
    ],
  },
};

type Body = Record<string, unknown>;
/** Where in a body a text stands → the body. */
type Bodies = (text: string) => Record<string, Body | FormData>;

const schema = (text: string) => ({ type: "object", properties: { [text]: { type: "string" } } });

const anthropic: Bodies = (text) => {
  const base = { model: "m", max_tokens: 9 };
  const user = { role: "user", content: "hi" };
  const call = { type: "tool_use", id: "c", name: "f", input: { q: "hi" } };
  return {
    text: { ...base, messages: [{ role: "user", content: text }] },
    "a part": { ...base, messages: [{ role: "user", content: [{ type: "text", text }] }] },
    system: { ...base, system: text, messages: [user] },
    "a tool's result": {
      ...base,
      messages: [
        user,
        { role: "assistant", content: [call] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: text }] },
      ],
    },
    "a tool's arguments": {
      ...base,
      messages: [
        user,
        { role: "assistant", content: [{ ...call, input: { q: text } }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: "ok" }] },
      ],
    },
    "a tool": {
      ...base,
      messages: [user],
      tools: [{ name: "f", description: text, input_schema: schema("q") }],
    },
    "a key of a schema": {
      ...base,
      messages: [user],
      tools: [{ name: "f", input_schema: schema(text) }],
    },
    "a document's title": {
      ...base,
      messages: [
        {
          role: "user",
          content: [
            {
              type: "document",
              title: text,
              source: { type: "text", media_type: "text/plain", data: "hi" },
            },
          ],
        },
      ],
    },
  };
};

const openaiChat: Bodies = (text) => {
  const user = { role: "user", content: "hi" };
  const call = (args: string) => ({
    role: "assistant",
    tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: args } }],
  });
  const file = `data:text/plain;base64,${Buffer.from(`some ${text} here`).toString("base64")}`;
  return {
    text: { model: "m", messages: [{ role: "user", content: text }] },
    "a stream": { model: "m", stream: true, messages: [{ role: "user", content: text }] },
    system: { model: "m", messages: [{ role: "system", content: text }, user] },
    "two parts": {
      model: "m",
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: text.slice(0, 3) },
            { type: "text", text: text.slice(3) },
          ],
        },
      ],
    },
    "escaped arguments": {
      model: "m",
      messages: [
        user,
        call(`{"q":"\\u${text.charCodeAt(0).toString(16).padStart(4, "0")}${text.slice(1)}"}`),
        { role: "tool", tool_call_id: "c", content: "ok" },
      ],
    },
    "a tool's result": {
      model: "m",
      messages: [user, call("{}"), { role: "tool", tool_call_id: "c", content: text }],
    },
    "an unknown field": { model: "m", messages: [user], extra: { deep: [{ er: text }] } },
    "an image's caption": {
      model: "m",
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: "https://example.com/a.png", alt: text } },
          ],
        },
      ],
    },
    "a file in base64": {
      model: "m",
      messages: [
        {
          role: "user",
          content: [{ type: "file", file: { filename: "a.txt", file_data: file } }],
        },
      ],
    },
    metadata: { model: "m", messages: [user], metadata: { note: text } },
  };
};

const responses: Bodies = (text) => ({
  text: { model: "m", input: text },
  instructions: { model: "m", input: "hi", instructions: text },
  "a call's output": {
    model: "m",
    input: [
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "c", output: text },
    ],
  },
});

const gemini: Bodies = (text) => ({
  text: { contents: [{ role: "user", parts: [{ text }] }] },
  system: {
    systemInstruction: { parts: [{ text }] },
    contents: [{ role: "user", parts: [{ text: "hi" }] }],
  },
  "a function's answer": {
    contents: [
      { role: "user", parts: [{ text: "hi" }] },
      { role: "model", parts: [{ functionCall: { name: "f", args: {} } }] },
      { role: "user", parts: [{ functionResponse: { name: "f", response: { deep: [text] } } }] },
    ],
  },
});

const converse: Bodies = (text) => ({
  text: { messages: [{ role: "user", content: [{ text }] }] },
  system: { system: [{ text }], messages: [{ role: "user", content: [{ text: "hi" }] }] },
});

const plainChat: Bodies = (text) => ({
  text: { model: "m", messages: [{ role: "user", content: text }] },
});

function form(fields: Record<string, string | Blob>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries({ model: "openai/gpt-4o", ...fields })) {
    data.append(name, value);
  }
  return data;
}

const sound = new File([new Uint8Array([0, 255, 1, 254])], "a.wav", { type: "audio/wav" });

/** By operation, where that is enough. */
const byOperation: Record<string, Bodies> = {
  completions: (text) => ({ prompt: { model: "m", prompt: text } }),
  embeddings: (text) => ({ input: { model: "m", input: ["a", text] } }),
  moderations: (text) => ({ input: { model: "m", input: text } }),
  images: (text) => ({ prompt: { model: "m", prompt: text } }),
  speech: (text) => ({ input: { model: "m", input: text, voice: "v" } }),
  compact: (text) => ({ input: { model: "m", input: text } }),
  transcriptions: (text) => ({ prompt: form({ file: sound, prompt: text }) }),
  translations: (text) => ({ prompt: form({ file: sound, prompt: text }) }),
  "image-edits": (text) => ({ prompt: form({ image: sound, prompt: text }) }),
  "image-variations": (text) => ({ user: form({ image: sound, user: text }) }),
};

const byDialect: Record<string, Bodies> = {
  "openai-chat": openaiChat,
  "openai-responses": responses,
  "anthropic-messages": anthropic,
  gemini,
  "bedrock-converse": converse,
  cohere: plainChat,
  ollama: (text) => ({
    text: { model: "m", stream: false, messages: [{ role: "user", content: text }] },
  }),
};

const special: Record<string, Bodies> = {
  "cohere rerank": (text) => ({
    documents: { model: "m", query: "a", documents: ["b", text] },
    query: { model: "m", query: text, documents: ["b"] },
  }),
  "cohere embeddings": (text) => ({
    texts: { model: "m", texts: [text], input_type: "search_query" },
  }),
  "gemini embeddings": (text) => ({
    content: {
      content: { parts: [{ text }] },
      requests: [{ model: "models/m", content: { parts: [{ text }] } }],
    },
  }),
  "ollama chat generate": (text) => ({ prompt: { model: "m", prompt: text, stream: false } }),
  "ollama embeddings": (text) => ({ input: { model: "m", input: text, prompt: text } }),
  "bedrock-converse count-tokens": (text) => ({
    input: { input: { converse: { messages: [{ role: "user", content: [{ text }] }] } } },
  }),
};

/** Undefined where nobody has written any for such a route. */
function bodiesOf(
  dialect: Dialect,
  operation: string,
  about: { form?: string },
): Bodies | undefined {
  const name = `${dialect.id} ${operation}`;
  return (
    special[`${name} ${about.form}`] ??
    special[name] ??
    byOperation[operation] ??
    (operation === "chat" || operation === "count-tokens" ? byDialect[dialect.id] : undefined)
  );
}

/** With what a cloud's wrapping demands. */
function wrapped(
  bodies: Bodies | undefined,
  { path, envelope }: { path: string; envelope?: Envelope },
): Bodies | undefined {
  if (!bodies || !envelope) return bodies;
  const isInPath = path.includes("{model}");
  return (text) =>
    Object.fromEntries(
      Object.entries(bodies(text)).map(([place, body]) => {
        const { model, ...rest } = body as Body;
        return [place, { ...(isInPath ? {} : { model }), ...rest, ...envelope.adds }];
      }),
    );
}

export interface Door {
  name: string;
  path: string;
  bodies: Bodies | undefined;
  headers: Record<string, string>;
}

/** Every route of every dialect that takes a body. */
export const doors: Door[] = Object.values(dialects).flatMap((dialect) =>
  dialect.routes
    .filter(({ method }) => method === "POST")
    .map((route) => ({
      name: `${route.path} (${dialect.id})`,
      path: route.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
        name === "model" ? "m" : "x",
      ),
      bodies: wrapped(bodiesOf(dialect, route.operation, route), route),
      headers: {},
    })),
);

/** How it is posted. */
export const post = (
  body: Body | FormData | string,
  headers: Record<string, string> = {},
): RequestInit =>
  body instanceof FormData
    ? { method: "POST", body, headers }
    : {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        headers: { "content-type": "application/json", ...headers },
      };
