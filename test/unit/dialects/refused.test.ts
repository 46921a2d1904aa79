// What becomes of an encoded request's fields that the provider does not take as they are.
import { expect, test } from "bun:test";
import type { Quirks } from "../../../src/dialects/dialect.ts";
import { createLosses, loseRefused } from "../../../src/dialects/losses.ts";
import type { JsonObject } from "../../../src/lib/json.ts";
import { findProvider } from "../../../src/providers/index.ts";

/** The body that is left, and what was told. */
function after(quirks: Quirks, body: JsonObject, model = "m"): [JsonObject, string[]] {
  const losses = createLosses("test");
  loseRefused(body, { provider: "p", model, quirks, facts: {} }, losses);
  return [body, losses.warnings().map(({ field, reason }) => `${field}: ${reason}`)];
}

test("fields are dropped, for all models or some", () => {
  const quirks: Quirks = { drop: ["user"], dropFor: [{ models: /^grok/, fields: ["stop"] }] };
  expect(after(quirks, { user: "u", stop: ["a"], n: 1 })).toEqual([
    { stop: ["a"], n: 1 },
    ["user: the provider refuses this field"],
  ]);
  expect(after(quirks, { stop: ["a"], n: 1 }, "grok-4")).toEqual([
    { n: 1 },
    ["stop: the model refuses it"],
  ]);
});

test("numbers are brought inside bounds, stop sequences are cut", () => {
  const quirks: Quirks = { clamp: { temperature: { min: 0, max: 1 }, n: { max: 1 } }, maxStop: 1 };
  expect(after(quirks, { temperature: 1.7, n: 1, stop: ["a", "b"] })).toEqual([
    { temperature: 1, n: 1, stop: ["a"] },
    [
      "temperature: the provider takes at most 1: sent so",
      "stop: the provider takes at most 1 stop sequences: the first are sent",
    ],
  ]);
  expect(after(quirks, { temperature: -1, stop: "a" })[0]).toEqual({ temperature: 0, stop: "a" });
  expect(after(quirks, { temperature: null })).toEqual([{ temperature: null }, []]);
});

test("fields have other names without a loss; a name that is taken wins", () => {
  const quirks: Quirks = { rename: { seed: "random_seed" } };
  expect(after(quirks, { seed: 7 })).toEqual([{ random_seed: 7 }, []]);
  expect(after(quirks, { seed: 7, random_seed: 8 })).toEqual([{ random_seed: 8 }, []]);
});

test("Mistral gets nothing that it does not know", () => {
  const { quirks } = findProvider("mistral")!;
  const [body, told] = after(quirks, {
    model: "m",
    messages: [],
    seed: 7,
    max_tokens: 5,
    parallel_tool_calls: true,
    stream_options: { include_usage: true },
    verbosity: "low",
    constructor: 1,
  });
  expect(body).toEqual({
    model: "m",
    messages: [],
    random_seed: 7,
    max_tokens: 5,
    parallel_tool_calls: true,
  });
  // Usage is always in the stream: nothing is lost with the wish for it.
  expect(told.map((line) => line.split(":")[0])).toEqual(["verbosity", "constructor"]);
});

test("nothing is lost with what says nothing", () => {
  const quirks: Quirks = {
    drop: ["user", "n", "logprobs", "stream_options"],
    usageInStream: "always",
  };
  const silent = { user: null, n: 1, logprobs: false, stream_options: { include_usage: true } };
  expect(after(quirks, { ...silent, stop: "a" })).toEqual([{ stop: "a" }, []]);
  const told = after(quirks, {
    n: 2,
    logprobs: true,
    stream_options: { include_obfuscation: true },
  })[1];
  expect(told.map((line) => line.split(":")[0])).toEqual(["n", "logprobs", "stream_options"]);
});
