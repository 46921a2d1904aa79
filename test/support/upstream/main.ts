// Runs the doubles by hand: `bun test/support/upstream/main.ts --openai 9001 --anthropic 9000 --key k`.
import { Command } from "commander";
import { startAnthropicUpstream } from "./anthropic.ts";
import { startBedrockUpstream } from "./bedrock.ts";
import { startCohereUpstream } from "./cohere.ts";
import { startGeminiUpstream } from "./gemini.ts";
import { startMistralUpstream } from "./mistral.ts";
import { startOllamaUpstream } from "./ollama.ts";
import { startOpenAiUpstream } from "./openai.ts";
import { startResponsesUpstream } from "./responses.ts";
import type { Recorded, Upstream, UpstreamOptions } from "./upstream.ts";

interface Settings {
  [wire: string]: unknown;
  host: string;
  key: string;
  model: string[];
}

/** Every double by the name of its option, in the order in which they are told. */
const wires: readonly (readonly [
  name: string,
  title: string,
  start: (options: UpstreamOptions) => Promise<Upstream>,
])[] = [
  ["openai", "the OpenAI API", startOpenAiUpstream],
  ["anthropic", "the Anthropic API", startAnthropicUpstream],
  ["bedrock", "Amazon Bedrock", startBedrockUpstream],
  ["cohere", "the Cohere API", startCohereUpstream],
  ["ollama", "Ollama's own API", startOllamaUpstream],
  ["mistral", "the Mistral API", startMistralUpstream],
  ["gemini", "the Gemini API and Vertex AI's", startGeminiUpstream],
  ["responses", "the OpenAI Responses API", startResponsesUpstream],
];

const collect = (value: string, before: string[]): string[] => [...before, value];

const program = new Command("upstream").description(
  "Strict doubles of vendors' APIs. Every request is judged by the vendor's rules; one line tells the verdict.",
);
for (const [name, title] of wires)
  program.option(`--${name} <port>`, `serve ${title} on this port`);
program
  .option("--host <address>", "address to bind", "127.0.0.1")
  .option("--key <key>", "the only key that is accepted", "k")
  .option("--model <name>", "a further model name to accept (repeatable)", collect, [])
  .parse();

const settings = program.opts<Settings>();
const wanted = wires.filter(([name]) => settings[name] !== undefined);
if (wanted.length === 0) program.help({ error: true });

const upstreams = await Promise.all(
  wanted.map(([name, , start]) =>
    start({
      port: Number(settings[name]),
      hostname: settings.host,
      key: settings.key,
      models: settings.model,
      onRequest: (request) => print(name, request),
    }),
  ),
);
for (const upstream of upstreams)
  process.stdout.write(`listening ${upstream.baseUrl} key ${upstream.key}\n`);

function print(label: string, request: Recorded): void {
  const verdict =
    request.refusal === undefined
      ? "accepted"
      : `refused ${request.refusal.status} ${request.refusal.message.slice(0, 200)}`;
  process.stdout.write(
    `${label} ${request.method} ${request.path} ${request.body.length} bytes: ${verdict}\n`,
  );
}
