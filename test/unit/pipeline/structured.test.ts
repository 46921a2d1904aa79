// A schema asked for as a tool call: the request it becomes, and the answers it comes back from.
import { describe, expect, test } from "bun:test";
import type { ChatRequest, ChatResponse, Part } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { expand } from "../../../src/ir/fold.ts";
import { emulateSchema } from "../../../src/pipeline/structured.ts";

const person = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name"],
  additionalProperties: false,
};

const requestOf = (schema: unknown, over: Partial<ChatRequest> = {}): ChatRequest => ({
  model: "m",
  messages: [{ role: "user", parts: [{ type: "text", text: "Who?" }] }],
  tools: [],
  settings: {},
  stream: false,
  ext: {},
  responseFormat: { type: "json-schema", schema },
  ...over,
});

const emulationOf = (schema: unknown, over: Partial<ChatRequest> = {}) => {
  const emulation = emulateSchema(requestOf(schema, over), "acme");
  if (!emulation) throw new Error("not emulated");
  return emulation;
};

const call = (args: string, name = "answer_in_json", id = "c1"): Part => ({
  type: "tool-call",
  id,
  name,
  args,
  executor: "client",
});
const text = (said: string): Part => ({ type: "text", text: said });

const answerOf = (
  parts: Part[],
  reason: "stop" | "tool-calls" | "length" = "tool-calls",
): ChatResponse => ({ id: "r", model: "m", candidates: [{ parts, finish: { reason } }] });

const told = (response: ChatResponse) =>
  response.candidates.map(({ parts, finish }) => [
    parts.map((part) => (part.type === "text" ? part.text : part.type)),
    finish.reason,
  ]);

describe("the request", () => {
  test("has the schema as a tool that must be called, and no format", () => {
    const { request, warning } = emulationOf(person);
    expect(request.responseFormat).toBeUndefined();
    expect(request.tools).toMatchObject([{ name: "answer_in_json", parameters: person }]);
    expect(request.toolChoice).toEqual({ type: "tool", name: "answer_in_json" });
    expect(warning).toMatchObject({ field: "response_format.json_schema", target: "acme" });
  });

  test("with tools of its own, some tool must be called", () => {
    const { request } = emulationOf(person, { tools: [{ type: "function", name: "look" }] });
    expect(request.tools.map((tool) => tool.name)).toEqual(["look", "answer_in_json"]);
    expect(request.toolChoice).toEqual({ type: "required" });
  });

  test("the client's own choice of a tool stands; without tools only the answer is left", () => {
    const tools = [{ type: "function" as const, name: "look" }];
    const forced = requestOf(person, { tools, toolChoice: { type: "tool", name: "look" } });
    expect(emulateSchema(forced, "acme")).toBeUndefined();
    const { request } = emulationOf(person, { tools, toolChoice: { type: "none" } });
    expect(request.toolChoice).toEqual({ type: "tool", name: "answer_in_json" });
  });

  test("a schema of a list stands in an object", () => {
    const list = { type: "array", items: { type: "integer" } };
    const { request, answer } = emulationOf(list);
    expect(request.tools).toMatchObject([{ parameters: { properties: { value: list } } }]);
    expect(told(answer(answerOf([call('{"value":[1,2]}')])))).toEqual([[["[1,2]"], "stop"]]);
  });

  test("nothing is done where no schema is asked for", () => {
    const plain = requestOf(person);
    expect(emulateSchema({ ...plain, responseFormat: { type: "json" } }, "acme")).toBeUndefined();
  });
});

describe("the answer", () => {
  const { answer, events } = emulationOf(person, { tools: [{ type: "function", name: "look" }] });

  test.each([
    ["the call's arguments as they are spelt", [call('{ "name": "A" }')], '{ "name": "A" }'],
    ["without the prose before it", [text("Sure!"), call('{"name":"A"}')], '{"name":"A"}'],
    ["text that fits will do", [text('{"name":"A","age":3}')], '{"name":"A","age":3}'],
  ])("%s", (_name, parts, expected) => {
    const reason = parts.some((part) => part.type === "tool-call") ? "tool-calls" : "stop";
    expect(told(answer(answerOf(parts, reason)))).toEqual([[[expected], "stop"]]);
  });

  test("a call of the client's own tool passes", () => {
    const passed = answer(answerOf([text("I look."), call("{}", "look")]));
    expect(told(passed)).toEqual([[["tool-call", "I look."], "tool-calls"]]);
  });

  test("what was cut off is shown as far as it came", () => {
    expect(told(answer(answerOf([call('{"name":"A')], "length")))).toEqual([
      [['{"name":"A'], "length"],
    ]);
  });

  test.each([
    ["a wrong type", '{"name":"A","age":"3"}', "#/age"],
    ["a missing member", "{}", "name"],
    ["one too many", '{"name":"A","x":1}', "x"],
    ["no JSON", "Sorry, no.", "not JSON"],
  ])("%s is the provider's fault", (_name, args, why) => {
    const thrown = (() => {
      try {
        return answer(answerOf([call(args)]));
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(GatewayError);
    expect((thrown as GatewayError).code).toBe("upstream_invalid");
    expect((thrown as GatewayError).message).toContain(why);
  });

  test("a stream ends with the error", () => {
    const turn = events();
    const seen = expand(answerOf([call("{}")])).flatMap(turn);
    expect(seen.at(-1)?.type === "error" || seen.some((event) => event.type === "error")).toBe(
      true,
    );
    expect(seen.some((event) => event.type === "finish")).toBe(false);
  });
});

describe("an answer that is given twice", () => {
  const twice = [call('{"name":"Ada"}'), call('{"name":"Bob"}', undefined, "c2")];

  test("is refused by name: which of them is meant, nobody knows", () => {
    expect(() => emulationOf(person).answer(answerOf(twice))).toThrow(/answered 2 times/);
  });

  test("is one answer where both are the same, also when they come at the same time", () => {
    const shown = emulationOf(person).events();
    const start = (index: number): ChatEvent => ({
      type: "part-start",
      candidate: 0,
      index,
      part: call("", undefined, `c${index}`),
    });
    const args = (index: number, piece: string): ChatEvent => ({
      type: "part-delta",
      candidate: 0,
      index,
      delta: { type: "args", args: piece },
    });
    const end = (index: number): ChatEvent => ({ type: "part-end", candidate: 0, index });
    const events = [
      start(0),
      start(1),
      args(0, '{"name":'),
      args(1, '{"name":'),
      args(0, '"Ada"}'),
      args(1, '"Ada"}'),
      end(0),
      end(1),
      { type: "finish", candidate: 0, finish: { reason: "tool-calls" } } satisfies ChatEvent,
    ].flatMap(shown);
    expect(events.map(({ type }) => type)).toEqual([
      "part-start",
      "part-delta",
      "part-end",
      "finish",
    ]);
    expect(events[1]).toMatchObject({ delta: { type: "text", text: '{"name":"Ada"}' } });
  });
});
