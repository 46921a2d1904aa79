// What a client's name stands for.
import { describe, expect, test } from "bun:test";
import { type Aim, aimOf } from "../../../src/routing/aliases.ts";

const general = new Map([
  ["claude-3-5-haiku-latest", "cheap"],
  ["gpt-4*", "openai/gpt-4.1"],
  ["gpt-4o-mini*", "mini*"],
  ["one", "two"],
  ["two", "three"],
  ["quick", "gpt-5:nitro"],
  ["self-*", "self-self"],
  ["ping", "pong"],
  ["pong", "ping"],
  ["all/*", "all/x/*"],
]);
const own = new Map([
  ["one", "mine"],
  ["mine", "two"],
  ["priced:floor", "bargain"],
]);

const aim = (name: string, lists: (ReadonlyMap<string, string> | undefined)[] = [general]) =>
  aimOf(name, lists, async (written) => written === "kept:floor");

describe("aliases", () => {
  test.each([
    ["claude-3-5-haiku-latest", { name: "cheap" }],
    ["unknown", { name: "unknown" }],
    ["gpt-4-turbo", { name: "openai/gpt-4.1" }],
    // The longer pattern is the more particular one.
    ["gpt-4o-mini-2024", { name: "mini-2024" }],
    ["one", { name: "three" }],
    // Endings survive a pattern, and are the client's own.
    ["gpt-4-turbo:floor", { name: "openai/gpt-4.1", policy: "lowest-cost", ending: ":floor" }],
    ["one:nitro", { name: "three", policy: "highest-throughput", ending: ":nitro" }],
    // An alias's ending is the operator's; the client's goes before it.
    ["quick", { name: "gpt-5", policy: "highest-throughput" }],
    ["quick:floor", { name: "gpt-5", policy: "lowest-cost", ending: ":floor" }],
    ["kept:floor", { name: "kept:floor" }],
    ["self-x", { name: "self-self" }],
    // What the check refuses ends all the same.
    ["ping", { name: "ping" }],
    ["all/a", { name: "all/x/a" }],
    ["__proto__", { name: "__proto__" }],
  ] as [string, Aim][])("%s", async (name, expected) => {
    expect(await aim(name)).toEqual(expected);
  });

  test("a key's own go first", async () => {
    expect(await aim("one", [own, general])).toEqual({ name: "three" });
    expect(await aim("mine", [own])).toEqual({ name: "two" });
    expect(await aim("priced:floor", [own, general])).toEqual({ name: "bargain" });
    expect(await aim("gpt-4", [new Map([["gpt-*", "cheap"]]), general])).toEqual({ name: "cheap" });
    expect(await aim("gpt-4", [undefined, undefined])).toEqual({ name: "gpt-4" });
  });
});
