// `compat`: what other gateways' clients expect.
import { expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { providers } from "../../../src/providers/index.ts";

const read = (compat?: unknown) =>
  configFromObject(
    { providers: { demo: {} }, ...(compat !== undefined && { compat }) },
    { env: {}, presets: providers },
  ).config.compat;

test("off, unless it is switched on", () => {
  expect(read()).toEqual({ litellm: false });
  expect(read({})).toEqual({ litellm: false });
  expect(read({ litellm: true })).toEqual({ litellm: true });
});

test.each([[{ litellm: "perhaps" }], [{ lite: true }], [true]])("%j is refused", (compat) => {
  expect(() => read(compat)).toThrow();
});
