// The small parts of an import, by tables.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseUsd } from "../../../src/lib/money.ts";
import { presetAt, readAddress } from "../../../src/import/address.ts";
import { perMillion } from "../../../src/import/decimal.ts";
import { ImportError } from "../../../src/import/failure.ts";
import { toYamlComments } from "../../../src/import/json-comments.ts";
import { bareModels, litellmProviders } from "../../../src/import/litellm-providers.ts";
import { channelTypes } from "../../../src/import/new-api-types.ts";
import { portkeyProviders } from "../../../src/import/portkey-providers.ts";
import { readSource } from "../../../src/import/source.ts";
import { readOsEnviron, readShell, render } from "../../../src/import/text.ts";
import { createVariables } from "../../../src/import/variables.ts";
import { findProvider, providers } from "../../../src/providers/index.ts";

describe("prices", () => {
  test.each([
    ["1.5e-07", "0.15"],
    ["0.0000006", "0.6"],
    ["3e-8", "0.03"],
    ["0.000003", "3"],
    [".00001", "10"],
    ["0", "0"],
    ["0.00", "0"],
    ["1E-6", "1"],
    ["2", "2000000"],
    ["1e-15", "0.000000001"],
    ["1e-16", undefined],
    ["1e4", undefined],
    ["-1e-6", undefined],
    ["", undefined],
    [".", undefined],
    ["free", undefined],
  ] as const)("%s by the token is %s by the million", (text, expected) => {
    expect(perMillion(text)).toBe(expected);
  });

  test("are exact, whatever the number", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 17n }), (units) => {
        // So many nano-dollars a million: 15 places after the point by the token.
        const digits = units.toString().padStart(16, "0");
        const text = `${digits.slice(0, -15)}.${digits.slice(-15)}`;
        expect(parseUsd(perMillion(text) ?? "")).toBe(units);
      }),
      { seed: 5 },
    );
  });
});

describe("addresses", () => {
  const at = (preset: string, url: string, ending?: string) =>
    readAddress(url, findProvider(preset)!, ending);
  test.each([
    [
      "azure",
      "https://acme.openai.azure.com/openai/deployments/x?api-version=1",
      undefined,
      { settings: { resource: "acme" } },
    ],
    [
      "azure",
      "https://proxy.example/azure",
      undefined,
      { settings: {}, baseUrl: "https://proxy.example" },
    ],
    [
      "azure_ai",
      "https://acme.services.ai.azure.com/models",
      undefined,
      { settings: { resource: "acme" } },
    ],
    [
      "databricks",
      "https://dbc-1.cloud.databricks.com/serving-endpoints",
      undefined,
      { settings: { workspace: "dbc-1.cloud.databricks.com" } },
    ],
    [
      "snowflake",
      "https://org-acct.snowflakecomputing.com",
      undefined,
      { settings: { account: "org-acct" } },
    ],
    ["watsonx", "https://eu-de.ml.cloud.ibm.com/", undefined, { settings: { region: "eu-de" } }],
    [
      "cloudflare",
      "https://api.cloudflare.com/client/v4/accounts/0123456789abcdef0123456789abcdef/ai/run/",
      undefined,
      { settings: { account_id: "0123456789abcdef0123456789abcdef" } },
    ],
    ["anthropic", "https://api.anthropic.com", "/v1", { settings: {} }],
    [
      "anthropic",
      "https://claude.example/v1/messages",
      "/v1",
      { settings: {}, baseUrl: "https://claude.example/v1" },
    ],
    [
      "anthropic",
      "https://claude.example",
      "/v1",
      { settings: {}, baseUrl: "https://claude.example/v1" },
    ],
    ["ollama", "http://localhost:11434", "/v1", { settings: {} }],
    [
      "ollama",
      "http://10.0.0.7:11434/",
      "/v1",
      { settings: {}, baseUrl: "http://10.0.0.7:11434/v1" },
    ],
    ["deepseek", "https://api.deepseek.com", undefined, { settings: {} }],
    [
      "openai-compatible",
      "https://x.example/v1/chat/completions",
      undefined,
      { settings: {}, baseUrl: "https://x.example/v1" },
    ],
  ] as const)("%s at %s", (preset, url, ending, expected) => {
    expect(at(preset, url, ending)).toEqual(expected);
  });

  test("credentials in one are refused", () => {
    expect(at("openai-compatible", "https://user:pw@x.example/v1")).toEqual({
      settings: {},
      fault: "no credentials in a URL: use `api_key` or `headers`",
    });
  });

  test.each([
    ["https://openrouter.ai/api/v1/chat/completions", "openrouter"],
    ["https://api.z.ai/api/coding/paas/v4", "zai_coding"],
    ["https://api.z.ai/api/paas/v4", "zai"],
    ["https://api.moonshot.cn/v1", "moonshot"],
    ["http://localhost:11434/v1/chat/completions", "ollama"],
    ["http://127.0.0.1:8080/v1", undefined],
    ["https://llm.example/v1", undefined],
  ])("%s is %s", (url, id) => {
    expect([url, presetAt(url, providers)?.id]).toEqual([url, id]);
  });
});

