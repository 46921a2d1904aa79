// Real agent programs through the executable, to upstreams of every vendor: each agent with each, feature by feature.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  type Agent,
  installed,
  type Ran,
  runAgent,
  type RunOptions,
} from "../support/agents/agent.ts";
import { claudeOnBedrock, claudeOnVertex } from "../support/agents/claude-clouds.ts";
import { codex } from "../support/agents/codex.ts";
import { geminiCli } from "../support/agents/gemini-cli.ts";
import {
  gatewayKey,
  type Ground,
  openGround,
  refusals,
  type Vendor,
  vendors,
} from "../support/agents/ground.ts";
import { png } from "../support/pairs/media.ts";

const agents = installed([codex, geminiCli, claudeOnBedrock, claudeOnVertex]);

describe.skipIf(agents.length === 0)("agents", () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await openGround();
  });
  afterAll(() => ground.stop());
  afterEach(() => ground.reset());

  const ask = (agent: Agent, model: string, prompt: string, options?: RunOptions): Promise<Ran> =>
    runAgent(agent, { url: ground.daemon.url, key: gatewayKey, model, prompt }, options);

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
          url: ground.daemon.url,
          key: "unknown-key",
          model: "demo/echo",
          prompt: "Hello",
          // With Google's clouds, a new token may help: it tries ten times.
          env: { CLAUDE_CODE_MAX_RETRIES: "1" },
        });
        expect(ran.isError).toBe(true);
        expect(ran.text).toContain("The API key is not known here.");
        expect(await ground.newRows()).toEqual([]);
      });

      for (const vendor of troublesOf(agent)) {
        const model = `${vendor.id}/${vendor.model}`;

        test(`${vendor.name}: waits when told to, and goes on`, async () => {
          const upstream = ground.upstreamOf(vendor);
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
          expect((await ground.newRows()).map(({ httpStatus }) => httpStatus)).toEqual([429, 200]);
          const [first, second] = upstream.requests;
          expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(900);
        });

        test(`${vendor.name}: takes no half answer for a whole one`, async () => {
          const upstream = ground.upstreamOf(vendor);
          const whole = { kind: "text", text: "All seven words of the answer came." } as const;
          upstream.script([{ kind: "half-stream", afterFrames: 6, answer: whole }, whole]);
          const ran = await ask(agent, model, "Talk to me.");
          const rows = (await ground.newRows()).map(({ status }) => status);
          expect(ran.isError).toBe(false);
          // Some show what had come before, too.
          expect(ran.text).toEndWith(whole.text);
          expect(rows).toEqual(["error", "ok"]);
        });

        test(`${vendor.name}: interrupted, it leaves: the upstream is told, the row says so`, async () => {
          const upstream = ground.upstreamOf(vendor);
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
          expect((await ground.newRows()).map(({ status }) => status)).toEqual(["client_closed"]);
        });

        test(`${vendor.name}: is told that the context is full, and asks no more`, async () => {
          const upstream = ground.upstreamOf(vendor);
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
        const model = `${vendor.id}/${vendor.model}`;

        test(`${vendor.name}: thinks, says something, and runs two commands at once`, async () => {
          const upstream = ground.upstreamOf(vendor);
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
          expect((await ground.newRows()).every(({ status }) => status === "ok")).toBe(true);
          for (const { headers, body } of upstream.requests) {
            expect(JSON.stringify(headers) + new TextDecoder().decode(body)).not.toContain(
              gatewayKey,
            );
          }
        });

        test(`${vendor.name}: looks at a picture, which reaches the model whole`, async () => {
          const upstream = ground.upstreamOf(vendor);
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

/** Whose troubles it meets: those of the vendor whose wire it speaks, and of another. */
const troublesOf = ({ troubles }: Agent): Vendor[] => troubles.map(vendorOf);

function vendorOf(wanted: string): Vendor {
  const found = vendors.find(({ name }) => name === wanted);
  if (!found) throw new Error(`no vendor ${wanted}`);
  return found;
}

/** Base64 of pictures anywhere in a request. */
const picturesIn = (body: unknown): string[] =>
  [...JSON.stringify(body).matchAll(/iVBORw0KGgo[A-Za-z0-9+/=]+/g)].map(([found]) => found);
