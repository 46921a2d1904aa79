// Responses requests: what a client writes arrives, here and in other dialects, and nothing hostile does more than fail.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages/index.ts";
import type { Target } from "../../../src/dialects/dialect.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import { openaiResponses } from "../../../src/dialects/openai-responses/index.ts";
import type { ChatRequest, Message, Part } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";

const target: Target = { provider: "acme", model: "up", quirks: {}, facts: {} };
const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const ask = (fields: JsonObject = {}): JsonObject => ({ model: "m", input: "Hi", ...fields });
const decode = (json: JsonObject): ChatRequest =>
  openaiResponses.request.decode({ json, text: JSON.stringify(json) }, "chat").value;

interface Encoded {
  body: JsonObject;
  fields: string[];
  warnings: { field: string; reason: string }[];
}

function encodeAs(
  dialect: typeof openaiResponses,
  request: ChatRequest,
  rest: Partial<Target> = {},
): Encoded {
  const { body, warnings } = dialect.request.encode(request, { ...target, ...rest });
  return { body: JSON.parse(body), fields: warnings.map(({ field }) => field), warnings };
}
const encode = (request: ChatRequest, rest?: Partial<Target>): Encoded =>
  encodeAs(openaiResponses, request, rest);

/** A request of a client of another wire. */
const foreign = (messages: Message[], rest: Partial<ChatRequest> = {}): ChatRequest => ({
  model: "m",
  messages,
  tools: [],
  settings: {},
  stream: false,
  ext: {},
  ...rest,
});
const text = (value: string): Part => ({ type: "text", text: value });
const user = (...parts: Part[]): Message => ({ role: "user", parts });
const items = (encoded: Encoded): JsonObject[] => encoded.body["input"] as JsonObject[];

