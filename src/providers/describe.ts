// The page that lists the providers, made from their data.
import type { DialectId, Operation } from "../ir/chat.ts";
import { quirkLines } from "./describe-quirks.ts";
import type { Endpoint, Provider } from "./provider.ts";

/** Markdown of `docs/providers.md`. */
export function renderProviders(providers: readonly Provider[]): string {
  const remote = providers.filter((provider) => provider.baseUrl !== undefined && !provider.local);
  const local = providers.filter((provider) => provider.baseUrl !== undefined && provider.local);
  const others = providers.filter((provider) => provider.baseUrl === undefined);
  return `# Providers

${intro}

${counts(remote, local)}

## Hosted

${table(remote)}

## On this machine

No key is needed. Ollama, LM Studio, vLLM, llama.cpp, SGLang, LocalAI and Jan are found by themselves when they listen on their usual ports; the others want an entry in the configuration.

${table(local)}

## Any other server, and the demo

${table(others)}

## Details

${providers.map(details).join("\n\n")}
`;
}

const intro = `<!-- Made by \`bun run generate\` from src/providers. Do not edit. -->

Without a configuration file, or with \`discover: { environment: true }\`, a provider is enabled by its environment variable, or by credentials that a cloud's own tools left ([cloud credentials](cloud.md)). Otherwise it takes an entry in the configuration:

\`\`\`yaml
providers:
  groq: {}                                                        # the key comes from $GROQ_API_KEY
  my-groq: { type: groq, api_key: "\${OTHER_KEY}" }                # another account
  mine: { type: openai-compatible, base_url: "http://10.0.0.5:8000/v1", api_key: k }
\`\`\`

Clients then ask for \`provider/model\`. Where a provider speaks the client's own wire, the request goes through byte for byte; otherwise it is translated.

The words for chat are the wires: **chat** is OpenAI's Chat Completions, **responses** OpenAI's Responses, **messages** Anthropic's Messages, **converse** Amazon Bedrock's; **gemini**, **cohere** and **ollama** are those vendors' own. What is translated goes to the first that the model can be asked in. Other operations are in OpenAI's wire unless another one is named. *Pass-through* means that the vendor's API is like no other: reach it below \`/providers/{provider}/\`. *Unverified* means that the facts come from other people's code instead of the vendor's pages. What becomes of fields that a provider does not take is on a page of its own: [parameters](parameters.md).`;

/** How many there are, and how many of them speak what. */
function counts(remote: readonly Provider[], local: readonly Provider[]): string {
  const named = [...remote, ...local];
  const speaking = (Object.keys(wires) as DialectId[]).map((dialect) => {
    const count = named.filter((provider) => dialectsOf(provider).has(dialect)).length;
    return `${wires[dialect]} ${count}`;
  });
  return `${named.length} named providers: ${remote.length} hosted, ${local.length} on this machine. By wire: ${speaking.join(", ")}.`;
}

const dialectsOf = (provider: Provider): Set<DialectId> =>
  new Set(
    Object.values(provider.speaks)
      .flat()
      .map((endpoint) => endpoint.dialect),
  );

function table(providers: readonly Provider[]): string {
  const rows = providers.map((provider) =>
    [
      `\`${provider.id}\``,
      `[${provider.label}](${provider.docs})${provider.unverified ? " *(unverified)*" : ""}`,
      keysOf(provider),
      features(provider).join(", "),
    ].join(" | "),
  );
  return `| id | provider | key | serves |\n| --- | --- | --- | --- |\n${rows.map((row) => `| ${row} |`).join("\n")}`;
}

/** The variables that a key is taken from, and whether there are other credentials. */
function keysOf({ env, keyless, local }: Provider): string {
  const variables = env.map((name) => `\`${name}\``);
  const others = keyless && !local ? ["[cloud credentials](cloud.md)"] : [];
  return [...variables, ...others].join(", ") || "none";
}

