// Asking providers for their models, through an egress that the test answers itself.
import { expect, test } from "bun:test";
import { askProviders } from "../../../src/cli/live-models.ts";
import { configFromObject } from "../../../src/config/load.ts";
import { createEgress } from "../../../src/egress.ts";
import { providers } from "../../../src/providers/index.ts";

test("each provider is asked at its own address with its own key; one that fails does not stop the others", async () => {
  const { config } = configFromObject(
    {
      discover: { environment: false, local: false },
      providers: {
        good: { type: "openai", base_url: "http://10.1.1.1:81/v1", api_key: "k-good" },
        bad: { type: "gemini", base_url: "http://10.1.1.2:82", api_key: "k-bad" },
        mute: { type: "perplexity", api_key: "k-mute" },
      },
    },
    { env: {}, presets: providers },
  );
  const asked: string[] = [];
  const egress = createEgress({
    env: {},
    resolve: async (host) => [host],
    fetch: async (url, init) => {
      const headers = new Headers(init.headers);
      asked.push(`${url} ${headers.get("authorization") ?? headers.get("x-goog-api-key")}`);
      return url.includes(":81/")
        ? Response.json({ object: "list", data: [{ id: "m-1", context_window: 10 }] })
        : new Response("no", { status: 403 });
    },
  });
  const answers = await askProviders(
    config.providers.filter((provider) => !provider.preset.serve),
    egress,
  );
  expect(asked.toSorted()).toEqual([
    "http://10.1.1.1:81/v1/models Bearer k-good",
    "http://10.1.1.2:82/v1beta/models?pageSize=1000 k-bad",
  ]);
  expect(answers.get("good")).toEqual({
    models: [{ id: "m-1", contextWindow: 10 }],
    problem: null,
  });
  expect(answers.get("bad")).toEqual({
    models: null,
    problem: "Google Gemini answered 403 when asked for its models.",
  });
  expect(answers.get("mute")).toEqual({ models: null, problem: null });
});
