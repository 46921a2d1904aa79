// The same key by any carrier, at every kind of route: one decision (fault S19).
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dialects } from "../../src/dialects/index.ts";
import { litellmRoutes, openRoutes } from "../../src/server/litellm/mount.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";
import { administer, makeKey } from "../support/virtual-keys.ts";

const configured = "key-of-the-configuration-0123456789";
const unknown = `sk-mega-${"A".repeat(43)}`;
let upstream: Upstream;
let keyed: InProcess;
let open: InProcess;
let virtual = "";

const settings = () => ({
  providers: {
    openai: {
      type: "openai-compatible",
      base_url: upstream.baseUrl,
      api_key: upstream.key,
      models: ["gpt-4o"],
    },
  },
});

beforeAll(async () => {
  upstream = await startOpenAiUpstream();
  keyed = await startInProcess({ ...settings(), keys: { app: configured } });
  open = await startInProcess(settings());
  virtual = (await makeKey(keyed)).key;
});
afterAll(async () => {
  await keyed.close();
  await open.close();
  await upstream.stop();
});

interface Carried {
  headers?: Record<string, string>;
  query?: string;
}

const protocol = (key: string): string => `realtime, openai-insecure-api-key.${key}`;

/** Every way to send a key that is taken. */
const carriers: Record<string, (key: string) => Carried> = {
  bearer: (key) => ({ headers: { authorization: `Bearer ${key}` } }),
  "bearer in another case": (key) => ({ headers: { Authorization: `bEaReR   ${key}` } }),
  "x-api-key": (key) => ({ headers: { "x-api-key": key } }),
  "api-key": (key) => ({ headers: { "api-key": key } }),
  "x-goog-api-key": (key) => ({ headers: { "X-Goog-Api-Key": key } }),
  query: (key) => ({ query: `key=${encodeURIComponent(key)}` }),
  subprotocol: (key) => ({ headers: { "sec-websocket-protocol": protocol(key) } }),
  "the same in all of them": (key) => ({
    headers: {
      authorization: `Bearer ${key}`,
      "x-api-key": key,
      "api-key": key,
      "x-goog-api-key": key,
      "sec-websocket-protocol": protocol(key),
    },
    query: `key=${key}&key=${key}`,
  }),
};

/** At the admin plane a key in a URL, which ends up in logs and histories, is none. */
const inHeaders: typeof carriers = Object.fromEntries(
  Object.entries(carriers)
    .filter(([name]) => name !== "query")
    .map(([name, carry]) => [name, (key: string) => ({ headers: carry(key).headers ?? {} })]),
);

const wrong: Record<string, (key: string) => Carried> = {
  basic: (key) => ({ headers: { authorization: `Basic ${key}` } }),
  "basic with base64": (key) => ({
    headers: { authorization: `Basic ${Buffer.from(`user:${key}`).toString("base64")}` },
  }),
  "no scheme": (key) => ({ headers: { authorization: key } }),
  "token scheme": (key) => ({ headers: { authorization: `Token ${key}` } }),
  "two words": (key) => ({ headers: { authorization: `Bearer ${key} ${key}` } }),
  "a header of nobody's": (key) => ({ headers: { "x-auth": key, cookie: `key=${key}` } }),
  "a parameter of nobody's": (key) => ({ query: `api_key=${key}&Key=${key}` }),
  "a subprotocol of nobody's": (key) => ({ headers: { "sec-websocket-protocol": key } }),
  nothing: () => ({}),
};

/** The key and another one at once. */
const twofold: Record<string, (key: string) => Carried> = Object.fromEntries(
  [
    ["bearer", "x-api-key"],
    ["bearer", "query"],
    ["bearer", "subprotocol"],
    ["x-api-key", "api-key"],
    ["api-key", "x-goog-api-key"],
    ["x-goog-api-key", "query"],
    ["subprotocol", "x-api-key"],
  ].flatMap(([one = "", other = ""]) => {
    const both = (left: string, right: string): Carried => {
      const [first, second] = [carriers[one]?.(left), carriers[other]?.(right)];
      const query = [first?.query, second?.query].filter(Boolean).join("&");
      return { headers: { ...first?.headers, ...second?.headers }, ...(query && { query }) };
    };
    return [
      [`${one} and another key by ${other}`, (key: string) => both(key, unknown)],
      [`another key by ${one} and it by ${other}`, (key: string) => both(unknown, key)],
    ];
  }),
);
const twice: typeof twofold = {
  ...twofold,
  "two in the query": (key) => ({ query: `key=${key}&key=${unknown}` }),
  "two subprotocols": (key) => ({
    headers: { "sec-websocket-protocol": `${protocol(key)}, ${protocol(unknown)}` },
  }),
};