const names: Readonly<Record<Operation, string>> = {
  chat: "chat",
  "count-tokens": "token counts",
  embeddings: "embeddings",
  rerank: "rerank",
  completions: "completions",
  moderations: "moderations",
  images: "images",
  "image-edits": "image edits",
  "image-variations": "image variations",
  speech: "speech",
  transcriptions: "transcriptions",
  translations: "translations",
  files: "files",
  batches: "batches",
  uploads: "uploads",
  "pass-through": "pass-through",
  realtime: "realtime",
  compact: "compaction",
};

/** The page's short names. */
const wires: Readonly<Record<DialectId, string>> = {
  "openai-chat": "chat",
  "openai-responses": "responses",
  "anthropic-messages": "messages",
  gemini: "gemini",
  ollama: "ollama",
  "bedrock-converse": "converse",
  cohere: "cohere",
};

function features(provider: Provider): string[] {
  const { chat = [], ...others } = provider.speaks;
  const served = [
    ...new Set(chat.map((endpoint) => wires[endpoint.dialect])),
    ...(Object.keys(names) as Operation[]).flatMap((operation) => {
      const endpoints = operation === "chat" ? undefined : others[operation];
      return endpoints ? [`${names[operation]}${spoken(operation, endpoints)}`] : [];
    }),
  ];
  return served.length > 0 ? served : ["pass-through"];
}

/** The wires of an operation besides chat, where they are not what everybody expects. */
function spoken(operation: Operation, endpoints: readonly Endpoint[]): string {
  const usual = operation === "rerank" ? "cohere" : "openai-chat";
  const dialects = [...new Set(endpoints.map((endpoint) => endpoint.dialect))];
  const own = operation === "count-tokens" || operation === "compact";
  if (own || (dialects.length === 1 && dialects[0] === usual)) return "";
  return ` (${dialects.map((dialect) => wires[dialect]).join(", ")})`;
}

function details(provider: Provider): string {
  const lines = [
    ...bases(provider).map(([dialect, baseUrl]) => `- ${dialect}: \`${baseUrl}\``),
    ...Object.entries(provider.urlSettings ?? {}).map(([name, setting]) => {
      const from = [
        ...(setting.env ?? []).map((variable) => `\`$${variable}\``),
        ...(setting.default === undefined ? [] : [`default \`${setting.default}\``]),
      ];
      const origin = from.length > 0 ? ` (${from.join(", ")})` : "";
      return `- setting \`${name}\`${origin}: ${setting.description}, e.g. \`${setting.example}\``;
    }),
    ...Object.entries(provider.authSettings ?? {}).map(([name, setting]) => {
      const from = (setting.env ?? []).map((variable) => `\`$${variable}\``).join(", ");
      const secret = setting.secret ? "secret " : "";
      return `- ${secret}setting \`${name}\`${from === "" ? "" : ` (${from})`}: ${setting.description}`;
    }),
    ...modelLists(provider),
    ...limits(provider).map(
      (endpoint) => `- ${endpoint.dialect}: only models that fit \`${endpoint.models}\``,
    ),
    ...quirkLines(provider.quirks).map((line) => `- ${line}`),
  ];
  return `### ${provider.id}\n\n${lines.join("\n")}`;
}

/** Base URLs by dialect, each once. */
function bases(provider: Provider): [string, string][] {
  const found = new Map<string, string>();
  for (const endpoint of Object.values(provider.speaks).flat()) {
    const base = endpoint.baseUrl ?? provider.baseUrl;
    const shown = base ?? (provider.serve ? "(built in)" : "(yours)");
    if (!found.has(endpoint.dialect)) found.set(endpoint.dialect, shown);
  }
  if (found.size === 0 && provider.baseUrl) found.set("pass-through", provider.baseUrl);
  return [...found];
}

function modelLists(provider: Provider): string[] {
  if (provider.modelsUrl === undefined) return [];
  return [
    provider.modelsUrl === null
      ? "- has no list of models"
      : `- list of models: \`${provider.modelsUrl.split("?")[0]}\``,
  ];
}

const limits = (provider: Provider): Endpoint[] =>
  (provider.speaks.chat ?? []).filter((endpoint) => endpoint.models !== undefined);
