// The reasoning vault: what comes back, to whom, and what never does.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type {
  ChatRequest,
  Message,
  Origin,
  Part,
  ReasoningPart,
  ToolCallPart,
} from "../../../src/ir/chat.ts";
import { expand } from "../../../src/ir/fold.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { createVault, hasUnprovenCalls, type Vault } from "../../../src/pipeline/vault.ts";
import type { Item, Items } from "../../../src/store/items.ts";

const anthropic: Origin = { dialect: "anthropic-messages", provider: "anthropic", model: "m" };
const others: [string, Origin][] = [
  ["dialect", { ...anthropic, dialect: "gemini" }],
  ["provider", { ...anthropic, provider: "elsewhere" }],
  ["model", { ...anthropic, model: "other" }],
];

const lines: string[] = [];
const log = createLogger({ level: "warn", write: (line) => void lines.push(line) });

/** Items in a map, and how often they were asked for. */
function fakeItems() {
  const rows = new Map<string, Item>();
  const fake = { rows, reads: 0, fails: false };
  const items: Items = {
    async put(_kind, given) {
      for (const item of given) rows.set(item.key, item);
    },
    async get(_kind, keys) {
      fake.reads += 1;
      await Bun.sleep(0);
      if (fake.fails) throw new Error("the disk is gone");
      return keys.flatMap((key) => rows.get(key) ?? []);
    },
    claim: async (_kind, item) => !rows.has(item.key) && rows.set(item.key, item).has(item.key),
    remove: async (_kind, key) => rows.delete(key),
    sweep: async () => 0,
  };
  return Object.assign(fake, { items, vault: createVault(items, log) });
}

const thought = (text: string, more: Partial<ReasoningPart> = {}): ReasoningPart => ({
  type: "reasoning",
  text,
  signature: `signed ${text}`,
  origin: anthropic,
  ...more,
});
const call = (id: string, args = '{"a":1,"b":[2,{"c":3}]}'): ToolCallPart => ({
  type: "tool-call",
  id,
  name: "f",
  args,
  executor: "client",
});
const text = (words: string): Part => ({ type: "text", text: words });
const user = (...parts: Part[]): Message => ({ role: "user", parts });
const result = (callId: string): Part => ({
  type: "tool-result",
  callId,
  parts: [],
  isError: false,
});
const asked = (...messages: Message[]): ChatRequest => ({
  model: "m",
  messages,
  tools: [],
  settings: {},
  stream: false,
  ext: {},
});
const question = user(text("What is it?"));

/** What the conversation holds when the client gives back `parts` of an answer. */
const goingOn = (...parts: Part[]): ChatRequest =>
  asked(question, { role: "assistant", parts }, user(text("Go on.")));

const partsOf = (request: ChatRequest): Part[] => request.messages[1]?.parts ?? [];
const back = (part: ReasoningPart): ReasoningPart => ({ ...part, restored: true });

const answer = [thought("first"), text("Let me see."), call("1"), thought("second"), call("2")];
const keep = (vault: Vault, parts: Part[] = answer, origin = anthropic): void =>
  vault.keep({ tenant: "one", origin, asked: asked(question) }, parts);

