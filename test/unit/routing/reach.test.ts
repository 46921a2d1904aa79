// Whom a name leads to: lists for kinds of failure, groups, tags, regions, aliases, and what a key may use.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { reachOf } from "../../../src/access/reach.ts";
import { configFromObject } from "../../../src/config/load.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { providers as presets } from "../../../src/providers/index.ts";
import { createRandom } from "../../../src/routing/random.ts";
import type { Candidate } from "../../../src/routing/candidate.ts";
import { createRouter, type Router, type RoutingContext } from "../../../src/routing/router.ts";

const mine = (name: string) => ({ type: "openai-compatible", base_url: `http://${name}.test/v1` });
const known: Record<string, string[]> = { a: ["m", "bare", "both"], b: ["m", "both"], c: ["m"] };

function routerOf(config: Record<string, unknown>): Router {
  const { config: resolved } = configFromObject(
    {
      providers: { a: mine("a"), b: mine("b"), c: mine("c"), d: mine("d") },
      ...config,
    },
    { env: {}, presets },
  );
  return createRouter(resolved, async ({ name }) => known[name] ?? []);
}

const shown = ({ provider, model, fallbackFor }: Candidate): string =>
  `${provider.name}/${model}${fallbackFor ? ` (${fallbackFor})` : ""}`;

const order = async (router: Router, name: string, context?: RoutingContext): Promise<string[]> =>
  (await router.candidates(name, context)).map(shown);

async function refusal(promise: Promise<unknown>): Promise<[string, string | undefined, string]> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof GatewayError) return [error.code, error.param, error.message];
    throw error;
  }
  throw new Error("it was not refused");
}

const limited = (...models: string[]): RoutingContext => reachOf({ key: "app", models: [models] });

describe("lists for kinds of failure", () => {
  const router = routerOf({
    default_fallbacks: { general: ["d/general"], content_policy: ["d/bold"] },
    models: {
      plain: { deployments: [{ model: "a/m" }] },
      listed: {
        deployments: [{ model: "a/m" }],
        fallbacks: { general: ["plain", "b/m"], context_window: ["c/long", "b/m"] },
      },
      short: { deployments: [{ model: "a/m" }], fallbacks: ["b/m"] },
      none: {
        deployments: [{ model: "a/m" }],
        fallbacks: { general: [], content_policy: [], context_window: [] },
      },
      "star-*": { deployments: [{ model: "a/*" }], fallbacks: { context_window: ["c/*-long"] } },
      nested: { deployments: [{ model: "d/m" }], fallbacks: { context_window: ["listed"] } },
    },
  });
  const defaults = { defaults: true };

  test.each([
    [
      "listed",
      ["a/m", "b/m", "c/long (context_window)", "b/m (context_window)", "d/bold (content_policy)"],
    ],
    ["plain", ["a/m", "d/general", "d/bold (content_policy)"]],
    ["short", ["a/m", "b/m", "d/bold (content_policy)"]],
    ["none", ["a/m"]],
    ["a/m", ["a/m", "d/general", "d/bold (content_policy)"]],
    ["bare", ["a/bare", "d/general", "d/bold (content_policy)"]],
    ["star-x", ["a/x", "d/general", "c/x-long (context_window)", "d/bold (content_policy)"]],
  ])("%s → %j", async (name, expected) => {
    expect((await order(router, name, defaults)).toSorted()).toEqual(expected.toSorted());
  });

  test("without the wish for them, there are no default ones", async () => {
    expect(await order(router, "a/m")).toEqual(["a/m"]);
    expect(await order(router, "plain")).toEqual(["a/m"]);
  });

  test("each says by which names it was reached, and what others take of it", async () => {
    const [first, ...rest] = await router.candidates("listed", defaults);
    expect(first).toMatchObject({
      via: ["listed"],
      yieldsTo: ["context_window", "content_policy"],
    });
    expect(rest.map(({ via }) => via.join(" > "))).toEqual([
      "listed > b/m",
      "listed > d/bold",
      "listed > c/long",
      "listed > b/m",
    ]);
    expect(rest.every(({ order: rank }) => rank >= 1_000_000)).toBe(true);
  });

  test("what stands in the list of a list is for failures within it", async () => {
    const found = await router.candidates("nested");
    expect(found.map((each) => [shown(each), each.via.join(" > ")])).toContainEqual([
      "c/long (context_window)",
      "nested > listed > c/long",
    ]);
  });
});

