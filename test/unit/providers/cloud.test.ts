// The clouds' requests as their vendors document them: URL, way of signing, headers, body.
import { afterAll, describe, expect, test } from "bun:test";
import { wrapBody } from "../../../src/dialects/enveloped.ts";
import type { DialectId, Operation } from "../../../src/ir/chat.ts";
import { setClock } from "../../../src/lib/clock.ts";
import {
  baseUrlOf,
  endpointsFor,
  isOffered,
  resolveEndpoint,
} from "../../../src/providers/endpoint.ts";
import { findProvider } from "../../../src/providers/index.ts";
import type { Endpoint, Provider, Unsigned } from "../../../src/providers/provider.ts";
import { double, type DoubleOptions, nobody } from "./auth/double.ts";

const restore = setClock({ now: () => Date.UTC(2026, 0, 1) });
afterAll(restore);

const need = (id: string): Provider => findProvider(id)!;

interface Ask {
  dialect: DialectId;
  model: string;
  operation?: Operation;
  stream?: boolean;
  settings?: Record<string, string>;
  baseUrl?: string;
}

function endpointOf(
  provider: Provider,
  { dialect, model, operation = "chat", settings = {} }: Ask,
): Endpoint {
  const found = endpointsFor(provider, operation, model).find(
    (endpoint) => endpoint.dialect === dialect && isOffered(endpoint, settings),
  );
  if (!found) throw new Error(`${provider.id} does not serve ${model} in ${dialect}`);
  return found;
}

function urlOf(id: string, ask: Ask): string {
  const provider = need(id);
  return resolveEndpoint(provider, endpointOf(provider, ask), ask).href;
}

/** The request as it leaves. */
async function sent(
  id: string,
  ask: Ask,
  options: DoubleOptions,
  body = '{"model":"m","stream":true,"messages":[]}',
) {
  const provider = need(id);
  const endpoint = endpointOf(provider, ask);
  const { credentials } = double(nobody, {
    ...options,
    settings: { ...ask.settings, ...options.settings },
  });
  const headers = new Headers({
    ...provider.headers,
    ...endpoint.headers,
    "content-type": "application/json",
  });
  const bytes = endpoint.envelope
    ? wrapBody(Buffer.from(body), endpoint.envelope, { headers, settings: credentials.settings })
    : Buffer.from(body);
  const request: Unsigned = { method: "POST", url: new URL(urlOf(id, ask)), headers, body: bytes };
  await (endpoint.authorize ?? provider.authorize)(request, credentials);
  return {
    url: request.url.href,
    headers: headers.toJSON() as Record<string, string>,
    body: JSON.parse(Buffer.from(bytes).toString()) as unknown,
  };
}

const claude = "anthropic.claude-3-5-sonnet-20241022-v2:0";
const converse: Ask = { dialect: "bedrock-converse", model: claude };

