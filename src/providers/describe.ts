// The page that lists the providers, made from their data.
import type { DialectId, Operation } from "../ir/chat.ts";
import type { Endpoint, Provider } from "./provider.ts";

/** Markdown of `docs/providers.md`. */
export function renderProviders(providers: readonly Provider[]): string {
  const remote = providers.filter((provider) => provider.baseUrl !== undefined && !provider.local);
  const local = providers.filter((provider) => provider.baseUrl !== undefined && provider.local);
  const others = providers.filter((provider) => provider.baseUrl === undefined);
  return `# Providers

${intro}

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

Without a configuration file, or with \`discover: { environment: true }\`, a provider is enabled by its environment variable. Otherwise it takes an entry in the configuration:

\`\`\`yaml
providers:
  groq: {}                                                        # the key comes from $GROQ_API_KEY
  my-groq: { type: groq, api_key: "\${OTHER_KEY}" }                # another account
  mine: { type: openai-compatible, base_url: "http://10.0.0.5:8000/v1", api_key: k }
\`\`\`

Clients then ask for \`provider/model\`. Where a provider speaks the client's own wire, the request goes through byte for byte; otherwise it is translated.

**chat** is OpenAI's Chat Completions wire, **messages** Anthropic's Messages wire. *Unverified* means that the facts come from other people's code instead of the vendor's pages.`;

function table(providers: readonly Provider[]): string {
  const rows = providers.map((provider) =>
    [
      `\`${provider.id}\``,
      `[${provider.label}](${provider.docs})${provider.unverified ? " *(unverified)*" : ""}`,
      provider.env.map((name) => `\`${name}\``).join(", ") || "none",
      features(provider).join(", "),
    ].join(" | "),
  );
  return `| id | provider | key | serves |\n| --- | --- | --- | --- |\n${rows.map((row) => `| ${row} |`).join("\n")}`;
}

const names: Readonly<Record<Operation, string>> = {
  chat: "chat",
  "count-tokens": "token counts",
  embeddings: "embeddings",
  completions: "completions",
  moderations: "moderations",
};

/** The page's short names. */
const wires: Readonly<Record<DialectId, string>> = {
  "openai-chat": "chat",
  "anthropic-messages": "messages",
};

function features(provider: Provider): string[] {
  const chat = (provider.speaks.chat ?? []).map((endpoint) => wires[endpoint.dialect]);
  const others = (Object.keys(provider.speaks) as Operation[]).filter(
    (operation) => operation !== "chat",
  );
  return [...chat, ...others.map((operation) => names[operation])];
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
    ...modelLists(provider),
    ...limits(provider).map(
      (endpoint) => `- ${endpoint.dialect}: only models \`${endpoint.models}\``,
    ),
    ...quirks(provider),
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
  return [...found];
}

function modelLists(provider: Provider): string[] {
  if (provider.modelsUrl === undefined) return [];
  return [
    provider.modelsUrl === null
      ? "- has no list of models"
      : `- list of models: \`${provider.modelsUrl}\``,
  ];
}

const limits = (provider: Provider): Endpoint[] =>
  (provider.speaks.chat ?? []).filter((endpoint) => endpoint.models !== undefined);

function quirks(provider: Provider): string[] {
  const { drop, usageInStream, maxTokensField, noJsonSchema, cacheControl, reasoningField } =
    provider.quirks;
  const lines: string[] = [];
  if (maxTokensField) lines.push(`- takes the output limit as \`${maxTokensField}\``);
  if (usageInStream === "always") lines.push("- streams report usage without being asked");
  if (usageInStream === "never") lines.push("- streams do not report usage");
  if (noJsonSchema) lines.push("- structured output without a schema (`json_object`) only");
  if (cacheControl) lines.push("- honours `cache_control` in chat parts");
  if (reasoningField) lines.push(`- takes earlier reasoning back as \`${reasoningField}\``);
  if (drop) {
    lines.push(
      `- refuses ${drop.map((field) => `\`${field}\``).join(", ")}: dropped with a warning`,
    );
  }
  return lines;
}