describe("what a client left out", () => {
  test("stands again where it stood, however arguments are spelt", async () => {
    const { vault } = fakeItems();
    keep(vault);
    const respelt = '{ "b": [2, {"c": 3.0}],\n "a": 1e0 }';
    const request = goingOn(text("Let me see."), call("1", respelt), call("2"));
    const restored = await vault.restore("one", request, anthropic);
    expect(partsOf(restored)).toEqual([
      back(thought("first")),
      text("Let me see."),
      call("1", respelt),
      back(thought("second")),
      call("2"),
    ]);
    expect(partsOf(request)).toHaveLength(3);
  });

  test("a stream is kept as a whole answer is, once it is complete", async () => {
    const { vault } = fakeItems();
    const observer = vault.observe({ tenant: "one", origin: anthropic, asked: asked(question) });
    const events = expand({
      id: "",
      model: "",
      candidates: [{ parts: answer, finish: { reason: "tool-calls" } }],
    });
    for (const event of events) observer.event(event);
    const request = goingOn(call("1"), call("2"));
    expect(await vault.restore("one", request, anthropic)).toBe(request);
    observer.keep();
    // What is known not to be there is looked up again when it has come.
    expect(partsOf(await vault.restore("one", request, anthropic))).toHaveLength(4);
  });

  test("shown reasoning without its signature, or damaged, is replaced", async () => {
    const { vault } = fakeItems();
    keep(vault);
    for (const damaged of [
      [thought("first", { signature: undefined })],
      [thought("fir")],
      [thought("", { signature: "signed first" })],
      [thought("first"), thought("made up")],
    ]) {
      const request = goingOn(...damaged, call("1"), call("2"));
      const { length } = partsOf(await vault.restore("one", request, anthropic)).filter(
        (part) => part.type === "reasoning" && part.restored,
      );
      expect(length).toBe(2);
    }
  });

  test("a client that carries all of it gets its own request back", async () => {
    const { vault } = fakeItems();
    keep(vault);
    const request = goingOn(...answer);
    expect(await vault.restore("one", request, anthropic)).toBe(request);
  });

  test("a proof comes back on its part, and the reasoning that is there stays as it is", async () => {
    const { vault } = fakeItems();
    const proof = { signature: "proof", origin: anthropic };
    keep(vault, [thought("first"), { ...call("1"), proof }, call("2")]);
    const plain = await vault.restore("one", goingOn(call("1"), call("2")), anthropic);
    expect(partsOf(plain)).toEqual([back(thought("first")), { ...call("1"), proof }, call("2")]);
    const carried = await vault.restore(
      "one",
      goingOn(thought("first"), call("1"), call("2")),
      anthropic,
    );
    expect(partsOf(carried)).toEqual([thought("first"), { ...call("1"), proof }, call("2")]);
  });

  test("a text is known by the user's words before it, not by its own division", async () => {
    const { vault } = fakeItems();
    keep(vault, [thought("first"), text("It is "), text("this.")]);
    const same = goingOn(text(" It is this. "));
    expect(partsOf(await vault.restore("one", same, anthropic))[0]).toEqual(back(thought("first")));
    const elsewhere = asked(user(text("And this?")), ...same.messages.slice(1));
    expect(await vault.restore("one", elsewhere, anthropic)).toBe(elsewhere);
  });

  test("without the request only calls are kept", () => {
    const { vault, rows } = fakeItems();
    const answered = { tenant: null, origin: anthropic };
    vault.keep(answered, [thought("first"), text("It is this.")]);
    expect(rows.size).toBe(0);
    vault.keep(answered, answer);
    expect(rows.size).toBe(2);
  });

  test("unsigned reasoning, and calls that a provider ran, keep nothing", () => {
    const { vault, rows } = fakeItems();
    keep(vault, [thought("first", { signature: undefined }), call("1")]);
    keep(vault, [text("plain"), call("1")]);
    keep(vault, [thought("first"), { ...call("1"), executor: "provider" }]);
    expect(rows.size).toBe(0);
  });
});

describe("nothing comes back", () => {
  test.each(others)("to another %s", async (_name, target) => {
    const { vault } = fakeItems();
    keep(vault);
    const request = goingOn(call("1"), call("2"));
    expect(await vault.restore("one", request, target)).toBe(request);
  });

  test.each(["two", null])("to another tenant (%p)", async (tenant) => {
    const { vault, rows } = fakeItems();
    keep(vault);
    const request = goingOn(call("1"), call("2"));
    expect(await vault.restore(tenant, request, anthropic)).toBe(request);
    expect([...rows.values()].map(({ owner }) => owner)).toEqual(["one", "one"]);
  });

  test("to a call with other arguments, another name, or another id", async () => {
    const { vault } = fakeItems();
    keep(vault, [thought("first"), call("1")]);
    for (const other of [
      call("1", '{"a":2,"b":[2,{"c":3}]}'),
      call("1", '{"a":1,"b":[{"c":3},2]}'),
      call("1", "no JSON"),
      call("2"),
      { ...call("1"), name: "g" },
    ]) {
      const request = goingOn(other);
      expect(await vault.restore("one", request, anthropic)).toBe(request);
    }
  });

  test("into what users say", async () => {
    const { vault } = fakeItems();
    keep(vault);
    const request = asked(question, user(call("1"), call("2")));
    expect(await vault.restore("one", request, anthropic)).toBe(request);
  });
});