describe("tables", () => {
  test.each([
    ["LiteLLM's", Object.values(litellmProviders)],
    ["Portkey's", Object.values(portkeyProviders)],
    ["new-api's", Object.values(channelTypes)],
  ])("%s providers are presets, or say why there is none", (_title, vendors) => {
    for (const vendor of vendors) {
      if (vendor.preset === undefined) expect(vendor.why).toBeString();
      else
        expect([vendor.preset, findProvider(vendor.preset)?.id]).toEqual([
          vendor.preset,
          vendor.preset,
        ]);
      if (vendor.elsewhere !== undefined) expect(findProvider(vendor.elsewhere)).toBeDefined();
    }
  });

  test("bare models belong to providers of the table", () => {
    for (const [, id] of bareModels) expect(litellmProviders[id]?.preset).toBeString();
  });

  test("every provider that LiteLLM names has a row", () => {
    const known =
      `openai chatgpt openai_like jina_ai xai zai custom_openai text-completion-openai cohere cohere_chat clarifai
      anthropic anthropic_text bytez replicate reducto runwayml aws_polly huggingface together_ai openrouter datarobot
      vertex_ai vertex_ai_beta gemini ai21 baseten black_forest_labs azure azure_text azure_ai sagemaker sagemaker_chat
      sagemaker_nova bedrock vllm nlp_cloud petals oobabooga ollama ollama_chat deepinfra perplexity mistral milvus groq a2a
      gigachat nvidia_nim nvidia_riva soniox cerebras ai21_chat volcengine codestral text-completion-codestral dashscope
      modelscope moonshot publicai v0 morph lambda_ai inception text-completion-inception deepseek sambanova maritalk voyage
      cloudflare xinference fireworks_ai friendliai featherless_ai watsonx watsonx_text triton predibase databricks empower
      github ragflow compactifai docker_model_runner custom litellm_proxy hosted_vllm tencent llamafile lm_studio galadriel
      nebius infinity deepgram elevenlabs novita aiohttp_openai langfuse humanloop topaz sap assemblyai charity_engine
      github_copilot snowflake gradient_ai meta_llama nscale pg_vector s3_vectors helicone hyperbolic recraft fal_ai stability
      heroku aiml cometapi oci auto_router vercel_ai_gateway dotprompt manus wandb ovhcloud scaleway lemonade amazon_nova
      a2a_agent langgraph langflow minimax synthetic apertis nano-gpt poe chutes neosantara parasail xiaomi_mimo tensormesh
      libertai pinstripes darkbloom meta litellm_agent cursor bedrock_mantle gdc veniceai abliteration llamagate gmi sarvam
      aihubmix salad_cloud crusoe`.split(/\s+/);
    expect(known.filter((name) => litellmProviders[name] === undefined)).toEqual([]);
    expect(known.length).toBeGreaterThan(150);
  });
});

describe("texts", () => {
  test.each([
    [readOsEnviron("os.environ/KEY"), "${KEY}"],
    [readOsEnviron("os.environ/no name"), "os.environ/no name"],
    [readOsEnviron("a ${b}"), "a $${b}"],
    [readShell("$KEY"), "${KEY}"],
    [readShell("${A}/x/$B"), "${A}/x/${B}"],
    [readShell("5$"), "5$"],
  ])("%p is written as %s", (text, expected) => {
    expect(render(text)).toBe(expected);
  });

  test("JSON's comments become YAML's, and strings stay as they are", () => {
    const source = readSource(
      '{\n\t// one\n\t"a": "http://x",\n/* two\n * and more */\n"b": [1, 2,],\n}',
      "json",
    );
    expect(source.root).toEqual({ a: "http://x", b: [1, 2] });
    expect(source.comments).toEqual([
      { path: ["a"], text: " one" },
      { path: ["b"], text: " two\n and more" },
    ]);
    expect(toYamlComments('"// no"')).toBe('"// no"');
    expect(readSource("{ a: 'http://x' } // one", "json").root).toEqual({ a: "http://x" });
  });

  test("a secret that is named already is another one", () => {
    const variables = createVariables(false, new Set(["OPENAI_API_KEY"]));
    const one = variables.secret("secret-a", "OPENAI_API_KEY", ["a"]);
    const again = variables.secret("secret-a", "OPENAI_API_KEY", ["b"]);
    const other = variables.secret("secret-b", "OPENAI_API_KEY", ["c"]);
    expect([one, again, other].map((text) => render(text))).toEqual([
      "${OPENAI_API_KEY_2}",
      "${OPENAI_API_KEY_2}",
      "${OPENAI_API_KEY_3}",
    ]);
    expect(variables.made().map(({ name, from }) => [name, from])).toEqual([
      ["OPENAI_API_KEY_2", "a"],
      ["OPENAI_API_KEY_3", "c"],
    ]);
  });
});

describe("sources that cannot be read", () => {
  test.each([
    ["", "empty"],
    ["a: [", "not valid YAML (line"],
    ["__proto__: 1", "not plain text"],
    ["a: &x [*x]", "contains itself"],
    ["a: *x", "anchor"],
    ["a: 1\na: 2", "stands twice"],
    [`${"[".repeat(60)}${"]".repeat(60)}`, "nests too deep"],
    [
      `a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n${[1, 2, 3, 4, 5, 6]
        .map(
          (n) =>
            `a${n}: &a${n} [${Array(10)
              .fill(`*a${n - 1}`)
              .join(",")}]`,
        )
        .join("\n")}`,
      "too large",
    ],
  ])("%s", (text, message) => {
    expect(() => readSource(text, "yaml")).toThrow(ImportError);
    expect(() => readSource(text, "yaml")).toThrow(message);
  });
});
