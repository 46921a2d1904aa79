// Providers whose credentials are more than a key, and what is done to parameters.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isGroup } from "../../../src/config/config.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { redact } from "../../../src/config/redact.ts";
import { providers as presets } from "../../../src/providers/index.ts";

const home = mkdtempSync(join(tmpdir(), "megallm-home-"));
afterAll(() => rmSync(home, { recursive: true }));

const nowhere = { HOME: "/nowhere-megallm" };
const parse = (text: string, env: Record<string, string> = {}) =>
  parseConfig(text, { env: { ...nowhere, ...env }, presets }).config;
const first = (text: string, env: Record<string, string> = {}) => parse(text, env).providers[0];

function problemOf(text: string, env: Record<string, string> = {}): string {
  try {
    parse(text, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "none";
}

const revealed = (provider: ReturnType<typeof first>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(provider?.secrets ?? {}).map(([name, secret]) => [name, secret.reveal()]),
  );

describe("bedrock", () => {
  const keys =
    "access_key_id: AKIAEXAMPLE, secret_access_key: wJalrXUtnFEMI/K7MDENG, session_token: tok";

  test("takes the names of the issue", () => {
    const provider = first(
      `providers: { bedrock: { base_url: "http://127.0.0.1:9000", region: eu-west-1, ${keys}, profile: p } }`,
    );
    expect(provider?.settings).toEqual({ region: "eu-west-1", profile: "p" });
    expect(revealed(provider)).toEqual({
      access_key_id: "AKIAEXAMPLE",
      secret_access_key: "wJalrXUtnFEMI/K7MDENG",
      session_token: "tok",
    });
    expect(provider?.keys).toEqual([]);
    expect(provider?.baseUrl).toBe("http://127.0.0.1:9000");
  });

  test("needs nothing at all: the chain is asked when a request is signed", () => {
    const provider = first("providers: { bedrock: {} }");
    expect(provider?.settings).toEqual({ region: "us-east-1" });
    expect(provider?.baseUrl).toBe("https://bedrock-runtime.us-east-1.amazonaws.com");
    expect([provider?.keys, provider?.secrets]).toEqual([[], {}]);
  });

  test("takes the environment's bearer key, unless the entry says who signs or where it goes", () => {
    const env = { AWS_BEARER_TOKEN_BEDROCK: "ABSK" };
    expect(first("providers: { bedrock: {} }", env)?.keys[0]?.secret.reveal()).toBe("ABSK");
    for (const own of [keys, "profile: p", "base_url: 'http://127.0.0.1:9'"]) {
      expect(first(`providers: { bedrock: { ${own} } }`, env)?.keys).toEqual([]);
    }
    expect(first("providers: { bedrock: { api_key: mine } }", env)?.keys[0]?.secret.reveal()).toBe(
      "mine",
    );
  });

  test("takes the region from the entry, the environment, the profile", () => {
    mkdirSync(join(home, ".aws"));
    writeFileSync(
      join(home, ".aws/config"),
      "[default]\nregion = ap-south-1\n[profile p]\nregion = eu-north-1\n",
    );
    const region = (entry: string, env = {}) =>
      first(`providers: { bedrock: { ${entry} } }`, { HOME: home, ...env })?.settings["region"];
    expect(region("region: eu-west-1", { AWS_REGION: "us-west-2" })).toBe("eu-west-1");
    expect(region("", { AWS_DEFAULT_REGION: "us-west-2" })).toBe("us-west-2");
    expect(region("")).toBe("ap-south-1");
    expect(region("profile: p")).toBe("eu-north-1");
  });

  test.each(["evil.test#", "eu-west-1.evil.test/", "../x", "EU-WEST-1", "us-east-1?x"])(
    "refuses the region %s",
    (region) => {
      expect(problemOf(`providers: { bedrock: { region: "${region}" } }`)).toContain(
        "does not have the form it must have",
      );
    },
  );
});

describe("vertex", () => {
  const account = {
    type: "service_account",
    client_email: "a@b",
    private_key: "-----BEGIN\nKEY-----\n",
  };

  test("takes credentials as a path, a text or a map", () => {
    const credentials = (value: string) =>
      revealed(
        first(
          `providers: { vertex: { project: p, location: us-central1, credentials: ${value} } }`,
        ),
      )["credentials"];
    expect(credentials("/etc/key.json")).toBe("/etc/key.json");
    expect(JSON.parse(credentials(JSON.stringify(account)) ?? "")).toEqual(account);
    expect(JSON.parse(credentials(JSON.stringify(JSON.stringify(account))) ?? "")).toEqual(account);
  });

  test("has a host for each location, and the credentials' project when none is written", () => {
    const base = (entry: string, env = {}) =>
      first(`providers: { vertex: { access_token: t, ${entry} } }`, env)?.baseUrl;
    expect(base("")).toBe("https://aiplatform.googleapis.com");
    expect(base("location: europe-west4")).toBe("https://europe-west4-aiplatform.googleapis.com");
    expect(base("location: eu")).toBe("https://aiplatform.eu.rep.googleapis.com");
    expect(first("providers: { vertex: {} }")?.preset.speaks.chat?.[0]?.streamPath).toBe(
      "/v1/projects/-/locations/global/publishers/google/models/{model}:streamGenerateContent?alt=sse",
    );
    expect(
      first("providers: { vertex: {} }", { GOOGLE_CLOUD_PROJECT: "env-p" })?.settings["project"],
    ).toBe("env-p");
  });
});

describe("azure", () => {
  test("takes an Entra application as a map", () => {
    const provider = first(
      "providers: { azure: { resource: r, entra: { tenant_id: t-1, client_id: c-1, client_secret: 'hush hush' } } }",
      { AZURE_API_KEY: "env" },
    );
    expect(provider?.settings).toEqual({
      resource: "r",
      "entra.tenant_id": "t-1",
      "entra.client_id": "c-1",
    });
    expect(revealed(provider)).toEqual({ "entra.client_secret": "hush hush" });
    expect(provider?.keys).toEqual([]);
  });

  test("with api_version names the deployment in the path", () => {
    const paths = (entry: string) =>
      first(`providers: { azure: { resource: r, api_key: k, ${entry} } }`)?.preset.speaks.chat?.map(
        ({ path }) => path,
      );
    expect(paths("")).toEqual(["/openai/v1/chat/completions", "/openai/v1/responses"]);
    expect(paths("api_version: 2024-10-21")).toEqual([
      "/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
      "/openai/responses?api-version=2024-10-21",
    ]);
  });

  test("needs a resource unless it has an address", () => {
    expect(problemOf("providers: { azure: { api_key: k } }")).toContain(
      "`resource` is missing in providers.azure",
    );
    expect(
      first("providers: { azure: { api_key: k, base_url: 'http://127.0.0.1:9' } }")?.customBaseUrl,
    ).toBe(true);
  });

  test.each([
    ["entra: { tenant_id: 'a/b' }", "the value of `entra.tenant_id` does not have the form"],
    ["entra: { tenant: x }", "unknown key `tenant` in providers.azure.entra"],
    ["entra: yes", "expected a map"],
    ["api_version: '2024-10-21&x=1'", "the value of `api_version` does not have the form"],
  ])("refuses %s", (entry, message) => {
    expect(problemOf(`providers: { azure: { resource: r, api_key: k, ${entry} } }`)).toContain(
      message,
    );
  });
});

test("a setting of another provider is refused, nested ones too", () => {
  expect(problemOf("providers: { openai: { api_key: k, session_token: t } }")).toContain(
    "`session_token` is not a setting of this provider",
  );
  expect(problemOf("providers: { openai: { api_key: k, entra: { client_id: c } } }")).toContain(
    "`entra.client_id` is not a setting of this provider",
  );
});

test("discovery offers clouds whose credentials are there", () => {
  const names = (env: Record<string, string>) =>
    parse("discover: { environment: true }", env)
      .providers.filter(({ origin }) => origin === "environment")
      .map(({ name, keys }) => [name, keys.length]);
  expect(names({})).toEqual([]);
  expect(names({ AWS_ACCESS_KEY_ID: "AK", AWS_SECRET_ACCESS_KEY: "s" })).toEqual([["bedrock", 0]]);
  expect(names({ AWS_BEARER_TOKEN_BEDROCK: "k" })).toEqual([
    ["bedrock", 1],
    ["bedrock_mantle", 1],
  ]);
  expect(names({ GOOGLE_APPLICATION_CREDENTIALS: "/key.json" })).toEqual([["vertex", 0]]);
  mkdirSync(join(home, ".config/gcloud"), { recursive: true });
  writeFileSync(join(home, ".config/gcloud/application_default_credentials.json"), "{}");
  expect(names({ HOME: home })).toEqual([["vertex", 0]]);
});

describe("parameters", () => {
  const text = `unsupported: error
providers:
  openai:
    api_key: k
    headers: { X-Old: a }
    allow_params: [top_k]
    drop_params: [logprobs, "tools[*].strict"]
    extra_body: { provider: { order: [a, 1, null, true] }, seed: 1.5 }
    extra_headers: { X-Team: secret-team }
models:
  r:
    unsupported: drop
    deployments:
      - { model: openai/m, unsupported: warn, allow_params: [], extra_body: { seed: 2 }, extra_headers: { X-Team: b } }
      - openai/n
`;

  test("are read where they are written", () => {
    const config = parse(text);
    expect(config.unsupported).toBe("error");
    expect(config.providers[0]?.parameters).toEqual({
      allow: ["top_k"],
      drop: ["logprobs", "tools[*].strict"],
      extraBody: { provider: { order: ["a", 1, null, true] }, seed: 1.5 },
      extraHeaders: { "x-team": "secret-team" },
    });
    const route = config.routes.get("r");
    expect(route?.unsupported).toBe("drop");
    const written = route?.deployments.map((each) => (isGroup(each) ? null : each.parameters));
    expect(written).toEqual([
      { unsupported: "warn", allow: [], extraBody: { seed: 2 }, extraHeaders: { "x-team": "b" } },
      {},
    ]);
    const plain = parse("providers: { openai: { api_key: k } }");
    expect([plain.unsupported, plain.providers[0]?.parameters]).toEqual(["warn", {}]);
  });

  test.each([
    ["drop_params: ['tools[0].strict']", "expected a path such as"],
    ["drop_params: ['a..b']", "expected a path such as"],
    ["allow_params: [a.b]", "expected the name of a field"],
    ["extra_body: { model: x }", "`model` is not a parameter"],
    ["extra_body: { stream: true }", "`stream` is not a parameter"],
    ["extra_body: { a: .inf }", "expected plain JSON values"],
    ["extra_body: { __proto__: { a: 1 } }", "the key `__proto__` is not allowed"],
    ["extra_headers: { Host: evil.test }", "this header belongs to the connection"],
    ["extra_headers: { 'a b': c }", "expected a header name"],
  ])("%s is refused", (entry, message) => {
    expect(problemOf(`providers: { openai: { api_key: k, ${entry} } }`)).toContain(message);
  });
});

test("nothing secret is shown", () => {
  const secrets = [
    "wJalrXUtnFEMIsecret",
    "AKIAIOSFODNN7EXAMPLE",
    "FwoGZXIvYXdzEXAMPLE",
    "hush hush now",
    "BEGIN KEY",
    "ya29.access-token",
  ];
  const config = parse(`providers:
  bedrock: { access_key_id: ${secrets[1]}, secret_access_key: ${secrets[0]}, session_token: ${secrets[2]}, extra_body: { k: body-secret }, extra_headers: { x-k: head-secret } }
  azure: { resource: r, entra: { tenant_id: t, client_id: c, client_secret: ${secrets[3]} } }
  vertex: { project: p, credentials: { private_key: "${secrets[4]}\\nabc" }, access_token: ${secrets[5]} }
models:
  r: { deployments: [{ model: bedrock/m, extra_headers: { a: head-secret }, extra_body: { b: [body-secret] } }] }
`);
  for (const shown of [
    JSON.stringify(redact(config)),
    JSON.stringify(config.providers),
    Bun.inspect(config.providers, { depth: 20 }).replaceAll(/extra(?:Body|Headers)[^}]*}/g, ""),
  ]) {
    for (const secret of secrets) expect(shown).not.toContain(secret);
  }
  const redacted = JSON.stringify(redact(config));
  expect(redacted).not.toContain("body-secret");
  expect(redacted).not.toContain("head-secret");
  expect(redacted).toContain('"region":"us-east-1"');
});

test("a problem beside a secret does not print it", () => {
  const message = problemOf(
    "providers: { azure: { resource: r, entra: { client_secret: hush-hush-now, tenant: x } }, vertex: { access_token: 'two words here' } }",
  );
  expect(message).toContain("unknown key `tenant`");
  expect(message).not.toContain("hush-hush-now");
  expect(message).not.toContain("two words here");
});
