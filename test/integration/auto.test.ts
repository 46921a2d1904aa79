// `auto` over whole conversations: hysteresis, pins, and what a session remembers.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { promptInput } from "../../src/routing/complexity/input.ts";
import { scoreRequest } from "../../src/routing/complexity/score.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";

let server: Bun.Server<undefined>;
let gateway: InProcess;
/** Models whose requests fail. */
let broken: string[] = [];

beforeEach(() => {
  broken = [];
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { model } = (await request.json()) as { model: string };
      if (broken.includes(model))
        return Response.json({ error: { message: "no" } }, { status: 503 });
      return Response.json({
        id: "c",
        object: "chat.completion",
        created: 1,
        model,
        choices: [
          { index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" },
        ],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      });
    },
  });
});
afterEach(async () => {
  await gateway.close();
  await server.stop(true);
});

/** So that the order within a tier is no matter of chance. */
const prices = {
  small: { input: "1", output: "1" },
  "small-too": { input: "2", output: "2" },
  large: { input: "9", output: "9" },
};

async function start(route: object, more: object = {}): Promise<void> {
  gateway = await startInProcess({
    affinity: { enabled: true },
    providers: {
      p: { type: "openai-compatible", base_url: `${server.url.origin}/v1`, api_key: "k", prices },
    },
    models: {
      auto: {
        policy: "auto",
        deployments: [
          { model: "p/small", quality: 1 },
          { model: "p/small-too", quality: 1 },
          { model: "p/large", quality: 5 },
        ],
        ...route,
      },
    },
    ...more,
  });
}

interface Turn {
  content: string;
  body?: object;
  headers?: Record<string, string>;
  session?: string;
}

async function ask({
  content,
  body = {},
  headers = {},
  session = "s",
}: Turn): Promise<string | null> {
  const answer = await gateway.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { "x-session-id": session, ...headers },
    body: JSON.stringify({ model: "auto", messages: [{ role: "user", content }], ...body }),
  });
  await answer.text();
  return answer.headers.get("x-megallm-model");
}

const hello = "Hi!";
const eigen =
  "Find the eigenvalues of the matrix [[2,1,0],[1,3,1],[0,1,2]] and determine whether it is positive definite.";
const proof = "Prove that the square root of 2 is irrational.";
const sum = "Derive the closed form of the sum of k^2 from 1 to n by induction.";
const train =
  "A train leaves at 9:00 at 80 km/h and another at 9:30 at 110 km/h on the same track. If the second keeps a 12 minute stop halfway, how many kilometers from the start does it catch up with the first?";
const conversation = [hello, eigen, train, eigen, train, proof, eigen, train, hello, sum];

/** The tiers of a conversation, told again in a few lines. */
function expectedTiers(margin: number, cut = 0.5): string[] {
  let last: string | undefined;
  return conversation.map((content) => {
    const { score } = scoreRequest(promptInput(content));
    if (last === "large") last = score + margin >= cut ? "large" : "small";
    else if (last === "small") last = score - margin >= cut ? "large" : "small";
    else last = score >= cut ? "large" : "small";
    return last;
  });
}

const changes = (tiers: readonly (string | null)[]): number =>
  tiers.filter((tier, at) => at > 0 && tier !== tiers[at - 1]).length;

describe("a conversation of ten turns", () => {
  const tiersOf = async (headers: Record<string, string> = {}): Promise<(string | null)[]> => {
    const tiers: (string | null)[] = [];
    for (const content of conversation) tiers.push(await ask({ content, headers }));
    return tiers;
  };

  test("keeps its tier unless the difficulty is past the threshold by the margin", async () => {
    await start({});
    const tiers = await tiersOf();
    expect(tiers).toEqual(expectedTiers(0.1));
    await gateway.close();
    await start({ hysteresis: 0 });
    const flapping = await tiersOf();
    expect(flapping).toEqual(expectedTiers(0));
    expect(changes(flapping)).toBeGreaterThan(changes(tiers));
  });

  test("remembers nothing where affinity is off, by header or in general", async () => {
    await start({});
    expect(await tiersOf({ "x-megallm-affinity": "off" })).toEqual(expectedTiers(0));
    await gateway.close();
    await start({}, { affinity: { enabled: false } });
    expect(await tiersOf()).toEqual(expectedTiers(0));
  });

  test("thresholds say where the next tier begins", async () => {
    await start({ thresholds: [0.63] });
    expect(await tiersOf()).toEqual(expectedTiers(0.1, 0.63));
  });

  test("a fallback that answered is not what the session remembers", async () => {
    await start({});
    broken = ["large"];
    expect(await ask({ content: proof })).toBe("small");
    broken = [];
    // Not far enough from the threshold to leave the tier that was chosen.
    expect(await ask({ content: eigen })).toBe("large");
  });
});

describe("pins", () => {
  const pins = [
    { text: "(?i)^classify\\b", tier: 1 },
    { tag: "premium", quality: 5 },
    { metadata: { team: "research", stage: "2" }, quality: 5 },
    { tool: "web_search", model: "p/small-too" },
  ];
  const tool = (name: string) => ({
    tools: [{ type: "function", function: { name, parameters: { type: "object" } } }],
  });

  test.each([
    ["text", { content: `CLASSIFY this. ${proof}` }, "small"],
    ["no text", { content: `Reclassify this. ${proof}` }, "large"],
    ["a tag in the body", { content: hello, body: { tags: ["a", "premium"] } }, "large"],
    [
      "a tag in the metadata",
      { content: hello, body: { metadata: { tags: ["premium"] } } },
      "large",
    ],
    [
      "a tag in the header",
      { content: hello, headers: { "x-litellm-tags": "a, premium" } },
      "large",
    ],
    ["metadata", { content: hello, body: { metadata: { team: "research", stage: 2 } } }, "large"],
    ["half of the metadata", { content: hello, body: { metadata: { team: "research" } } }, "small"],
    ["a tool", { content: proof, body: tool("web_search") }, "small-too"],
    ["another tool", { content: proof, body: tool("search") }, "large"],
    ["the first that fits", { content: "classify this", body: { tags: ["premium"] } }, "small"],
    [
      "nothing of Object's own",
      { content: hello, body: { metadata: { constructor: 1 } } },
      "small",
    ],
  ] as [string, Turn, string][])("%s", async (_name, turn, expected) => {
    await start({ pins });
    expect(await ask(turn)).toBe(expected);
  });

  test("hold for their request alone: the session keeps the tier that it had, and goes back to it", async () => {
    await start({ pins });
    expect(await ask({ content: proof })).toBe("large");
    expect(await ask({ content: "classify this" })).toBe("small");
    // Below the threshold, but within the margin of the tier before the pin.
    expect(await ask({ content: eigen })).toBe("large");
  });

  test("a pinned deployment goes before the one that the session was with; when it fails, its tier goes on", async () => {
    await start({ pins });
    expect(await ask({ content: hello })).toBe("small");
    expect(await ask({ content: hello, body: tool("web_search") })).toBe("small-too");
    broken = ["small-too"];
    expect(await ask({ content: hello, body: tool("web_search") })).toBe("small");
  });
});