describe("memory and store", () => {
  test("another process on the same store restores; each key is looked up once", async () => {
    const { vault, items } = fakeItems();
    keep(vault);
    await Bun.sleep(0);
    const later = Object.assign(fakeItems(), { vault: createVault(items, log) }).vault;
    const request = goingOn(call("1"), call("2"));
    expect(partsOf(await later.restore("one", request, anthropic))).toHaveLength(4);
  });

  test("what is not there is asked for once", async () => {
    const fake = fakeItems();
    const request = goingOn(call("1"), call("2"));
    await fake.vault.restore("one", request, anthropic);
    await fake.vault.restore("one", request, anthropic);
    expect(fake.reads).toBe(1);
  });

  test("two requests that look at the same time both find it", async () => {
    const first = fakeItems();
    keep(first.vault);
    await Bun.sleep(0);
    const later = createVault(first.items, log);
    const found = await Promise.all(
      [1, 2].map(() => later.restore("one", goingOn(call("1"), call("2")), anthropic)),
    );
    for (const request of found) expect(partsOf(request)).toHaveLength(4);
  });

  test("a store that fails costs the reasoning, not the request, and is asked again", async () => {
    const fake = fakeItems();
    keep(fake.vault);
    await Bun.sleep(0);
    const later = createVault(fake.items, log);
    fake.fails = true;
    const request = goingOn(call("1"), call("2"));
    expect(await later.restore("one", request, anthropic)).toBe(request);
    expect(lines.at(-1)).toContain("vault.unreadable");
    fake.fails = false;
    expect(partsOf(await later.restore("one", request, anthropic))).toHaveLength(4);
  });

  test("rows expire, and one that is no JSON is none", async () => {
    const fake = fakeItems();
    keep(fake.vault);
    for (const row of fake.rows.values()) {
      expect(row.expiresMs).toBe(row.atMs + 7 * 86_400_000);
      row.value = "{";
    }
    const later = createVault(fake.items, log);
    const request = goingOn(call("1"), call("2"));
    expect(await later.restore("one", request, anthropic)).toBe(request);
  });
});

test("calls that nothing proves: only while their results come back", () => {
  const results = user(result("1"));
  const round = (...parts: Part[]) => asked(question, { role: "assistant", parts }, results);
  expect(hasUnprovenCalls(round(call("1")))).toBe(true);
  expect(hasUnprovenCalls(round(thought("first", { signature: undefined }), call("1")))).toBe(true);
  expect(hasUnprovenCalls(round(thought("first"), call("1")))).toBe(false);
  const proof = { signature: "proof", origin: anthropic };
  expect(hasUnprovenCalls(round({ ...call("1"), proof }))).toBe(false);
  expect(hasUnprovenCalls(goingOn(call("1")))).toBe(false);
  expect(hasUnprovenCalls(asked())).toBe(false);
});

test("property: what a client sends is all there, in order, whatever is put back", async () => {
  const { vault } = fakeItems();
  const part = fc.oneof(
    fc.constantFrom("x", "y", "z").map((words) => thought(words)),
    fc.constantFrom("a", "b").map(text),
    fc.tuple(fc.constantFrom("1", "2", "3"), fc.json()).map(([id, args]) => call(id, args)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 8 }), fc.array(part), async (made, sent) => {
      keep(vault, made);
      const plain = sent.filter(({ type }) => type !== "reasoning");
      const request = goingOn(...plain);
      const restored = await vault.restore("one", request, anthropic);
      expect(partsOf(restored).filter(({ type }) => type !== "reasoning")).toEqual(plain);
      // Once more changes nothing.
      const again = await vault.restore("one", restored, anthropic);
      expect(again).toEqual(restored);
    }),
    { numRuns: 200 },
  );
});