describe("Amazon Bedrock", () => {
  const base = "https://bedrock-runtime.us-east-1.amazonaws.com";

  test.each([
    [converse, `${base}/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse`],
    [
      { ...converse, stream: true },
      `${base}/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse-stream`,
    ],
    [
      { ...converse, model: "arn:aws:bedrock:us-east-1:1:inference-profile/us.x" },
      `${base}/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x/converse`,
    ],
    [
      { ...converse, settings: { region: "eu-west-3" } },
      "https://bedrock-runtime.eu-west-3.amazonaws.com/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse",
    ],
    [
      { ...converse, baseUrl: "http://127.0.0.1:9000/" },
      "http://127.0.0.1:9000/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse",
    ],
    [
      { dialect: "anthropic-messages", model: claude },
      `${base}/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/invoke`,
    ],
    [
      { dialect: "anthropic-messages", model: `eu.${claude}`, stream: true },
      `${base}/model/eu.anthropic.claude-3-5-sonnet-20241022-v2%3A0/invoke-with-response-stream`,
    ],
    [
      { dialect: "openai-chat", model: "openai.gpt-oss-20b-1:0" },
      `${base}/openai/v1/chat/completions`,
    ],
    [{ dialect: "openai-responses", model: "openai.gpt-5" }, `${base}/openai/v1/responses`],
    [
      { dialect: "cohere", model: "cohere.embed-v4:0", operation: "embeddings" },
      `${base}/model/cohere.embed-v4%3A0/invoke`,
    ],
    [
      { dialect: "cohere", model: "us.cohere.embed-english-v3", operation: "embeddings" },
      `${base}/model/us.cohere.embed-english-v3/invoke`,
    ],
    [
      { dialect: "cohere", model: "cohere.rerank-v3-5:0", operation: "rerank" },
      `${base}/model/cohere.rerank-v3-5%3A0/invoke`,
    ],
  ] as [Ask, string][])("request %#", (ask, url) => {
    expect(urlOf("bedrock", ask)).toBe(url);
  });

  test("speaks Anthropic's wire for Anthropic's models only, and Converse first", () => {
    const dialects = (model: string) =>
      endpointsFor(need("bedrock"), "chat", model).map(({ dialect }) => dialect);
    expect(dialects(claude)).toEqual(["bedrock-converse", "anthropic-messages"]);
    expect(dialects(`us.${claude}`)).toEqual(["bedrock-converse", "anthropic-messages"]);
    expect(dialects("amazon.nova-pro-v1:0")).toEqual(["bedrock-converse"]);
    expect(dialects("openai.gpt-oss-20b-1:0")).toEqual([
      "bedrock-converse",
      "openai-chat",
      "openai-responses",
    ]);
  });

  test("is signed for the service `bedrock`, or takes a bearer key", async () => {
    const keys = { secrets: { access_key_id: "AKID", secret_access_key: "s", session_token: "t" } };
    const { headers } = await sent(
      "bedrock",
      { ...converse, settings: { region: "eu-west-3" } },
      keys,
    );
    expect(headers["authorization"]).toStartWith(
      "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-3/bedrock/aws4_request, ",
    );
    expect(headers["x-amz-security-token"]).toBe("t");
    const bearer = await sent("bedrock", converse, { apiKey: "ABSK" });
    expect(bearer.headers).toEqual({
      "content-type": "application/json",
      authorization: "Bearer ABSK",
    });
  });

  test("takes the version of Anthropic's wire in the body, the model and the stream in the path", async () => {
    const { body } = await sent(
      "bedrock",
      { dialect: "anthropic-messages", model: claude },
      { apiKey: "k" },
    );
    expect(body).toEqual({ anthropic_version: "bedrock-2023-05-31", messages: [] });
  });

  test("by its OpenAI-compatible engine", async () => {
    const mantle = "https://bedrock-mantle.us-east-1.api.aws";
    expect(urlOf("bedrock_mantle", { dialect: "openai-responses", model: "openai.gpt-5" })).toBe(
      `${mantle}/v1/responses`,
    );
    expect(urlOf("bedrock_mantle", { dialect: "openai-chat", model: "openai.gpt-5" })).toBe(
      `${mantle}/v1/chat/completions`,
    );
    expect(
      urlOf("bedrock_mantle", { dialect: "anthropic-messages", model: "anthropic.claude-opus-5" }),
    ).toBe(`${mantle}/anthropic/v1/messages`);
  });
});

test("Amazon SageMaker: the endpoint is in the path, the signature for `sagemaker`", async () => {
  const ask: Ask = {
    dialect: "openai-chat",
    model: "my-endpoint",
    settings: { region: "us-west-2" },
  };
  const { url, headers } = await sent("sagemaker", ask, {
    secrets: { access_key_id: "AKID", secret_access_key: "s" },
  });
  expect(url).toBe(
    "https://runtime.sagemaker.us-west-2.amazonaws.com/endpoints/my-endpoint/invocations",
  );
  expect(headers["authorization"]).toContain("/us-west-2/sagemaker/aws4_request, ");
  expect(urlOf("sagemaker", { ...ask, stream: true })).toEndWith(
    "/endpoints/my-endpoint/invocations-response-stream",
  );
});