interface Place {
  method: string;
  path: string;
  upgrade?: true;
}

const ofDialects: Place[] = Object.values(dialects).flatMap((dialect) =>
  dialect.routes.map(({ method, path }) => ({
    method,
    path: path.replaceAll(/\{[^}]*\}/g, "openai"),
  })),
);

const dataPlane: Place[] = [
  ...new Map(ofDialects.map((place) => [`${place.method} ${place.path}`, place])).values(),
  ...["/v1/models", "/models", "/v1beta/models", "/v1/models/openai/gpt-4o", "/api/v1/models"].map(
    (path) => ({
      method: "GET",
      path,
    }),
  ),
  ...["/api/tags", "/api/ps"].map((path) => ({ method: "GET", path })),
  ...["/api/show", "/api/pull"].map((path) => ({ method: "POST", path })),
  ...["/v1/files", "/v1/batches", "/v1/uploads", "/v1/messages/batches", "/files/x"].map(
    (path) => ({ method: "GET", path }),
  ),
  { method: "GET", path: "/v1/responses/resp_1" },
  { method: "DELETE", path: "/v1/responses/resp_1" },
  { method: "POST", path: "/providers/openai/v1/chat/completions" },
  { method: "GET", path: "/providers/openai/v1/anything" },
  { method: "POST", path: "/providers/nobody/v1/anything" },
  { method: "POST", path: "/v1/feedback" },
  { method: "POST", path: "/feedback" },
  { method: "GET", path: "/v1/realtime", upgrade: true },
  { method: "GET", path: "/realtime", upgrade: true },
];

const adminPlane: Place[] = [
  ...["/status", "/health", "/usage", "/requests", "/requests/x", "/nothing"].map((path) => ({
    method: "GET",
    path: `/admin${path}`,
  })),
  { method: "POST", path: "/admin/explain" },
  { method: "POST", path: "/v1/translate" },
];

/** Asked by any key, and by the admin's. */
const openPlane: Place[] = [
  ...openRoutes.map(({ method, path }) => ({ method, path })),
  ...["/credits", "/key", "/auth/key", "/generation"].map((path) => ({
    method: "GET",
    path: `/api/v1${path}`,
  })),
];

const adminV1: Place[] = [
  ...litellmRoutes.map(({ method, path }) => ({ method, path: path.replace("{name}", "x") })),
  ...["/keys", "/teams", "/status", "/audit", "/nothing"].map((path) => ({
    method: "GET",
    path: `/admin/v1${path}`,
  })),
];

type Decision = "let in" | "401" | "two keys" | "403";

async function decide(
  gateway: InProcess,
  { method, path, upgrade }: Place,
  { headers, query }: Carried,
): Promise<Decision> {
  const url = `http://127.0.0.1:6342${path}${query === undefined ? "" : `?${query}`}`;
  const all = {
    ...headers,
    ...(upgrade && { upgrade: "websocket", connection: "upgrade" }),
    ...(method === "POST" && { "content-type": "application/json" }),
  };
  const request = new Request(url, {
    method,
    headers: all,
    ...(method === "POST" && { body: "{}" }),
  });
  const answer = upgrade
    ? await gateway.gateway.upgrade(request)
    : await gateway.gateway.fetch(request);
  if (!(answer instanceof Response)) return "let in";
  const text = await answer.text();
  expect(answer.status).not.toBe(500);
  if (answer.status === 401) return "401";
  if (answer.status === 400 && text.includes("two different keys")) return "two keys";
  return answer.status === 403 ? "403" : "let in";
}

/** What every carrier of a list is decided, by place; one word where all agree. */
async function decisions(
  places: readonly Place[],
  list: Record<string, (key: string) => Carried>,
  key: string,
  gateway = keyed,
): Promise<Record<string, Decision>> {
  const found: Record<string, Decision> = {};
  for (const place of places) {
    for (const [name, carry] of Object.entries(list)) {
      found[`${place.method} ${place.path} by ${name}`] = await decide(gateway, place, carry(key));
    }
  }
  return found;
}

const all = (found: Record<string, Decision>, decision: Decision): void => {
  const others = Object.entries(found).filter(([, each]) => each !== decision);
  expect(Object.fromEntries(others)).toEqual({});
  expect(Object.keys(found).length).toBeGreaterThan(20);
};