describe("groups", () => {
  const models = {
    outer: {
      policy: "weighted",
      deployments: [
        { route: "cheap", weight: 90 },
        { route: "best", weight: 10 },
      ],
      fallbacks: ["d/last"],
    },
    cheap: {
      policy: "round-robin",
      deployments: [{ model: "a/1" }, { model: "a/2" }],
      fallbacks: ["d/cheap"],
      timeouts: { idle: "7s" },
    },
    best: {
      policy: "weighted",
      deployments: [
        { model: "b/1", weight: 75 },
        { model: "b/2", weight: 25 },
      ],
    },
    tiers: {
      deployments: [{ model: "c/m", order: 1 }, { route: "cheap" }],
      timeouts: { idle: "3s", total: "9s" },
    },
    priced: {
      policy: "lowest-cost",
      deployments: [{ route: "best" }, { route: "cheap" }, { model: "c/m" }],
    },
  };
  const priced = (name: string, dollars: string) => ({
    [name]: { ...mine(name), prices: { "*": { input: dollars, output: dollars } } },
  });
  const router = routerOf({
    models,
    providers: { ...priced("a", "3"), ...priced("b", "9"), ...priced("c", "5"), d: mine("d") },
  });

  test("take a deployment's place with all of their own, fallbacks behind all of them", async () => {
    const found = await router.candidates("tiers");
    expect(found.map(shown)).toEqual(["a/1", "a/2", "c/m", "d/cheap"]);
    expect(found.map(({ within }) => within)).toEqual([["cheap"], ["cheap"], undefined, undefined]);
    expect(found.map(({ via }) => via.join(" > "))).toEqual([
      "tiers",
      "tiers",
      "tiers",
      "tiers > d/cheap",
    ]);
    const [first] = found;
    // What stands nearest to the deployment holds.
    expect(first?.timeouts).toMatchObject({ idleMs: 7_000, totalMs: 9_000 });
    expect((await router.candidates("outer")).map(shown).slice(-2)).toEqual(["d/cheap", "d/last"]);
  });

  test("are judged by the deployment that they would take", async () => {
    const [first, second, third] = (await order(router, "priced")).filter(
      (each, at, all) => all.findIndex((one) => one[0] === each[0]) === at,
    );
    expect([first?.[0], second?.[0], third?.[0]]).toEqual(["a", "c", "b"]);
  });

  test("keep their own shares exactly, whatever share they have", async () => {
    const fresh = routerOf({ models });
    const random = createRandom(7);
    const counts = new Map<string, number>();
    for (let at = 0; at < 4_000; at += 1) {
      const [first] = await order(fresh, "outer", { random });
      counts.set(first ?? "", (counts.get(first ?? "") ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({
      "a/1": 1800,
      "a/2": 1800,
      "b/1": 300,
      "b/2": 100,
    });
  });

  test("that stand behind others take turns by lot", async () => {
    const fresh = routerOf({ models });
    const random = createRandom(9);
    let firstOfCheap = 0;
    for (let at = 0; at < 2_000; at += 1) {
      const found = await order(fresh, "outer", { random });
      if (found[0]?.startsWith("b") && found.find((name) => name.startsWith("a")) === "a/1") {
        firstOfCheap += 1;
      }
    }
    expect(firstOfCheap).toBeGreaterThan(70);
    expect(firstOfCheap).toBeLessThan(130);
  });
});

describe("tags and regions", () => {
  const models = {
    tiers: {
      deployments: [
        { model: "a/m", tags: ["free"], region: "us" },
        { model: "b/m", tags: ["paid"], region: "eu-west-1" },
        { model: "c/m", tags: ["default"], region: "eu" },
      ],
      fallbacks: ["d/m"],
    },
    strict: { deployments: [{ model: "a/m", tags: ["free"] }] },
    untagged: { deployments: [{ model: "a/m" }], fallbacks: ["strict"] },
    grouped: { deployments: [{ route: "tiers", tags: ["all"] }, { model: "d/m" }] },
  };
  const router = routerOf({ models });

  test.each([
    [{ tags: ["free"] }, ["a/m", "d/m"]],
    [{ tags: ["paid", "free"] }, ["a/m", "b/m", "d/m"]],
    [{ tags: ["nobody's"] }, ["c/m", "d/m"]],
    [{}, ["c/m", "d/m"]],
    [{ region: "eu", tags: ["paid"] }, ["b/m"]],
    [{ region: "eu" }, ["c/m"]],
  ])("%j → %j", async (choice, expected) => {
    expect(await order(router, "tiers", { choice })).toEqual(expected);
  });

  test("all of them, where that is configured", async () => {
    const all = routerOf({ models, tag_match: "all" });
    expect(await order(all, "tiers", { choice: { tags: ["paid", "free"] } })).toEqual([
      "c/m",
      "d/m",
    ]);
  });

  test("in groups, and where nobody has tags", async () => {
    expect(await order(router, "grouped", { choice: { tags: ["all", "free"] } })).toEqual([
      "a/m",
      "d/m",
    ]);
    expect(await order(router, "untagged", { choice: { tags: ["x"] } })).toEqual(["a/m"]);
  });

  test("nobody left is said, and never somebody else asked", async () => {
    const [code, param, says] = await refusal(
      router.candidates("strict", { choice: { tags: ["paid", "x"] } }),
    );
    expect([code, param]).toEqual(["invalid_request", "tags"]);
    expect(says).toContain("no deployment for the tags paid, x");
    for (const name of ["tiers", "a/m", "bare"]) {
      const [other, header] = await refusal(router.candidates(name, { choice: { region: "ap" } }));
      expect([other, header]).toEqual(["invalid_request", "x-megallm-region"]);
    }
  });

  test("a provider's own region counts where the deployment names none", async () => {
    const aws = routerOf({
      providers: {
        east: { type: "bedrock", region: "us-east-1", api_key: "k" },
        west: { type: "bedrock", region: "eu-west-3", api_key: "k" },
      },
      models: { r: { deployments: [{ model: "east/m" }, { model: "west/m" }] } },
    });
    expect(await order(aws, "r", { choice: { region: "eu" } })).toEqual(["west/m"]);
    expect(await order(aws, "west/m", { choice: { region: "eu" } })).toEqual(["west/m"]);
  });
});

describe("what a key may use (S21)", () => {
  const router = routerOf({
    aliases: { haiku: "cheap", "gpt-*": "dear" },
    default_fallbacks: ["dear"],
    models: {
      cheap: {
        deployments: [{ model: "a/m" }],
        fallbacks: { general: ["dear", "spare"], context_window: ["dear"] },
      },
      spare: { deployments: [{ model: "c/m" }] },
      dear: { deployments: [{ model: "b/m" }] },
      pool: { deployments: [{ route: "cheap" }, { route: "dear" }] },
      "wild-*": { deployments: [{ model: "b/*" }] },
    },
  });

  test.each([
    ["cheap", ["cheap"], ["a/m"]],
    ["cheap", ["cheap", "spare"], ["a/m", "c/m"]],
    ["cheap", ["*"], ["a/m", "b/m", "c/m", "b/m (context_window)"]],
    ["haiku", ["cheap"], ["a/m"]],
    ["pool", ["pool"], ["a/m", "b/m"]],
    // A grant of deployments reaches only those of a route.
    ["pool", ["b/*"], ["b/m", "b/m (context_window)"]],
    ["pool", ["cheap"], ["a/m"]],
    ["a/m", ["a/*"], ["a/m"]],
    ["bare", ["bare"], ["a/bare"]],
    ["bare", ["a/*"], ["a/bare"]],
    // Of two that have it, the one that it may use.
    ["both", ["b/*"], ["b/both"]],
  ])("%s by %j → %j", async (name, models, expected) => {
    expect(await order(router, name, limited(...models))).toEqual(expected);
  });

  test.each([
    ["the name", "dear"],
    ["an alias", "gpt-4"],
    ["the provider's path", "b/m"],
    ["a wildcard", "wild-m"],
    ["a bare name", "both"],
    ["a name that nobody has", "nobody"],
    ["a name near one it may use", "chaep"],
    ["a group", "a/other"],
  ])("refused by %s", async (_how, name) => {
    const [code, param, says] = await refusal(
      router.candidates(name, { ...limited("cheap"), defaults: true }),
    );
    expect([code, param]).toEqual(["forbidden", "model"]);
    expect(says).toBe(
      `This key may not use \`${name === "gpt-4" ? "dear" : name}\`. GET /v1/models lists what it may use.`,
    );
  });

  test("default fallbacks and a provider's own API are no way around", async () => {
    const context = { ...limited("a/*"), defaults: true };
    expect(await order(router, "a/m", context)).toEqual(["a/m"]);
    const { mayUse } = limited("a/*");
    expect(router.through("a", "m", mayUse)).toHaveLength(1);
    expect(router.through("a", "", mayUse)).toHaveLength(1);
    expect(() => router.through("b", "m", mayUse)).toThrow("may not use");
    expect(() => router.through("a", "", limited("a/m").mayUse)).toThrow("may not use");
  });

  test("two lists must both let it through", async () => {
    const both = reachOf({
      key: "app",
      models: [
        ["cheap", "dear"],
        ["dear", "b/*"],
      ],
    });
    expect(await order(router, "dear", both)).toEqual(["b/m"]);
    expect((await refusal(router.candidates("spare", both)))[0]).toBe("forbidden");
    expect(await order(router, "cheap", both)).toEqual(["b/m", "b/m (context_window)"]);
  });

  test("its list of models has what it may use, and nothing else", async () => {
    const ids = async (context: RoutingContext): Promise<string[]> =>
      (await router.list(context)).map(({ id }) => id);
    expect(await ids(limited("cheap"))).toEqual(["cheap", "pool", "haiku"]);
    expect(await ids(limited("b/both", "bare"))).toEqual(["wild-both", "bare", "b/both"]);
    expect(await ids({})).toContain("haiku");
    expect(await ids(reachOf({ key: "k", aliases: new Map([["x", "dear"]]) }))).toContain("x");
  });

  test("whatever is asked, each candidate is one that it may use", async () => {
    const names = [
      "cheap",
      "dear",
      "pool",
      "haiku",
      "gpt-4",
      "wild-m",
      "a/m",
      "b/m",
      "bare",
      "both",
    ];
    const patterns = ["cheap", "dear", "spare", "pool", "a/*", "b/m", "*/m", "wild-*", "bare"];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.subarray(patterns),
        fc.boolean(),
        async (name, models, defaults) => {
          const { mayUse } = limited(...models);
          const found = await router
            .candidates(name, { ...limited(...models), defaults })
            .catch((error: unknown) => {
              expect(error).toBeInstanceOf(GatewayError);
              return [];
            });
          for (const { via, within = [], provider, model } of found) {
            const last = via.at(-1) ?? "";
            expect(mayUse?.(last, ...within, `${provider.name}/${model}`)).toBe(true);
          }
        },
      ),
      { seed: 21, numRuns: 300 },
    );
  });
});