describe("Google Cloud Vertex AI", () => {
  const settings = { project: "my-project", location: "europe-west4" };
  const place =
    "https://europe-west4-aiplatform.googleapis.com/v1/projects/my-project/locations/europe-west4";
  const gemini: Ask = { dialect: "gemini", model: "gemini-2.5-flash", settings };
  const opus: Ask = { dialect: "anthropic-messages", model: "claude-opus-4@20250514", settings };

  test.each([
    [gemini, `${place}/publishers/google/models/gemini-2.5-flash:generateContent`],
    [
      { ...gemini, stream: true },
      `${place}/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse`,
    ],
    [
      { ...gemini, operation: "count-tokens" },
      `${place}/publishers/google/models/gemini-2.5-flash:countTokens`,
    ],
    [opus, `${place}/publishers/anthropic/models/claude-opus-4%4020250514:rawPredict`],
    [
      { ...opus, stream: true },
      `${place}/publishers/anthropic/models/claude-opus-4%4020250514:streamRawPredict`,
    ],
    [
      { ...opus, operation: "count-tokens" },
      `${place}/publishers/anthropic/models/count-tokens:rawPredict`,
    ],
    [
      { dialect: "openai-chat", model: "meta/llama-4-maverick-17b-128e-instruct-maas", settings },
      `${place}/endpoints/openapi/chat/completions`,
    ],
    [
      { ...gemini, settings: { project: "p" } },
      "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent",
    ],
    [
      { ...gemini, settings: { project: "p", location: "eu" } },
      "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/google/models/gemini-2.5-flash:generateContent",
    ],
    [
      { ...gemini, baseUrl: "http://127.0.0.1:9000" },
      "http://127.0.0.1:9000/v1/projects/my-project/locations/europe-west4/publishers/google/models/gemini-2.5-flash:generateContent",
    ],
    [
      { ...gemini, baseUrl: "http://127.0.0.1:9000/v1/" },
      "http://127.0.0.1:9000/v1/projects/my-project/locations/europe-west4/publishers/google/models/gemini-2.5-flash:generateContent",
    ],
  ] as [Ask, string][])("request %#", (ask, url) => {
    expect(urlOf("vertex", ask)).toBe(url);
  });

  test("each model is served in one wire", () => {
    const dialects = (model: string) =>
      endpointsFor(need("vertex"), "chat", model).map(({ dialect }) => dialect);
    expect(dialects("gemini-2.5-flash")).toEqual(["gemini"]);
    expect(dialects("claude-opus-4@20250514")).toEqual(["anthropic-messages"]);
    expect(dialects("google/gemini-2.5-flash")).toEqual(["openai-chat"]);
  });

  test.each([
    ["text-embedding-005", ["predict"]],
    ["text-multilingual-embedding-002", ["predict"]],
    ["gemini-embedding-001", ["predict-one"]],
    ["gemini-embedding-2-preview", ["embed-content"]],
    ["claude-opus-4", []],
  ])("embeddings of %s", (model, forms) => {
    const found = endpointsFor(need("vertex"), "embeddings", model);
    expect(found.map(({ form }) => form)).toEqual(forms);
  });

  test("takes a bearer token, and Claude's version in the body", async () => {
    const { headers, body } = await sent("vertex", opus, { secrets: { access_token: "ya29" } });
    expect(headers["authorization"]).toBe("Bearer ya29");
    expect(body).toEqual({ anthropic_version: "vertex-2023-10-16", stream: true, messages: [] });
  });

  test("settings that would change the URL are refused", () => {
    for (const project of ["a/b", "..", "a?b", "A", "a b"]) {
      expect(() => urlOf("vertex", { ...gemini, settings: { project } })).toThrow(
        "malformed value",
      );
    }
    expect(() => urlOf("vertex", { ...gemini, settings: { location: "evil.test#" } })).toThrow(
      "malformed value",
    );
    expect(baseUrlOf(need("vertex"), { location: "globalx" })).toBe(
      "https://{location}-aiplatform.googleapis.com",
    );
  });
});