describe("S19 the data plane", () => {
  test("lets a virtual key and one of the configuration in, by every carrier", async () => {
    expect(dataPlane.length).toBeGreaterThan(40);
    for (const key of [virtual, configured]) {
      all(await decisions(dataPlane, carriers, key), "let in");
    }
  });

  test("refuses the admin key and unknown ones, by every carrier", async () => {
    for (const key of [adminKey, unknown, "anything"]) {
      all(await decisions(dataPlane, carriers, key), "401");
    }
  });

  test("refuses every other way to send one", async () => {
    for (const key of [virtual, configured]) {
      all(await decisions(dataPlane, wrong, key), "401");
    }
  });

  test("refuses two different keys at once, whichever is good", async () => {
    for (const key of [virtual, configured, adminKey]) {
      all(await decisions(dataPlane, twice, key), "two keys");
    }
  });

  test("judges a blocked and an expired key by every carrier the same", async () => {
    const blocked = await makeKey(keyed, { blocked: true });
    const expired = await makeKey(keyed, { expires_at_ms: 1 });
    all(await decisions(dataPlane, carriers, blocked.key), "403");
    all(await decisions(dataPlane, carriers, expired.key), "401");
  });
});

describe("S19 the admin plane", () => {
  test("lets the admin key in, by every header", async () => {
    all(await decisions([...adminPlane, ...adminV1], inHeaders, adminKey), "let in");
  });

  test("takes it from no URL, and in no other way", async () => {
    const others = { ...wrong, query: (key: string) => ({ query: `key=${key}` }) };
    all(await decisions([...adminPlane, ...adminV1], others, adminKey), "401");
  });

  test("refuses every key of the data plane", async () => {
    for (const key of [virtual, configured, unknown]) {
      all(await decisions(adminPlane, carriers, key), "401");
    }
    for (const key of [configured, unknown]) {
      all(await decisions(adminV1, carriers, key), "401");
    }
  });

  test("gives a virtual key one decision at /admin/v1 whatever carries it", async () => {
    const found = await decisions(adminV1, inHeaders, virtual);
    for (const { method, path } of adminV1) {
      const own = Object.keys(inHeaders).map((name) => found[`${method} ${path} by ${name}`]);
      expect([path, ...own]).toEqual([path, ...own.map(() => own[0])]);
      expect(own[0]).not.toBe("401");
    }
  });

  test("refuses two different keys", async () => {
    const inTwoHeaders = Object.fromEntries(
      Object.entries(twice).filter(([name]) => !name.includes("query")),
    );
    all(await decisions([...adminPlane, ...adminV1], inTwoHeaders, adminKey), "two keys");
  });
});

test("S19 what every key and the admin may ask takes each by the same carriers", async () => {
  for (const key of [virtual, configured, adminKey]) {
    all(await decisions(openPlane, inHeaders, key), "let in");
    all(await decisions(openPlane, wrong, key), "401");
  }
  for (const key of [unknown, "anything"]) all(await decisions(openPlane, carriers, key), "401");
  for (const key of [virtual, configured]) {
    all(await decisions(openPlane, twice, key), "two keys");
  }
});

describe("S19 where no key is asked for", () => {
  const chat = async ({ headers, query }: Carried) => {
    const answer = await open.fetch(`/v1/chat/completions${query ? `?${query}` : ""}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ model: "openai/gpt-4o", messages: [{ role: "user", content: "x" }] }),
    });
    await answer.text();
    return answer.status === 200
      ? ((await open.recorded(answer)).usage.key ?? "nobody")
      : answer.status;
  };

  test.each(Object.keys(carriers))("a virtual key counts, by %s", async (name) => {
    const carry = carriers[name];
    if (!carry) throw new Error("no such carrier");
    const good = await makeKey(open, { name: `good ${name}` });
    expect(await chat(carry(good.key))).toBe(`good ${name}`);
    await administer(open, "PATCH", `/keys/${good.id}`, { blocked: true });
    expect(await chat(carry(good.key))).toBe(403);
    await administer(open, "PATCH", `/keys/${good.id}`, { blocked: false, expires_at_ms: 1 });
    expect(await chat(carry(good.key))).toBe(401);
    await administer(open, "DELETE", `/keys/${good.id}`);
    // One that was taken away does not become nobody's: it could do more than before.
    expect(await chat(carry(good.key))).toBe(401);
    expect(await chat(carry("sk-of-some-vendor-0123456789"))).toBe("nobody");
  });

  test("what is no key is ignored, also beside one; two keys are refused", async () => {
    for (const carry of Object.values(wrong)) expect(await chat(carry("junk"))).toBe("nobody");
    const { key } = await makeKey(open, { name: "mine" });
    expect(await chat({ headers: { authorization: `Bearer ${key}`, "x-api-key": "junk" } })).toBe(
      "mine",
    );
    expect(await chat({ headers: { authorization: "Basic junk", "x-api-key": key } })).toBe("mine");
    for (const carry of Object.values(twice)) expect(await chat(carry(key))).toBe(400);
  });
});