function problem(json: JsonObject): GatewayError {
  try {
    decode(json);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("accepted");
}

describe("decoding", () => {
  test("the input as a text is one message of the user's; instructions come first", () => {
    const { messages } = decode(ask({ instructions: "Be brief." }));
    expect(messages.map(({ role, parts }) => [role, parts])).toEqual([
      ["system", [text("Be brief.")]],
      ["user", [text("Hi")]],
    ]);
    expect(messages.map(({ place }) => place)).toEqual(["instructions", "input"]);
  });

  test("items of one side in a row are one turn", () => {
    const { messages } = decode(
      ask({
        input: [
          { role: "user", content: "a" },
          { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "E" },
          { type: "function_call", call_id: "c1", name: "f", arguments: "{}" },
          { type: "custom_tool_call", call_id: "c2", name: "g", input: "x" },
          { type: "function_call_output", call_id: "c1", output: "1" },
          { type: "custom_tool_call_output", call_id: "c2", output: "2" },
          { role: "user", content: "b" },
        ],
      }),
    );
    expect(messages.map(({ role, parts }) => [role, ...parts.map(({ type }) => type)])).toEqual([
      ["user", "text"],
      ["assistant", "reasoning", "tool-call", "tool-call"],
      ["user", "tool-result", "tool-result"],
      ["user", "text"],
    ]);
  });

  test("what other wires share is told as such", () => {
    const request = decode(
      ask({
        service_tier: "flex",
        store: false,
        metadata: { team: "a" },
        prompt_cache_key: "k",
        prompt_cache_retention: "24h",
        safety_identifier: "s",
        user: "u",
        top_logprobs: 3,
        text: { verbosity: "low" },
        truncation: "auto",
      }),
    );
    expect(request.account).toEqual({
      serviceTier: "flex",
      store: false,
      metadata: { team: "a" },
      promptCacheKey: "k",
      promptCacheRetention: "24h",
      safetyIdentifier: "s",
    });
    expect(request.user).toBe("u");
    expect(request.settings).toEqual({ logprobs: { top: 3 }, verbosity: "low" });
    expect(request.ext).toEqual({ "openai-responses": { truncation: "auto" } });
  });

  test.each([
    [{ input: 3 }, "input"],
    [{ input: undefined }, "input"],
    [{ input: [3] }, "input[0]"],
    [{ input: [{}] }, "input[0].type"],
    [{ input: [{ role: "critic", content: "x" }] }, "input[0].role"],
    [{ input: [{ role: "user" }] }, "input[0].content"],
    [{ input: [{ role: "user", content: [{ type: "input_text" }] }] }, "input[0].content[0].text"],
    [
      { input: [{ role: "user", content: [{ type: "input_image" }] }] },
      "input[0].content[0].image_url",
    ],
    [
      { input: [{ role: "user", content: [{ type: "input_file", filename: "a" }] }] },
      "input[0].content[0].file_data",
    ],
    [{ input: [{ type: "function_call", name: "f" }] }, "input[0].call_id"],
    [
      { input: [{ type: "function_call", call_id: "c", name: "f", arguments: {} }] },
      "input[0].arguments",
    ],
    [{ input: [{ type: "function_call_output", output: "x" }] }, "input[0].call_id"],
    [{ model: 1 }, "model"],
    [{ tools: {} }, "tools"],
    [{ tools: [{ type: "function" }] }, "tools[0].name"],
    [
      { tools: [{ type: "namespace", name: "n", tools: [{ type: "web_search" }] }] },
      "tools[0].tools[0].type",
    ],
    [{ tool_choice: "perhaps" }, "tool_choice"],
    [{ tool_choice: { type: "function" } }, "tool_choice.name"],
    [{ text: { format: { type: "json_schema" } } }, "text.format.schema"],
    [{ text: { verbosity: 1 } }, "text.verbosity"],
    [{ reasoning: { effort: 1 } }, "reasoning.effort"],
    [{ max_output_tokens: 1.5 }, "max_output_tokens"],
    [{ include: "x" }, "include"],
  ] as [JsonObject, string][])("%j is refused, naming %s (R24)", (fields, param) => {
    const { input, ...rest } = ask(fields);
    const json = input === undefined ? rest : { ...rest, input };
    expect(problem(json)).toMatchObject({ code: "invalid_request", status: 400, param });
  });

  test("no input does more than fail (S45, S47)", () => {
    const key = fc.constantFrom(
      ..."model input instructions tools tool_choice role content type text image_url file_data file_id file_url filename input_audio data format call_id name namespace arguments input output id status summary encrypted_content include reasoning effort text verbosity top_logprobs metadata store queries action operation results outputs result prompt_cache_breakpoint execution environment __proto__ constructor prototype toString".split(
        " ",
      ),
    );
    const word = fc.constantFrom(
      ..."message system developer user assistant function custom namespace web_search input_text input_image input_file input_audio output_text refusal reasoning function_call function_call_output custom_tool_call custom_tool_call_output item_reference web_search_call mcp_call computer_call computer_call_output shell_call shell_call_output image_generation_call additional_tools tool_search_output compaction allowed_tools json_schema data:image/png;base64,AA== megallm.eyJvcmlnaW4iOnsiZGlhbGVjdCI6Il9fcHJvdG9fXyJ9fQ auto".split(
        " ",
      ),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 6, withCrossShrink: true },
        word,
        fc.string(),
        fc.constantFrom(null, true, 0, -1, 1.5, Number.MAX_SAFE_INTEGER + 2),
        fc.array(tie("value"), { maxLength: 4 }),
        fc
          .array(fc.tuple(key, tie("value")), { maxLength: 6 })
          .map((entries) =>
            JSON.parse(
              `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${JSON.stringify(item)}`).join()}}`,
            ),
          ),
      ),
    }));
    const item = fc.record(
      {
        type: word,
        role: word,
        content: value,
        output: value,
        call_id: fc.string(),
        name: fc.string(),
        summary: value,
        encrypted_content: value,
        tools: value,
      },
      { requiredKeys: ["type"] },
    );
    fc.assert(
      fc.property(value, fc.array(fc.oneof(item, value)), (fields, input) => {
        const json: JsonObject = { model: "m", input, ...(isObject(fields) ? fields : {}) };
        try {
          const request = decode(json);
          for (const dialect of [openaiResponses, openaiChat, anthropicMessages]) {
            dialect.request.encode(request, target);
          }
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error;
          expect(["invalid_request", "unsupported_feature"]).toContain(error.code);
        }
      }),
      { numRuns: 3000 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as JsonObject)["polluted"]).toBeUndefined();
  });

  test("a member named `toString` is a member", () => {
    const hostile = { toString: "message", valueOf: 1 };
    const json = ask({
      include: [hostile, "reasoning.encrypted_content"],
      input: [
        { role: "user", content: "Q" },
        { type: "mcp_call", call_id: hostile, status: hostile },
        { type: "local_shell_call_output", call_id: hostile, output: "x" },
      ],
    });
    const request = decode(json);
    for (const dialect of [openaiResponses, openaiChat, anthropicMessages]) {
      expect(() => dialect.request.encode(request, target)).not.toThrow();
    }
    expect(encode(request).body["include"]).toEqual(json["include"]);
  });

  test("`__proto__` is nobody's field (S45)", () => {
    const json = JSON.parse(
      '{"model":"m","__proto__":{"polluted":1},"input":[{"role":"user","__proto__":{"polluted":1},"content":[{"type":"input_text","text":"x","__proto__":{"polluted":1}}]}]}',
    );
    expect(encode(decode(json)).body).not.toHaveProperty("polluted");
    expect(JSON.stringify(encode(decode(json)).body)).not.toContain("polluted");
    expect(({} as JsonObject)["polluted"]).toBeUndefined();
  });
});

describe("tools in groups", () => {
  const fn = (name: string, rest: JsonObject = {}): JsonObject => ({
    type: "function",
    name,
    parameters: { type: "object", properties: {} },
    ...rest,
  });
  const grouped = ask({
    tools: [
      fn("read"),
      { type: "namespace", name: "a", description: "A", tools: [fn("read"), fn("write")] },
      {
        type: "namespace",
        name: "b",
        description: "",
        tools: [fn("read"), { type: "custom", name: "exec" }],
      },
    ],
    input: [
      { role: "user", content: "x" },
      { type: "function_call", call_id: "c1", name: "read", namespace: "b", arguments: "{}" },
      { type: "function_call_output", call_id: "c1", output: "ok" },
    ],
  });

  test("names that collide are made unique, for other dialects", () => {
    const request = decode(grouped);
    expect(
      request.tools.map((tool) => [
        tool.type === "provider" ? "" : (tool.namespace ?? ""),
        tool.name,
      ]),
    ).toEqual([
      ["", "read"],
      ["a", "a__read"],
      ["a", "write"],
      ["b", "b__read"],
      ["b", "exec"],
    ]);
    const chat = encodeAs(openaiChat, request).body as { messages: JsonObject[] };
    expect(chat.messages[1]).toMatchObject({ tool_calls: [{ function: { name: "b__read" } }] });
    const claude = encodeAs(anthropicMessages, request, { model: "claude-sonnet-4-5" }).body;
    expect((claude["tools"] as JsonObject[]).map(({ name }) => name)).toEqual([
      "read",
      "a__read",
      "write",
      "b__read",
      "exec",
    ]);
  });

  test("the wire's own form comes back", () => {
    const { body, fields } = encode(decode(grouped));
    expect(body["tools"]).toEqual(grouped["tools"]);
    expect((body["input"] as JsonObject[])[1]).toMatchObject({ name: "read", namespace: "b" });
    expect(fields).toEqual([]);
  });

  test("tools inside the input are tools for everybody else, and stay there for OpenAI", () => {
    const json = ask({
      input: [
        {
          type: "additional_tools",
          role: "developer",
          tools: [
            {
              type: "namespace",
              name: "functions",
              description: "",
              tools: [{ type: "custom", name: "exec" }, fn("wait")],
            },
          ],
        },
        { role: "user", content: "x" },
      ],
    });
    const request = decode(json);
    expect(request.tools.map(({ name }) => name)).toEqual(["exec", "wait"]);
    const native = encode(request).body;
    expect(native["tools"]).toBeUndefined();
    expect(native["input"]).toEqual(json["input"]);
    const { body, fields } = encodeAs(openaiChat, request, { model: "gpt-5" });
    expect(body["tools"]).toHaveLength(2);
    expect(body["messages"]).toEqual([{ role: "user", content: "x" }]);
    expect(fields).toEqual([]);
  });

  test("a forced tool of a group is found", () => {
    const request = decode({ ...grouped, tool_choice: { type: "function", name: "write" } });
    expect(request.toolChoice).toEqual({ type: "tool", name: "write" });
    expect(encode(request).body["tool_choice"]).toEqual({ type: "function", name: "write" });
  });
});

describe("to other dialects", () => {
  test("account and settings reach OpenAI chat without a loss", () => {
    const json = ask({
      service_tier: "flex",
      store: true,
      metadata: { team: "a" },
      prompt_cache_key: "k",
      safety_identifier: "s",
      user: "u",
      include: ["message.output_text.logprobs"],
      top_logprobs: 2,
      text: { verbosity: "high", format: { type: "json_object" } },
    });
    const { body, fields } = encodeAs(openaiChat, decode(json));
    expect(body).toMatchObject({
      service_tier: "flex",
      store: true,
      metadata: { team: "a" },
      prompt_cache_key: "k",
      safety_identifier: "s",
      user: "u",
      logprobs: true,
      top_logprobs: 2,
      verbosity: "high",
      response_format: { type: "json_object" },
    });
    expect(fields).toEqual([]);
  });

  test("what a coding agent sends is readable for Claude", () => {
    const json = ask({
      input: [
        {
          type: "message",
          id: "msg_1",
          role: "developer",
          content: [{ type: "input_text", text: "D" }],
        },
        {
          type: "message",
          id: "msg_2",
          role: "user",
          content: [{ type: "input_text", text: "U" }],
        },
        {
          type: "custom_tool_call",
          status: "completed",
          call_id: "c1",
          name: "apply_patch",
          input: "*** Begin",
        },
        { type: "custom_tool_call_output", call_id: "c1", output: "done" },
        { type: "function_call", call_id: "c2", name: "view", arguments: '{"p":1.0}' },
        {
          type: "function_call_output",
          call_id: "c2",
          output: [{ type: "input_image", image_url: `data:image/png;base64,${png}` }],
        },
      ],
      tools: [
        {
          type: "custom",
          name: "apply_patch",
          format: { type: "grammar", syntax: "lark", definition: "x" },
        },
        { type: "function", name: "view", parameters: { type: "object" }, strict: false },
        { type: "web_search" },
      ],
      reasoning: { effort: "high", summary: "auto" },
      include: ["reasoning.encrypted_content"],
      store: false,
    });
    const { body, fields } = encodeAs(anthropicMessages, decode(json), {
      model: "claude-opus-4-6",
    });
    expect(body["system"]).toBe("D");
    expect(body["messages"]).toMatchObject([
      { role: "user", content: "U" },
      {
        role: "assistant",
        content: [{ type: "tool_use", name: "apply_patch", input: { input: "*** Begin" } }],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "c1", content: "done" }] },
      { role: "assistant", content: [{ type: "tool_use", name: "view", input: { p: 1 } }] },
      { role: "user", content: [{ type: "tool_result", content: [{ type: "image" }] }] },
    ]);
    expect(body["thinking"]).toMatchObject({ type: "adaptive", display: "summarized" });
    expect(fields.toSorted()).toEqual(["store", "tools[0]", "tools[2]"]);
  });

  test("a free-form tool is a function where no model takes such tools", () => {
    const json = ask({
      input: [
        { role: "user", content: "U" },
        { type: "custom_tool_call", call_id: "c1", name: "patch", input: "*** Begin\n" },
        { type: "custom_tool_call_output", call_id: "c1", output: "done" },
      ],
      tools: [{ type: "custom", name: "patch", description: "P" }],
      tool_choice: { type: "custom", name: "patch" },
    });
    const { body, fields } = encodeAs(openaiChat, decode(json));
    expect(body["tools"]).toMatchObject([
      {
        type: "function",
        function: { name: "patch", description: "P", parameters: { required: ["input"] } },
      },
    ]);
    expect(body["tool_choice"]).toEqual({ type: "function", function: { name: "patch" } });
    expect((body["messages"] as JsonObject[])[1]).toMatchObject({
      tool_calls: [{ type: "function", function: { arguments: '{"input":"*** Begin\\n"}' } }],
    });
    expect(fields).toEqual(["tools[0]"]);
    const { body: own } = encode({ ...decode(json), ext: {} });
    expect(own["tools"]).toMatchObject([{ type: "function", name: "patch", strict: false }]);
    expect((own["input"] as JsonObject[]).map(({ type }) => type)).toEqual([
      undefined,
      "function_call",
      "function_call_output",
    ]);
    expect(encodeAs(openaiChat, decode(json), { model: "gpt-5" }).body["tools"]).toMatchObject([
      { type: "custom" },
    ]);
  });

  test("what OpenAI's own tools did is told, and each loss has its warning", () => {
    const json = ask({
      input: [
        { role: "user", content: "U" },
        {
          type: "mcp_call",
          id: "mcp_1",
          server_label: "s",
          name: "ask",
          arguments: "{}",
          output: "42",
        },
        { type: "compaction", id: "cmp_1", encrypted_content: "C" },
        { role: "assistant", content: "A" },
        { type: "shell_call", call_id: "c1", action: { commands: ["ls"] } },
        { type: "shell_call_output", call_id: "c1", output: [{ stdout: "a.txt" }] },
      ],
    });
    const { body, warnings } = encodeAs(openaiChat, decode(json));
    expect(body["messages"]).toMatchObject([
      { role: "user", content: "U" },
      {
        role: "assistant",
        content: [{ text: "42" }, { text: "A" }],
        tool_calls: [{ id: "c1", function: { name: "shell", arguments: '{"commands":["ls"]}' } }],
      },
      { role: "tool", tool_call_id: "c1", content: "a.txt" },
    ]);
    expect(warnings.map(({ reason }) => reason).join("\n")).toContain(
      "`ask` was run by another provider",
    );
    expect(warnings.map(({ reason }) => reason).join("\n")).toContain("`compaction`");
    expect(encode(decode(json)).body["input"]).toEqual(json["input"]);
  });
});

describe("from other dialects", () => {
  test("nothing is kept, and reasoning comes back to be given again", () => {
    const { body, fields } = encode(foreign([user(text("x"))]), { model: "gpt-5" });
    expect(body).toEqual({
      model: "gpt-5",
      input: [{ role: "user", content: "x" }],
      store: false,
      include: ["reasoning.encrypted_content"],
    });
    expect(fields).toEqual([]);
    // Models that do not reason refuse to be asked for it.
    expect(encode(foreign([user(text("x"))]), { model: "gpt-4o" }).body["include"]).toBeUndefined();
    const kept = foreign([user(text("x"))], { account: { store: true } });
    expect(encode(kept, { model: "gpt-5" }).body["store"]).toBe(true);
  });

  test("OpenAI chat's fields keep their meaning", () => {
    const json = {
      model: "m",
      messages: [
        { role: "system", content: "S" },
        { role: "user", content: "U" },
        {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "call_a", type: "function", function: { name: "f", arguments: '{"n": 1.0}' } },
            { id: "call_b", type: "custom", custom: { name: "g", input: "raw" } },
          ],
        },
        { role: "tool", tool_call_id: "call_a", content: "1" },
        { role: "tool", tool_call_id: "call_b", content: "2" },
        { role: "system", content: "Mid" },
      ],
      tools: [
        {
          type: "function",
          function: { name: "f", parameters: { type: "object", properties: {} } },
        },
        { type: "custom", custom: { name: "g" } },
      ],
      tool_choice: { type: "function", function: { name: "f" } },
      max_completion_tokens: 8,
      reasoning_effort: "low",
      logprobs: true,
      top_logprobs: 1,
      verbosity: "low",
      service_tier: "flex",
      response_format: {
        type: "json_schema",
        json_schema: { name: "n x", schema: { type: "object" }, strict: true },
      },
      stop: ["END"],
      seed: 1,
      n: 1,
    };
    const request = openaiChat.request.decode({ json, text: "" }).value;
    const { body, fields } = encode(request, { model: "gpt-5.1" });
    expect(body).toEqual({
      model: "gpt-5.1",
      instructions: "S",
      input: [
        { role: "user", content: "U" },
        { type: "function_call", call_id: "call_a", name: "f", arguments: '{"n": 1.0}' },
        { type: "custom_tool_call", call_id: "call_b", name: "g", input: "raw" },
        { type: "function_call_output", call_id: "call_a", output: "1" },
        { type: "custom_tool_call_output", call_id: "call_b", output: "2" },
        { role: "developer", content: "Mid" },
      ],
      tools: [
        {
          type: "function",
          name: "f",
          parameters: { type: "object", properties: {} },
          strict: false,
        },
        { type: "custom", name: "g" },
      ],
      tool_choice: { type: "function", name: "f" },
      max_output_tokens: 16,
      top_logprobs: 1,
      reasoning: { effort: "low" },
      text: {
        format: { type: "json_schema", name: "n_x", schema: { type: "object" }, strict: false },
        verbosity: "low",
      },
      service_tier: "flex",
      store: false,
      include: ["reasoning.encrypted_content", "message.output_text.logprobs"],
    });
    expect(fields.toSorted()).toEqual([
      "max_tokens",
      "response_format.json_schema.strict",
      "seed",
      "stop",
    ]);
  });

  test("a verbosity that the model does not take is left out", () => {
    const request = foreign([user(text("x"))], { settings: { verbosity: "low" } });
    expect(encode(request, { model: "gpt-5" })).toMatchObject({
      body: { text: { verbosity: "low" } },
      fields: [],
    });
    const plain = encode(request, { model: "gpt-4o" });
    expect(plain.body).not.toHaveProperty("text");
    expect(plain.fields).toEqual(["verbosity"]);
  });

  test("models that reason refuse sampling; thinking asked for by a budget is shown", () => {
    const request = foreign([user(text("x"))], {
      settings: { temperature: 0.2, topP: 1 },
      reasoning: { mode: "budget", tokens: 5000 },
    });
    const { body, fields } = encode(request, { model: "gpt-5" });
    expect(body).toMatchObject({ reasoning: { effort: "high", summary: "auto" } });
    // Not even what asks for the default is taken, and then nothing is lost.
    for (const name of ["temperature", "top_p"]) expect(body).not.toHaveProperty(name);
    expect(fields).toEqual(["temperature"]);
    expect(encode(request, { model: "gpt-4o" })).toMatchObject({
      body: { temperature: 0.2 },
      fields: ["reasoning"],
    });
  });

  test("strict tools whose schema OpenAI would refuse are not enforced", () => {
    const tool = (parameters: JsonObject) =>
      ({ type: "function", name: "f", parameters, strict: true }) as const;
    const open = foreign([user(text("x"))], {
      tools: [tool({ type: "object", properties: { a: {} } })],
    });
    expect(encode(open).body["tools"]).toMatchObject([{ strict: false }]);
    expect(encode(open).fields).toEqual(["tools[0].strict"]);
    const closed = {
      type: "object",
      properties: { a: {} },
      required: ["a"],
      additionalProperties: false,
    };
    const strict = foreign([user(text("x"))], { tools: [tool(closed)] });
    expect(encode(strict)).toMatchObject({ body: { tools: [{ strict: true }] }, fields: [] });
  });

  test("media, results with media, errors and long ids", () => {
    const id = "x".repeat(80);
    const request = foreign([
      {
        role: "assistant",
        parts: [
          text("Let me see."),
          { type: "tool-call", id, name: "f", args: "{}", executor: "client" },
        ],
      },
      user(
        {
          type: "tool-result",
          callId: id,
          isError: true,
          parts: [
            { type: "text", text: "no such file" },
            { type: "image", source: { kind: "base64", data: png, mediaType: "image/png" } },
          ],
        },
        {
          type: "file",
          source: { kind: "base64", data: "JVBERi0=", mediaType: "application/pdf" },
          title: "a.pdf",
        },
        { type: "audio", source: { kind: "base64", data: "AA==", mediaType: "audio/wav" } },
      ),
    ]);
    const encoded = encode(request);
    const [message, call, result, asked] = items(encoded);
    expect(message).toEqual({ role: "assistant", content: "Let me see." });
    expect(String(call?.["call_id"]).length).toBeLessThanOrEqual(64);
    expect(result).toEqual({
      type: "function_call_output",
      call_id: call?.["call_id"],
      output: [
        { type: "input_text", text: "Error: no such file" },
        { type: "input_image", image_url: `data:image/png;base64,${png}` },
      ],
    });
    expect(asked?.["content"]).toEqual([
      { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" },
      { type: "input_audio", input_audio: { data: "AA==", format: "wav" } },
    ]);
    expect(encoded.fields).toEqual(["messages[1].content[0].is_error"]);
  });

  test("another vendor's own tools alone are refused", () => {
    const request = foreign([user(text("x"))], {
      tools: [{ type: "provider", name: "web_search", origin: "anthropic-messages", raw: {} }],
    });
    expect(() => encode(request)).toThrow(GatewayError);
  });
});

describe("reasoning of earlier turns", () => {
  const own = (provider: string, rest: Partial<Part> = {}): Part =>
    ({
      type: "reasoning",
      text: "",
      encrypted: "ENC",
      origin: { dialect: "openai-responses", provider, model: "gpt-5" },
      ...rest,
    }) as Part;
  const turn = (...parts: Part[]): ChatRequest =>
    foreign([user(text("q")), { role: "assistant", parts }, user(text("go on"))]);

  test("is given back where it was made, its pieces together", () => {
    const frame = { ext: { "openai-responses": { "#frame": { id: "rs_1" } } } };
    const origin = { dialect: "openai-responses", provider: "acme", model: "gpt-5" } as const;
    const request = turn(
      { type: "reasoning", text: "One.", origin, ...frame },
      { type: "reasoning", text: "Two.", origin, ...frame },
      own("acme", frame),
      text("A"),
    );
    // By its id it would miss the message that followed, which has none.
    expect(items(encode(request, { model: "gpt-5-2025-08-07" }))[1]).toEqual({
      type: "reasoning",
      summary: [
        { type: "summary_text", text: "One." },
        { type: "summary_text", text: "Two." },
      ],
      encrypted_content: "ENC",
    });
  });

  test.each([
    [own("other"), "another provider or model"],
    [own("acme", { encrypted: undefined, text: "T" }), "without its encrypted content"],
    [
      {
        type: "reasoning",
        text: "T",
        signature: "s",
        origin: { dialect: "anthropic-messages" },
      },
      "another provider or model",
    ],
  ] as [Part, string][])("is left out with a warning otherwise (%#)", (part, reason) => {
    const encoded = encode(turn(part, text("A")), { model: "gpt-5" });
    expect(items(encoded).map(({ type, role }) => type ?? role)).toEqual([
      "user",
      "assistant",
      "user",
    ]);
    expect(encoded.warnings[0]?.reason).toContain(reason);
  });

  test("that led to nothing is left out", () => {
    const encoded = encode(turn(text("A"), own("acme")), { model: "gpt-5" });
    expect(items(encoded)).toHaveLength(3);
    expect(encoded.fields).toEqual(["messages[1]"]);
  });
});

describe("OpenAI chat and this wire mixed up", () => {
  const members = (...names: string[]) =>
    new Map(
      names.map((name) => [name, { key: { start: 0, end: 0 }, value: { start: 0, end: 0 } }]),
    );

  test("a body with `input` on chat's path is this wire's", () => {
    expect(openaiChat.bodyDialect?.(members("model", "input"))).toBe("openai-responses");
    expect(openaiChat.bodyDialect?.(members("model", "messages"))).toBe("openai-chat");
    expect(openaiChat.bodyDialect?.(members("input", "messages"))).toBe("openai-chat");
  });

  test("flat tools are tools, and such a body is not relayed", () => {
    const json = {
      model: "m",
      messages: [{ role: "user", content: "x" }],
      tools: [
        {
          type: "function",
          name: "f",
          description: "F",
          parameters: { type: "object" },
          strict: false,
        },
        { type: "custom", name: "g" },
        { type: "function", function: { name: "h" } },
      ],
    };
    const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
    const request = openaiChat.request.decode({ json, text: "" }).value;
    expect(encodeAs(openaiChat, request).body["tools"]).toEqual([
      {
        type: "function",
        function: { name: "f", description: "F", parameters: { type: "object" }, strict: false },
      },
      { type: "custom", custom: { name: "g" } },
      { type: "function", function: { name: "h" } },
    ]);
    expect(openaiChat.carriesForeign?.(bytes(json), {})).toBe(true);
    const nested = { ...json, tools: json.tools.slice(2) };
    expect(openaiChat.carriesForeign?.(bytes(nested), {})).toBe(false);
    expect(openaiChat.carriesForeign?.(new TextEncoder().encode('{"tools"'), {})).toBe(false);
  });
});

test("a bucket's address is not sent as the id of a file", () => {
  const file: Part = { type: "file", source: { kind: "file-id", id: "s3://b/k" } };
  const encoded = encode(foreign([user(file, text("Hi"))]));
  expect(JSON.stringify(encoded.body)).not.toContain("s3://");
  expect(encoded.fields).toEqual(["messages[0].content[0]"]);
});
