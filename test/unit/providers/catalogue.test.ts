// Every provider's requests, built offline as the product builds them, against what its vendor documents.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { Secret } from "../../../src/lib/secret.ts";
import { endpointsFor, resolveEndpoint } from "../../../src/providers/endpoint.ts";
import { findProvider, providers } from "../../../src/providers/index.ts";
import type { Credentials, Endpoint, Provider } from "../../../src/providers/provider.ts";
import type { Operation } from "../../../src/ir/chat.ts";
import { documented, documentedElsewhere } from "./documented.ts";

interface Row {
  provider: string;
  operation: string;
  /** Of a pass-through: the path. */
  dialect: string;
  model?: string;
  stream: boolean;
  url: string;
  headers: Record<string, string>;
}

const key = "k-4f1";

/** The headers that a row's last words stand for. */
function headersOf(words: readonly string[]): Record<string, string> {
  const [carrier = "", ...others] = words;
  const [name = "", scheme] = carrier.split("=");
  const carried =
    name === "bearer"
      ? { authorization: `Bearer ${key}` }
      : { [name]: scheme === undefined ? key : `${scheme} ${key}` };
  return {
    ...carried,
    ...Object.fromEntries(others.map((word) => word.split("=") as [string, string])),
  };
}

const rows: Row[] = [];
for (const line of documented.trim().split("\n")) {
  const words = line.trim().split(" ");
  if (!line.startsWith(" ")) {
    rows.push({ provider: line, operation: "", dialect: "", stream: false, url: "", headers: {} });
    continue;
  }
  const provider = rows.at(-1)!.provider;
  const at = words.findIndex((word) => /^https?:/.test(word));
  const model = words.find((word) => word.startsWith("model="))?.slice("model=".length);
  rows.push({
    provider,
    operation: words[0]!,
    dialect: words[1]!,
    ...(model !== undefined && { model }),
    stream: words.slice(0, at).includes("stream"),
    url: words[at]!,
    headers: headersOf(words.slice(at + 1)),
  });
}

const requests = rows.filter((row) => row.operation !== "");

/** Examples for the settings that have no default. */
const settingsOf = (provider: Provider): Record<string, string> =>
  Object.fromEntries(
    Object.entries(provider.urlSettings ?? {})
      .filter(([, setting]) => setting.default === undefined)
      .map(([name, setting]) => [name, setting.example]),
  );

const credentialsOf = (provider: Provider): Credentials => ({
  apiKey: new Secret(key),
  settings: settingsOf(provider),
  secrets: {},
  env: {},
  fetch: async () => {
    throw new Error("offline");
  },
});

function endpointOf(provider: Provider, row: Row): Endpoint | undefined {
  if (row.operation === "pass-through") return { dialect: "openai-chat", path: row.dialect };
  return endpointsFor(provider, row.operation as Operation, row.model ?? "some-model").find(
    (endpoint) => endpoint.dialect === row.dialect,
  );
}

async function build(row: Row): Promise<Pick<Row, "url" | "headers">> {
  const provider = findProvider(row.provider)!;
  const endpoint = endpointOf(provider, row);
  if (!endpoint)
    throw new Error(`${row.provider} does not serve ${row.operation} in ${row.dialect}`);
  const hasAddress = provider.baseUrl !== undefined || provider.serve !== undefined;
  const url = resolveEndpoint(provider, endpoint, {
    ...(!hasAddress && { baseUrl: "http://10.0.0.5:8000/v1" }),
    settings: settingsOf(provider),
    model: row.model ?? "some-model",
    stream: row.stream,
  });
  const headers = new Headers({ ...provider.headers, ...endpoint.headers });
  const authorize = endpoint.authorize ?? provider.authorize;
  await authorize({ method: "POST", url, headers, body: "{}" }, credentialsOf(provider));
  return { url: url.href, headers: headers.toJSON() };
}

test.each(
  requests.map(
    (row) => [`${row.provider} ${row.operation} ${row.dialect} ${row.url}`, row] as const,
  ),
)("%s", async (_name, row) => {
  expect(await build(row)).toEqual({ url: row.url, headers: row.headers });
});

