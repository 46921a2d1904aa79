// A key that is taken away while its requests run: nothing new, and an end to what is under way. (S24)
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import {
  type RealtimeUpstream,
  startRealtimeUpstream,
} from "../support/upstream/openai-realtime.ts";
import type { Upstream } from "../support/upstream/upstream.ts";
import { administer, makeKey, type MadeKey } from "../support/virtual-keys.ts";
import { until } from "../support/until.ts";

let upstream: Upstream;
let live: RealtimeUpstream;
let gateway: InProcess;
let port: number;

beforeAll(async () => {
  upstream = await startOpenAiUpstream();
  live = startRealtimeUpstream();
  gateway = await startInProcess(
    {
      providers: {
        up: { type: "openai-compatible", base_url: upstream.baseUrl, api_key: upstream.key },
        openai: { base_url: live.baseUrl, api_key: live.key },
      },
      server: { require_key: "always" },
    },
    { pacing: { recheckMs: 10, holdMs: 50, openEarlyMs: 100 } },
  );
  ({ port } = await gateway.listen());
});
afterEach(() => upstream.reset());
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
  await live.stop();
});

interface Held extends MadeKey {
  team: string;
  organization: string;
  user: string;
}

/** A key with everything around it that can be blocked. */
async function holder(): Promise<Held> {
  const name = crypto.randomUUID();
  const { id: organization } = await administer(gateway, "POST", "/organizations", { name });
  const { id: team } = await administer(gateway, "POST", "/teams", {
    name,
    organization_id: organization,
  });
  const { id: user } = await administer(gateway, "POST", "/users", {
    name,
    email: `${name}@x.test`,
  });
  const made = await makeKey(gateway, { kind: "user", team_id: team, user_id: user });
  return { ...made, team: String(team), organization: String(organization), user: String(user) };
}

const ways: Record<string, (key: Held) => Promise<unknown>> = {
  blocked: ({ id }) => administer(gateway, "PATCH", `/keys/${id}`, { blocked: true }),
  deleted: ({ id }) => administer(gateway, "DELETE", `/keys/${id}`),
  expired: ({ id }) => administer(gateway, "PATCH", `/keys/${id}`, { expires_at_ms: 1 }),
  rotated: ({ id }) => administer(gateway, "POST", `/keys/${id}/rotate`, {}),
  "without its user": ({ user }) =>
    administer(gateway, "PATCH", `/users/${user}`, { status: "blocked" }),
  "without its team": ({ team }) =>
    administer(gateway, "PATCH", `/teams/${team}`, { status: "blocked" }),
  "without its organization": ({ organization }) =>
    administer(gateway, "PATCH", `/organizations/${organization}`, { status: "blocked" }),
};

const hanging = { kind: "hang", afterFrames: 3 } as const;

const chat = (key: string, more: object = {}, headers: Record<string, string> = {}) =>
  gateway.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({
      model: "up/gpt-4o",
      messages: [{ role: "user", content: "Tell me a long story." }],
      stream: true,
      ...more,
    }),
  });

/** The text so far, while it comes. */
function read(answer: Response): { readonly text: string; end: Promise<void> } {
  const reading = { text: "", end: Promise.resolve() };
  reading.end = (async () => {
    for await (const bytes of answer.body ?? []) reading.text += Buffer.from(bytes).toString();
  })();
  return reading;
}

const refused = async (key: string): Promise<number> => {
  const answer = await chat(key);
  await answer.text();
  return answer.status;
};

describe.each(Object.entries(ways))("S24 a key that is %s", (_name, take) => {
  test("is refused at once, and its stream is ended in its own wire", async () => {
    const held = await holder();
    upstream.script(hanging);
    const answer = await chat(held.key);
    expect(answer.status).toBe(200);
    const reading = read(answer);
    await until(() => reading.text.includes('"content"'));
    await take(held);
    expect([401, 403]).toContain(await refused(held.key));
    await reading.end;
    expect(reading.text).toMatch(/"error":\{.*(?:not known|blocked|expired|replaced)/);
    expect(reading.text).not.toContain("[DONE]");
    const { usage } = await gateway.recorded(answer);
    expect(usage.status).toBe("error");
    expect(["unauthenticated", "forbidden"]).toContain(String(usage.errorCode));
    expect(usage.outputTokens).toBeGreaterThan(0);
    await until(() => upstream.aborts.length === 1);
  });

  test("gets no late answer either, with an `Idempotency-Key` or without", async () => {
    for (const headers of [{}, { "idempotency-key": crypto.randomUUID() }]) {
      const held = await holder();
      upstream.script({ kind: "hang" });
      const answer = chat(held.key, { stream: false }, headers as Record<string, string>);
      await until(() => upstream.requests.length === 1);
      await take(held);
      expect([401, 403]).toContain((await answer).status);
      await until(() => upstream.aborts.length === 1);
      upstream.reset();
    }
  });

  test("loses its realtime session", async () => {
    const held = await holder();
    const options = { headers: { authorization: `Bearer ${held.key}` } };
    const socket = new WebSocket(
      `ws://127.0.0.1:${port}/v1/realtime?model=openai/gpt-realtime`,
      options as unknown as string[],
    );
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
    });
    const answered = new Promise<void>((resolve) => {
      socket.addEventListener("message", ({ data }) => {
        if (String(data).includes("response.done")) resolve();
      });
    });
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    // The first response settles the request that opened the session.
    socket.send(JSON.stringify({ type: "response.create" }));
    await answered;
    await take(held);
    const { code, reason } = await closed;
    expect(code).toBe(1008);
    expect(reason).toMatch(/not known|blocked|expired|replaced/);
    await until(() => live.open() === 0);
    await gateway.idle();
  });
});

test("S24 other keys' requests go on, as does one whose old secret has its grace", async () => {
  const [first, second, other, rotated] = await Promise.all(Array.from({ length: 4 }, holder));
  if (!first || !second || !other || !rotated) throw new Error("no keys");
  const ended = new Set<MadeKey>();
  const stream = async (held: Held): Promise<void> => {
    upstream.script(hanging);
    const answer = await chat(held.key);
    await answer.text();
    ended.add(held);
  };
  const texts = [first, second, other, rotated].map(stream);
  await until(() => upstream.requests.length === 4);
  await administer(gateway, "POST", `/keys/${rotated.id}/rotate`, { grace_ms: 3_600_000 });
  // When the second one has ended, everybody was looked at again since the first.
  for (const [at, lost] of [first, second].entries()) {
    await administer(gateway, "DELETE", `/keys/${lost.id}`);
    await texts[at];
  }
  expect(ended).toEqual(new Set([first, second]));
  for (const { id } of [other, rotated]) await administer(gateway, "DELETE", `/keys/${id}`);
  await Promise.all(texts);
  await gateway.idle();
});

test("S24 a key that is revoked is nobody's: its name and its secret come not back with another", async () => {
  const name = crypto.randomUUID();
  const first = await makeKey(gateway, { name });
  await administer(gateway, "DELETE", `/keys/${first.id}`);
  const second = await makeKey(gateway, { name });
  expect(second.key).not.toBe(first.key);
  expect(await refused(first.key)).toBe(401);
});
