// Real agent programs through the executable, to upstreams of every vendor: each agent with each, feature by feature.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type Agent, installed, type Ran, runAgent, type RunOptions } from "../support/agents/agent.ts";
import { claudeOnBedrock, claudeOnVertex } from "../support/agents/claude-clouds.ts";
import { codex } from "../support/agents/codex.ts";
import { geminiCli } from "../support/agents/gemini-cli.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { png } from "../support/pairs/media.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startBedrockUpstream } from "../support/upstream/bedrock.ts";
import { startGeminiUpstream } from "../support/upstream/gemini.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import { startResponsesUpstream } from "../support/upstream/responses.ts";
import type { Upstream, UpstreamOptions } from "../support/upstream/upstream.ts";

/** A row of the ledger, as the admin API shows it. */
interface Row {
  status: string;
  httpStatus: number;
  key: string | null;
}

interface Vendor {
  name: string;
  /** Its provider in the configuration. */
  type: string;
  model: string;
  start(options: UpstreamOptions): Promise<Upstream>;
  settings?: Record<string, string>;
}

const vendors: readonly Vendor[] = [
  { name: "OpenAI chat", type: "openai-compatible", model: "gpt-5.1", start: startOpenAiUpstream },
  {
    name: "OpenAI Responses",
    type: "responses-compatible",
    model: "gpt-5.1",
    start: startResponsesUpstream,
  },
  { name: "Anthropic", type: "anthropic", model: "claude-opus-4-8", start: startAnthropicUpstream },
  { name: "Gemini", type: "gemini", model: "gemini-3-pro-preview", start: startGeminiUpstream },
  {
    name: "Bedrock",
    type: "bedrock",
    model: "amazon.nova-2-lite-v1:0",
    start: startBedrockUpstream,
    settings: { region: "us-east-1" },
  },
];

const gatewayKey = "a-key-of-the-gateway-0123456789";
const agents = installed([codex, geminiCli, claudeOnBedrock, claudeOnVertex]);

describe.skipIf(agents.length === 0)("agents", () => {
  const upstreams = new Map<string, Upstream>();
  let daemon: Daemon;
  let seen = 0;

  beforeAll(async () => {
    const providers: Record<string, unknown> = { demo: {} };
    for (const { name, type, start, settings } of vendors) {
      const key = `key-of-${idOf(name)}-0123456789`;
      const upstream = await start({ key, demandSignatures: true });
      upstreams.set(name, upstream);
      providers[idOf(name)] = { type, base_url: upstream.baseUrl, api_key: key, ...settings };
    }
    // JSON is YAML too.
    daemon = await startDaemon({
      config: JSON.stringify({ keys: { agent: gatewayKey }, providers }),
      args: ["--log-level", "debug"],
    });
  });
  afterAll(async () => {
    await Promise.all([daemon.dispose(), ...[...upstreams.values()].map((one) => one.stop())]);
  });
  afterEach(async () => {
    await newRows();
    for (const upstream of upstreams.values()) upstream.reset();
  });

  /** Rows written since the last look, oldest first. */
  async function newRows(): Promise<Row[]> {
    await Bun.sleep(100);
    const answer = await fetch(`${daemon.url}/admin/requests?limit=500`, {
      headers: { authorization: `Bearer ${daemon.adminKey}` },
    });
    const { rows } = (await answer.json()) as { rows: Row[] };
    const fresh = rows.slice(0, rows.length - seen).toReversed();
    seen = rows.length;
    return fresh;
  }

  const ask = (
    agent: Agent,
    model: string,
    prompt: string,
    options?: RunOptions,
  ): Promise<Ran> =>
    runAgent(agent, { url: daemon.url, key: gatewayKey, model, prompt }, options);

  const upstreamOf = ({ name }: Vendor): Upstream => {
    const upstream = upstreams.get(name);
    if (!upstream) throw new Error(`no upstream of ${name}`);
    return upstream;
  };

  for (const agent of agents) {
    describe(agent.name, () => {
      test("offline, with the demo provider", async () => {
        const ran = await ask(agent, "demo/echo", "Hello gateway");
        expect(ran.text).toEndWith("Hello gateway");
        expect([ran.code, ran.isError]).toEqual([0, false]);
      });

      for (const vendor of vendors) {
        const model = `${idOf(vendor.name)}/${vendor.model}`;

        test(`${vendor.name}: thinks, says something, and runs two commands at once`, async () => {
          const upstream = upstreamOf(vendor);
          upstream.script({
            kind: "tool-calls",
            text: "Let me run them.",
            reasoning: "The user wants commands.",
            calls: ["one", "two"].map((word) => agent.shell(`echo ${word}-$((40+2))`)),
          });
          const ran = await ask(agent, model, "Say two words by commands.");
          expect(refusals(upstream)).toEqual([]);
          expect(ran.text).toStartWith("The tool said: ");
          for (const word of ["one-42", "two-42"]) expect(ran.text).toContain(word);
          expect([ran.code, ran.isError]).toEqual([0, false]);
          expect((await newRows()).every(({ status }) => status === "ok")).toBe(true);
          for (const { headers, body } of upstream.requests) {
            expect(JSON.stringify(headers) + new TextDecoder().decode(body)).not.toContain(gatewayKey);
          }
        });

        test(`${vendor.name}: looks at a picture, which reaches the model whole`, async () => {
          const upstream = upstreamOf(vendor);
          const ran = await ask(agent, model, "What is in dot.png?", {
            files: { "dot.png": Buffer.from(png, "base64") },
            inFolder: (folder) =>
              upstream.script({ kind: "tool-calls", calls: [agent.look("dot.png", folder)] }),
          });
          expect(refusals(upstream)).toEqual([]);
          expect([ran.code, ran.isError]).toEqual([0, false]);
          expect(picturesIn(upstream.requests.at(-1)?.parsed)).toHaveLength(1);
        });
      }
    });
  }
});

const idOf = (name: string): string => name.toLowerCase().replaceAll(" ", "-");

const refusals = ({ requests }: Upstream): unknown[] =>
  requests.flatMap(({ refusal }) => (refusal ? [refusal] : []));

/** Base64 of pictures anywhere in a request. */
const picturesIn = (body: unknown): string[] =>
  [...JSON.stringify(body).matchAll(/iVBORw0KGgo[A-Za-z0-9+/=]+/g)].map(([found]) => found);