test("every provider is documented, and every endpoint of it", () => {
  const elsewhere = new Set(documentedElsewhere);
  const missing = providers
    .filter((provider) => !elsewhere.has(provider.id))
    .flatMap((provider) => {
      const own = requests.filter((row) => row.provider === provider.id);
      const covered = new Set(own.map((row) => `${row.operation} ${row.dialect}`));
      if (own.length === 0) return [provider.id];
      return Object.entries(provider.speaks).flatMap(([operation, endpoints]) =>
        endpoints
          .filter((endpoint) => !covered.has(`${operation} ${endpoint.dialect}`))
          .map((endpoint) => `${provider.id} ${operation} ${endpoint.dialect}`),
      );
    });
  expect(missing).toEqual([]);
  expect(requests.filter((row) => !findProvider(row.provider))).toEqual([]);
});

test("streams have rows of their own where they go elsewhere", () => {
  const streamed = requests
    .filter((row) => row.stream)
    .map((row) => `${row.provider} ${row.dialect}`);
  for (const provider of providers) {
    if (documentedElsewhere.includes(provider.id)) continue;
    for (const endpoint of Object.values(provider.speaks).flat()) {
      if (endpoint.streamPath === undefined) continue;
      expect(streamed).toContain(`${provider.id} ${endpoint.dialect}`);
    }
  }
});

test("at least 105 named providers", () => {
  const named = providers.filter((provider) => provider.baseUrl !== undefined);
  console.log(
    `catalogue: ${named.length} named providers, ${requests.length} documented requests checked`,
  );
  expect(named.length).toBeGreaterThanOrEqual(105);
});

/** Recorded traffic says where providers really are. Azure and the like have their own tests. */
const wire = `${import.meta.dir}/../../../../shared/wire`;

test.skipIf(!existsSync(wire))("recorded requests went where the catalogue points", async () => {
  const known = new Set(requests.map((row) => normal(row.url)));
  const seen = new Set<string>();
  for (const file of [...new Bun.Glob("*.jsonl.gz").scanSync(wire)].toSorted()) {
    const text = new TextDecoder().decode(
      Bun.gunzipSync(await Bun.file(`${wire}/${file}`).bytes()),
    );
    for (const line of text.trim().split("\n")) {
      const { request, response } = JSON.parse(line) as {
        request: { method: string; url: string } | null;
        response: { status: number };
      };
      if (request?.method !== "POST" || response.status !== 200) continue;
      seen.add(normal(request.url));
    }
  }
  const matched = [...seen].filter((url) => known.has(url));
  console.log(`catalogue: ${matched.length} recorded URLs are in the catalogue`);
  const foreign = [...seen].filter((url) => !known.has(url)).toSorted();
  expect(foreign.filter((url) => !notInCatalogue.some((pattern) => pattern.test(url)))).toEqual([]);
  expect(matched.length).toBeGreaterThan(30);
});

/** One form for every model, account and region. */
const normal = (url: string): string =>
  url
    .replace(/\?.*$/, "")
    .replace(":443/", "/")
    .replace(/\/models\/[^/:]+(?=:)/, "/models/MODEL")
    .replace("myorg-myaccount", "myorg-account1")
    .replace("http://localhost", "http://127.0.0.1");

/** Recorded all the same, and why the catalogue does not point there. */
const notInCatalogue: readonly RegExp[] = [
  // The clouds: see `cloud.test.ts`.
  /\.(?:amazonaws\.com|api\.aws|azure\.com|ibm\.com)\//,
  /aiplatform\.googleapis\.com\//,
  // Gateways of the recorders, and servers of their own.
  /^http:\/\/127\.0\.0\.1:(?:8787|5002)\//,
  /endpoints\.huggingface\.cloud\//,
  // Old wires that vendors still answer.
  /^https:\/\/api\.(?:aleph-alpha\.com\/complete|anthropic\.com\/v1\/complete|cohere\.com\/v1\/.*)$/,
  /^http:\/\/127\.0\.0\.1:11434\/api\/(?:embeddings|generate)$/,
  // Reached by pass-through.
  /^https:\/\/api\.writer\.com\/v1\/completions$/,
  // Other addresses of the same servers: the same without a version, a beta, one backend of a router.
  /^https:\/\/api\.deepseek\.com\/(?:beta\/)?chat\/completions$/,
  /^https:\/\/router\.huggingface\.co\/(?:nebius|together)\/v1\//,
  /^https:\/\/api\.mistral\.ai\/v1\/chat\/completions#stream$/,
];
