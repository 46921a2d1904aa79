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
  /** Null where none was found: Claude Code asks a Bedrock for all of Anthropic's models by name. */
  model: string | null;
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
  { name: "OpenAI chat", type: "openai-compatible", model: "gpt-4o", start: startOpenAiUpstream },
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
    return fresh.filter(({ model }) => model !== null);
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
        // Agents put notes of their own before what the user says: an echo of them would not be short.
        const ran = await ask(agent, "demo/fixed:Hello gateway", "Say hello.");
        expect([ran.code, ran.isError, ran.text]).toEqual([0, false, "Hello gateway"]);
      });

      test("offline, a command that the demo makes up", async () => {
        const { name } = agent.shell("");
        const ran = await ask(agent, "demo/echo", `Please use ${name} now`);
        expect([ran.code, ran.isError]).toEqual([0, false]);
        expect(ran.text).toContain("sample: command not found");
      });

      test("with a key that the gateway does not know: told at once", async () => {
        const ran = await runAgent(agent, {
          url: daemon.url,
          key: "unknown-key",
          model: "demo/echo",
          prompt: "Hello",
        });
        expect(ran.isError).toBe(true);
        expect(ran.text).toContain("The API key is not known here.");
        expect(await newRows()).toEqual([]);
      });

      for (const vendor of [ownOf(agent), foreignTo(agent)]) {
        const model = `${idOf(vendor.name)}/${vendor.model}`;

        test(`${vendor.name}: waits when told to, and goes on`, async () => {
          const upstream = upstreamOf(vendor);
          upstream.script([
            {
              kind: "error",
              status: 429,
              type: "rate_limit_error",
              message: "Slow down.",
              retryAfter: 1,
            },
            { kind: "text", text: "Here I am." },
          ]);
          const ran = await ask(agent, model, "Are you there?");
          expect([ran.code, ran.isError, ran.text]).toEqual([0, false, "Here I am."]);
          expect((await newRows()).map(({ httpStatus }) => httpStatus)).toEqual([429, 200]);
          const [first, second] = upstream.requests;
          expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(900);
        });

        test(`${vendor.name}: takes no half answer for a whole one`, async () => {
          const upstream = upstreamOf(vendor);
          const whole = { kind: "text", text: "All seven words of the answer came." } as const;
          upstream.script([{ kind: "half-stream", afterFrames: 6, answer: whole }, whole]);
          const ran = await ask(agent, model, "Talk to me.");
          const rows = (await newRows()).map(({ status }) => status);
          if (agent.repeatsBroken) {
            expect(ran.isError).toBe(false);
            // Some show what had come before, too.
            expect(ran.text).toEndWith(whole.text);
            expect(rows).toEqual(["error", "ok"]);
          } else {
            expect(ran.isError).toBe(true);
            expect(rows).toEqual(["error"]);
          }
        });

        test(`${vendor.name}: interrupted, it leaves: the upstream is told, the row says so`, async () => {
          const upstream = upstreamOf(vendor);
          upstream.script({
            kind: "hang",
            afterFrames: 4,
            answer: { kind: "text", text: "one two three four five" },
          });
          let interruptedAt = 0;
          await ask(agent, model, "Count to five.", {
            async interruptWhen() {
              const deadline = performance.now() + 20_000;
              while (upstream.requests.length === 0 && performance.now() < deadline) {
                await Bun.sleep(10);
              }
              await Bun.sleep(500);
              interruptedAt = performance.now();
            },
          });
          expect(upstream.aborts).toHaveLength(1);
          expect((upstream.aborts[0]?.at ?? Infinity) - interruptedAt).toBeLessThan(1_000);
          expect((await newRows()).map(({ status }) => status)).toEqual(["client_closed"]);
        });

        test(`${vendor.name}: is told that the context is full, and asks no more`, async () => {
          const upstream = upstreamOf(vendor);
          upstream.script({
            kind: "error",
            status: 400,
            type: "invalid_request_error",
            message: "prompt is too long: 210000 tokens > 200000 maximum",
          });
          const ran = await ask(agent, model, "Go on.");
          expect(ran.isError).toBe(true);
          expect(ran.text).toMatch(/too long|context/i);
          expect(upstream.requests).toHaveLength(1);
        });
      }

      for (const vendor of vendors) {
        const model = `${idOf(vendor.name)}/${vendor.model}`;

        test(`${vendor.name}: thinks, says something, and runs two commands at once`, async () => {
          const upstream = upstreamOf(vendor);
          upstream.script({
            kind: "tool-calls",
            text: "Let me run them.",
            reasoning: "The user wants commands.",
            calls: ["one", "two"].map((word) => agent.shell(`printf %s-%s ${word} 42`)),
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

/** The vendor whose wire the agent speaks, and one of another. */
const ownOf = ({ vendor }: Agent): Vendor => vendorOf(vendor);
const foreignTo = ({ vendor }: Agent): Vendor =>
  vendorOf(vendor === "Anthropic" ? "OpenAI Responses" : "Anthropic");

function vendorOf(wanted: string): Vendor {
  const found = vendors.find(({ name }) => name === wanted);
  if (!found) throw new Error(`no vendor ${wanted}`);
  return found;
}

const idOf = (name: string): string => name.toLowerCase().replaceAll(" ", "-");

const refusals = ({ requests }: Upstream): unknown[] =>
  requests.flatMap(({ refusal }) => (refusal ? [refusal] : []));

/** Base64 of pictures anywhere in a request. */
const picturesIn = (body: unknown): string[] =>
  [...JSON.stringify(body).matchAll(/iVBORw0KGgo[A-Za-z0-9+/=]+/g)].map(([found]) => found);
