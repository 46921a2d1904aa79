// `on_client_abort`: a good value, the default, and a bad one.
import { expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { providers } from "../../../src/providers/index.ts";

const load = (onAbort?: string) =>
  configFromObject(
    {
      providers: {
        mine: {
          type: "openai-compatible",
          base_url: "http://127.0.0.1:1/v1",
          api_key: "key-of-the-vendor",
          ...(onAbort !== undefined && { on_client_abort: onAbort }),
        },
      },
    },
    { env: {}, presets: providers },
  ).config.providers.find(({ name }) => name === "mine");

test("`drain` is kept, `cancel` is how it is anyway", () => {
  expect(load("drain")?.onClientAbort).toBe("drain");
  expect(load("cancel")).toEqual(load());
  expect(load()?.onClientAbort).toBeUndefined();
});

test("anything else is refused by name", () => {
  expect(() => load("ignore")).toThrow(/providers\.mine\.on_client_abort.*cancel/s);
});