describe("Azure OpenAI", () => {
  const settings = { resource: "my-resource" };
  const dated = { ...settings, api_version: "2024-10-21" };
  const chat: Ask = { dialect: "openai-chat", model: "my-gpt", settings };

  test.each([
    [chat, "https://my-resource.openai.azure.com/openai/v1/chat/completions"],
    [
      { ...chat, settings: dated },
      "https://my-resource.openai.azure.com/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21",
    ],
    [
      { ...chat, operation: "embeddings" },
      "https://my-resource.openai.azure.com/openai/v1/embeddings",
    ],
    [
      { ...chat, operation: "embeddings", settings: dated },
      "https://my-resource.openai.azure.com/openai/deployments/my-gpt/embeddings?api-version=2024-10-21",
    ],
    [
      { ...chat, dialect: "openai-responses" },
      "https://my-resource.openai.azure.com/openai/v1/responses",
    ],
    [
      { ...chat, dialect: "openai-responses", settings: dated },
      "https://my-resource.openai.azure.com/openai/responses?api-version=2024-10-21",
    ],
    [
      { ...chat, baseUrl: "http://127.0.0.1:9000" },
      "http://127.0.0.1:9000/openai/v1/chat/completions",
    ],
    [
      { ...chat, baseUrl: "http://127.0.0.1:9000/openai" },
      "http://127.0.0.1:9000/openai/v1/chat/completions",
    ],
    [
      { ...chat, baseUrl: "http://127.0.0.1:9000/openai/v1/" },
      "http://127.0.0.1:9000/openai/v1/chat/completions",
    ],
    [
      { ...chat, settings: dated, baseUrl: "http://127.0.0.1:9000/openai" },
      "http://127.0.0.1:9000/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21",
    ],
  ] as [Ask, string][])("request %#", (ask, url) => {
    expect(urlOf("azure", ask)).toBe(url);
  });

  test("takes the key in `api-key`, a token as a bearer", async () => {
    expect((await sent("azure", chat, { apiKey: "k" })).headers["api-key"]).toBe("k");
    expect(
      (await sent("azure", chat, { secrets: { access_token: "t" } })).headers["authorization"],
    ).toBe("Bearer t");
  });

  test("AI Foundry serves Claude in its own wire", async () => {
    const foundry = { settings };
    expect(urlOf("azure_ai", { dialect: "openai-chat", model: "DeepSeek-V3", ...foundry })).toBe(
      "https://my-resource.services.ai.azure.com/openai/v1/chat/completions",
    );
    expect(
      urlOf("azure_ai", { dialect: "anthropic-messages", model: "claude-opus-4-5", ...foundry }),
    ).toBe("https://my-resource.services.ai.azure.com/anthropic/v1/messages");
  });
});

test("IBM watsonx.ai: model and project in the body, the stream in the path", async () => {
  const settings = { region: "eu-de", project_id: "p-1" };
  const ask: Ask = { dialect: "openai-chat", model: "ibm/granite-4-h-small", settings };
  const { url, headers, body } = await sent("watsonx", ask, { secrets: { access_token: "t" } });
  expect(url).toBe("https://eu-de.ml.cloud.ibm.com/ml/v1/text/chat?version=2025-02-06");
  expect(urlOf("watsonx", { ...ask, stream: true })).toBe(
    "https://eu-de.ml.cloud.ibm.com/ml/v1/text/chat_stream?version=2025-02-06",
  );
  expect(headers["authorization"]).toBe("Bearer t");
  expect(body).toEqual({ model_id: "m", messages: [], project_id: "p-1" });
});

test("Oracle Cloud: OpenAI's wire, a bearer key or a signature", async () => {
  const ask: Ask = {
    dialect: "openai-chat",
    model: "meta.llama-3.3-70b-instruct",
    settings: { compartment_id: "ocid1.compartment.oc1..c" },
  };
  const { url, headers } = await sent("oci", ask, { apiKey: "sk" });
  expect(url).toBe(
    "https://inference.generativeai.us-chicago-1.oci.oraclecloud.com/20231130/actions/v1/chat/completions",
  );
  expect(headers).toMatchObject({
    authorization: "Bearer sk",
    compartmentid: "ocid1.compartment.oc1..c",
  });
});
