// Arms: exact shares, users that stay where they are, and who is part of an experiment.
import { describe, expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { providers } from "../../../src/providers/index.ts";
import { givenIn } from "../../../src/routing/experiment.ts";
import { createRouter, type Router } from "../../../src/routing/router.ts";

function routerFor(experiment: object): Router {
  const written = {
    providers: { demo: {} },
    models: { trial: { experiment } },
  };
  const { config } = configFromObject(written, { env: {}, presets: providers });
  return createRouter(config, async () => []);
}

const three = {
  a: { model: "demo/echo", weight: 70 },
  b: { model: "demo/other", weight: 20 },
  c: { model: "demo/echo", weight: 10 },
};

const facts = (user: string) => () => ({
  inputTokens: 1,
  expectedOutputTokens: 1,
  stream: false,
  user,
});

async function counted(router: Router, count: number, user?: (at: number) => string) {
  const counts = new Map<string, number>();
  for (let at = 0; at < count; at += 1) {
    const context = user ? { facts: facts(user(at)) } : {};
    const given = givenIn(await router.candidates("trial", context));
    counts.set(given?.arm ?? "", (counts.get(given?.arm ?? "") ?? 0) + 1);
  }
  return counts;
}

describe("over 100,000 requests", () => {
  test("shares are exact", async () => {
    const counts = await counted(routerFor({ arms: three }), 100_000);
    expect(Object.fromEntries(counts)).toEqual({ a: 70_000, b: 20_000, c: 10_000 });
  }, 60_000);

  test("users are split within half a percent", async () => {
    const counts = await counted(
      routerFor({ arms: three, sticky: "user" }),
      100_000,
      (at) => `user-${at}`,
    );
    for (const [arm, share] of [
      ["a", 0.7],
      ["b", 0.2],
      ["c", 0.1],
    ] as const) {
      expect(Math.abs((counts.get(arm) ?? 0) / 100_000 - share)).toBeLessThan(0.005);
    }
  }, 60_000);
});

describe("users", () => {
  const armsOfUsers = async (router: Router): Promise<string[]> => {
    const found: string[] = [];
    for (let at = 0; at < 500; at += 1) {
      const candidates = await router.candidates("trial", { facts: facts(`user-${at}`) });
      found.push(givenIn(candidates)?.arm ?? "");
    }
    return found;
  };

  test("stay where they are, whatever process asks and whatever the arm's model is called", async () => {
    const first = await armsOfUsers(routerFor({ name: "x", arms: three, sticky: "user" }));
    const again = await armsOfUsers(routerFor({ name: "x", arms: three, sticky: "user" }));
    const renamed = { ...three, b: { model: "demo/newer", weight: 20 } };
    const moved = await armsOfUsers(routerFor({ name: "x", arms: renamed, sticky: "user" }));
    expect(again).toEqual(first);
    expect(moved).toEqual(first);
  });

  test("are drawn anew in another experiment", async () => {
    const first = await armsOfUsers(routerFor({ name: "x", arms: three, sticky: "user" }));
    const other = await armsOfUsers(routerFor({ name: "y", arms: three, sticky: "user" }));
    const same = first.filter((arm, at) => other[at] === arm).length;
    // By chance 0.7² + 0.2² + 0.1² agree.
    expect(Math.abs(same / 500 - 0.54)).toBeLessThan(0.1);
  });

  test("who leaves when weights change are only as many as must", async () => {
    const before = await armsOfUsers(routerFor({ name: "x", arms: three, sticky: "user" }));
    const more = { ...three, c: { model: "demo/echo", weight: 20 } };
    const after = await armsOfUsers(routerFor({ name: "x", arms: more, sticky: "user" }));
    const left = before.filter((arm, at) => after[at] !== arm);
    expect(left.length).toBeGreaterThan(10);
    expect(left).not.toContain("c");
    for (const [at, arm] of before.entries()) {
      if (after[at] !== arm) expect(after[at]).toBe("c");
    }
  });
});

describe("who is part of it", () => {
  const standing = (arm: string, drawn = "a") => ({
    standsFor: { experiment: "x", arm, drawn, all: ["a", "b"] },
  });

  test("only requests that every arm could have answered, and that went to the arm that was drawn", () => {
    expect(givenIn([standing("a"), standing("b"), {}])).toEqual({ experiment: "x", arm: "a" });
    expect(givenIn([standing("a"), {}])).toBeNull();
    expect(givenIn([standing("b"), standing("a")])).toBeNull();
    expect(givenIn([{}, standing("a"), standing("b")])).toBeNull();
    expect(givenIn([])).toBeNull();
  });

  test("a request's own policy does not change the draw", async () => {
    const router = routerFor({ arms: three });
    const counts = new Map<string, number>();
    for (let at = 0; at < 100; at += 1) {
      const given = givenIn(await router.candidates("trial", { policy: "first" }));
      counts.set(given?.arm ?? "", (counts.get(given?.arm ?? "") ?? 0) + 1);
    }
    expect(counts.get("c")).toBe(10);
  });

  test("requests that do not count take nobody's turn", async () => {
    const router = routerFor({ arms: three });
    const counts = new Map<string, number>();
    for (let at = 0; at < 100; at += 1) {
      const given = givenIn(await router.candidates("trial"));
      counts.set(given?.arm ?? "", (counts.get(given?.arm ?? "") ?? 0) + 1);
      await router.candidates("trial", { byLot: true });
    }
    expect(Object.fromEntries(counts)).toEqual({ a: 70, b: 20, c: 10 });
  });
});
