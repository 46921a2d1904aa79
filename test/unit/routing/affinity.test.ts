// Sessions and the deployments they stay with.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ChatRequest, Message } from "../../../src/ir/chat.ts";
import { createAffinity, preferKept } from "../../../src/routing/affinity.ts";
import { responseKey, sessionOf } from "../../../src/routing/session.ts";
import { useVirtualClock, type VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
beforeEach(() => {
  clock = useVirtualClock();
});
afterEach(() => clock.restore());

const text = (role: Message["role"], ...texts: string[]): Message => ({
  role,
  parts: texts.map((each) => ({ type: "text", text: each })),
});

const chat =
  (messages: Message[], tools: string[] = []): (() => ChatRequest) =>
  () => ({
    model: "m",
    messages,
    tools: tools.map((name) => ({ type: "function", name, parameters: {} }) as never),
    settings: {},
    stream: true,
    ext: {},
  });

describe("which session", () => {
  const body = (fields: Record<string, unknown>) => (name: string) => fields[name];

  test.each<[string, Record<string, string>, Record<string, unknown>, string]>([
    ["Claude Code", { "X-Claude-Code-Session-Id": "1" }, { prompt_cache_key: "2" }, "header"],
    ["Codex", { "session-id": "1", "thread-id": "1" }, { prompt_cache_key: "1" }, "header"],
    ["older Codex", { session_id: "1" }, {}, "header"],
    ["OpenAI's cache key", {}, { prompt_cache_key: "1", previous_response_id: "r" }, "cache-key"],
    ["a response to go on from", {}, { previous_response_id: "resp_1" }, "response"],
    ["a conversation", {}, { conversation: "conv_1" }, "conversation"],
    ["none of these", { "session-id": "  " }, { prompt_cache_key: 5, conversation: {} }, "prefix"],
  ])("%s", (_name, headers, fields, source) => {
    const facts = {
      headers: new Headers(headers),
      member: body(fields),
      chat: chat([text("user", "hello")]),
    };
    const session = sessionOf(facts);
    expect(session?.source).toBe(source as never);
    expect(sessionOf(facts)).toEqual(session);
    expect(sessionOf({ ...facts, scope: "somebody else" })?.key).not.toBe(session?.key);
  });

  test("a session says the same by header and by cache key", () => {
    const headers = new Headers({ "session-id": "s" });
    const member = body({ prompt_cache_key: "s" });
    expect(sessionOf({ headers })?.key).toBe(sessionOf({ headers: new Headers(), member })?.key);
  });

  test("an answer's id leads to the request that goes on from it", () => {
    const member = body({ previous_response_id: "resp_1" });
    expect(sessionOf({ headers: new Headers(), member, scope: "k" })?.key).toBe(
      responseKey("resp_1", "k"),
    );
  });

  test.each(["x-megallm-affinity", "x-bf-session-affinity"])("%s: off", (name) => {
    const headers = new Headers({ [name]: " OFF ", "session-id": "1" });
    expect(sessionOf({ headers })).toBeNull();
  });

  test("nothing to go by", () => {
    expect(sessionOf({ headers: new Headers() })).toBeNull();
    expect(sessionOf({ headers: new Headers(), chat: () => null })).toBeNull();
    expect(
      sessionOf({ headers: new Headers(), chat: chat([text("system", "be brief")]) }),
    ).toBeNull();
  });
});

describe("the stable prefix", () => {
  const key = (messages: Message[], tools?: string[]): string | undefined =>
    sessionOf({ headers: new Headers(), chat: chat(messages, tools) })?.key;
  const opening = [text("system", "be brief"), text("user", "hello")];

  test("stays as the conversation grows, as cache marks move, as the billing header changes", () => {
    const first = key(opening, ["read"]);
    const grown = [...opening, text("assistant", "hi"), text("user", "and now?")];
    expect(key(grown, ["read"])).toBe(first);
    const marked = structuredClone(opening);
    marked[1]!.parts[0]!.cache = { ttl: "5m" };
    expect(key(marked, ["read"])).toBe(first);
    const billed = (value: string): Message[] => [
      text("system", `x-anthropic-billing-header: ${value}`, "be brief"),
      text("user", "hello"),
    ];
    expect(key(billed("1"), ["read"])).toBe(first);
    expect(key(billed("2"), ["read"])).toBe(first);
  });

  test("differs by system prompt, first message and tools", () => {
    const keys = [
      key(opening),
      key([text("system", "be long"), text("user", "hello")]),
      key([text("system", "be brief"), text("user", "bye")]),
      key(opening, ["read"]),
    ];
    expect(new Set(keys).size).toBe(4);
  });

  test("images count by their beginning and length", () => {
    const image = (data: string): Message => ({
      role: "user",
      parts: [{ type: "image", source: { kind: "base64", mediaType: "image/png", data } }],
    });
    expect(key([image("a".repeat(9999))])).toBe(key([image("a".repeat(9999))]));
    expect(key([image("a".repeat(9999))])).not.toBe(key([image("a".repeat(9998))]));
  });
});

describe("staying", () => {
  test("until idle for too long; use counts as life", () => {
    const affinity = createAffinity({ idleMs: 1000 });
    affinity.keep("s", { deployment: "b", quality: 2 });
    clock.nowMs += 1000;
    expect(affinity.of("s")).toMatchObject({ deployment: "b", quality: 2 });
    affinity.keep("s", { deployment: "b" });
    clock.nowMs += 1000;
    expect(affinity.of("s")?.deployment).toBe("b");
    clock.nowMs += 1;
    expect(affinity.of("s")).toBeNull();
    expect(affinity.size).toBe(0);
  });

  test("bounded: the longest unused go first", () => {
    const affinity = createAffinity({ maxSessions: 2 });
    affinity.keep("1", { deployment: "a" });
    affinity.keep("2", { deployment: "a" });
    affinity.of("1");
    affinity.keep("3", { deployment: "a" });
    expect([affinity.of("1"), affinity.of("2"), affinity.of("3")].map(Boolean)).toEqual([
      true,
      false,
      true,
    ]);
    affinity.forget("1");
    expect(affinity.of("1")).toBeNull();
  });

  const list = [
    { id: "a", order: 0 },
    { id: "b", order: 0 },
    { id: "c", order: 1 },
  ];
  test.each([
    [null, "abc"],
    ["b", "bac"],
    ["gone", "abc"],
    ["c", "abc"],
  ])("kept at %p → %s", (kept, expected) => {
    const order = preferKept(list, kept === null ? null : { deployment: kept }, {
      idOf: ({ id }) => id,
    });
    expect(order.map(({ id }) => id).join("")).toBe(expected);
  });
});
