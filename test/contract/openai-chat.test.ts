// Recorded OpenAI chat traffic through the dialect and back: nothing may get lost.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { openaiChat } from "../../src/dialects/openai-chat/index.ts";
import type { Target } from "../../src/dialects/dialect.ts";
import type { ChatResponse, Origin, Part } from "../../src/ir/chat.ts";
import { GatewayError } from "../../src/ir/error.ts";
import type { ChatEvent } from "../../src/ir/event.ts";
import { collect, expand } from "../../src/ir/fold.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import type { Frame } from "../../src/lib/frame.ts";
import { createSseParser } from "../../src/lib/sse.ts";

interface Exchange {
  id: string;
  provider: string;
  model: string | null;
  stream: boolean;
  request: { body?: JsonObject } | null;
  response: { status: number; headers?: Record<string, string>; body?: unknown };
}

const own = "test/contract/fixtures/openai-chat";
const shared = "../shared/wire";

function load(folder: string, name: RegExp): Exchange[] {
  const files = readdirSync(folder).filter((file) => name.test(file));
  return files.flatMap((file) => {
    const bytes = new Uint8Array(readFileSync(`${folder}/${file}`));
    const text = new TextDecoder().decode(file.endsWith(".gz") ? Bun.gunzipSync(bytes) : bytes);
    return text
      .trimEnd()
      .split("\n")
      .map((line): Exchange => JSON.parse(line));
  });
}

const exchanges = load(own, /\.jsonl$/);
if (existsSync(shared)) exchanges.push(...load(shared, /\.openai\.chat\.jsonl\.gz$/));
else console.log(`skipped: ${shared} is not here; the project's own fixtures are tested alone`);

const origin: Origin = { dialect: "openai-chat", provider: "recorded", model: "any" };
const target: Target = {
  provider: "recorded",
  model: "any",
  quirks: { cacheControl: true, reasoningField: "reasoning_content" },
  facts: {},
};

/** Forms that mean the same on this wire, brought to one of them. */
function normaliseRequest(body: JsonObject): unknown {
  const {
    functions,
    function_call: call,
    stream,
    user,
    safety_identifier: safety,
    ...rest
  } = withoutNulls(body) as JsonObject;
  const { max_tokens: limit, max_completion_tokens: newLimit, ...fields } = rest;
  const tools = [
    ...list(rest["tools"]),
    ...list(functions).map((item) => ({ type: "function", function: item })),
  ];
  const options = {
    ...(isObject(rest["stream_options"]) ? rest["stream_options"] : {}),
    include_usage: true,
  };
  return {
    ...fields,
    model: "any",
    messages: normaliseMessages(list(rest["messages"])),
    tools,
    tool_choice:
      tools.length === 0
        ? undefined
        : (rest["tool_choice"] ?? (isObject(call) ? { type: "function", function: call } : call)),
    parallel_tool_calls: tools.length === 0 ? undefined : rest["parallel_tool_calls"],
    max_tokens: newLimit ?? limit,
    stop: typeof rest["stop"] === "string" ? [rest["stop"]] : rest["stop"],
    stream: stream === true ? true : undefined,
    stream_options: stream === true ? options : undefined,
    user: user ?? safety,
    safety_identifier: user === undefined ? undefined : safety,
  };
}

function normaliseMessages(messages: unknown[]): unknown[] {
  const open: { name: unknown; id: string }[] = [];
  let count = 0;
  const normalise = (message: JsonObject): unknown => {
    const {
      content,
      refusal,
      annotations,
      reasoning,
      reasoning_content: thoughts,
      ...rest
    } = message;
    const { function_call: call, reasoning_details: details, ...fields } = rest;
    const calls = [...list(rest["tool_calls"])];
    const parts =
      typeof content === "string"
        ? content === ""
          ? []
          : [{ type: "text", text: content }]
        : list(content);
    const refusals = parts.filter((part) => isObject(part) && part["type"] === "refusal");
    const role = rest["role"] === "developer" ? "system" : rest["role"];
    if (isObject(call)) {
      const id = `call_function_${count}`;
      count += 1;
      open.push({ name: call["name"], id });
      calls.push({ id, type: "function", function: call });
    }
    const isLegacyResult = role === "function";
    const found = isLegacyResult ? open.findIndex((item) => item.name === rest["name"]) : -1;
    return {
      ...fields,
      ...(isLegacyResult ? { name: undefined, tool_call_id: open.splice(found, 1)[0]?.id } : {}),
      role: isLegacyResult ? "tool" : role,
      content: parts.filter((part) => !refusals.includes(part)).map(normalisePart),
      refusal:
        refusal || refusals.map((part) => (part as JsonObject)["refusal"]).join("") || undefined,
      annotations: list(annotations).length === 0 ? undefined : annotations,
      tool_calls: calls.length === 0 ? undefined : calls,
      reasoning_details: list(details).length === 0 ? undefined : details,
      // The plain field repeats the details; an empty one says nothing.
      reasoning_content: list(details).length > 0 ? undefined : thoughts || reasoning || undefined,
    };
  };
  return messages.filter(isObject).map(normalise);
}

function normalisePart(part: unknown): unknown {
  if (!isObject(part) || !isObject(part["file"])) return part;
  const data = part["file"]["file_data"];
  if (typeof data !== "string" || /^(?:data|https?):/.test(data)) return part;
  return { ...part, file: { ...part["file"], file_data: `data:application/pdf;base64,${data}` } };
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null && item !== undefined)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}

/** JSON paths at which two values differ. */
function differences(left: unknown, right: unknown, path = ""): string[] {
  if (Bun.deepEquals(left, right)) return [];
  const isBoth = (check: (value: unknown) => boolean) => check(left) && check(right);
  if (!isBoth(isObject) && !isBoth(Array.isArray)) {
    return [
      `${path}: ${JSON.stringify(left)?.slice(0, 80)} / ${JSON.stringify(right)?.slice(0, 80)}`,
    ];
  }
  const [before, after] = [left as JsonObject, right as JsonObject];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => differences(before[key], after[key], `${path}.${key}`));
}

const clean = (value: unknown): unknown => withoutNulls(JSON.parse(JSON.stringify(value)));

const words = new Set(["stop", "length", "tool_calls", "content_filter", "function_call"]);

/** What one choice says, read straight from the wire. */
interface Told {
  content: string;
  reasoning: string;
  refusal: string;
  calls: { name: string; args: string }[];
  finish: string;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

function tell(message: JsonObject, finish: unknown): Told {
  const calls = list(message["tool_calls"]).filter(isObject);
  const legacy = message["function_call"];
  if (isObject(legacy) && legacy["name"]) calls.push({ function: legacy });
  const word = text(finish);
  return {
    content: text(message["content"]),
    reasoning:
      text(message["reasoning_content"]) || text(message["reasoning"]) || ofDetails(message),
    refusal: text(message["refusal"]),
    calls: calls.map((call) => {
      const custom = call["type"] === "custom";
      const called = (custom ? call["custom"] : call["function"]) as JsonObject;
      return { name: text(called["name"]), args: text(called[custom ? "input" : "arguments"]) };
    }),
    finish: calls.length > 0 && word !== "length" ? "tool_calls" : words.has(word) ? word : "stop",
  };
}

const ofDetails = (message: JsonObject): string =>
  list(message["reasoning_details"])
    .filter(isObject)
    .map((item) => text(item["text"]) + text(item["summary"]))
    .join("");

/** The chunks of a stream put together without the dialect's help. */
function foldChunks(frames: readonly Frame[]): { told: Told[]; usage?: JsonObject } | "error" {
  const messages = new Map<number, { message: JsonObject; finish: unknown }>();
  let usage: JsonObject | undefined;
  for (const { data } of frames) {
    if (data === "[DONE]" || data === "") continue;
    const chunk: JsonObject = JSON.parse(data);
    if (chunk["error"]) return "error";
    if (isObject(chunk["usage"])) usage = chunk["usage"];
    else if (isObject(chunk["x_groq"]) && isObject(chunk["x_groq"]["usage"]))
      usage = chunk["x_groq"]["usage"];
    for (const choice of list(chunk["choices"]).filter(isObject)) {
      if (isObject(choice["usage"])) usage = choice["usage"];
      const index = Number(choice["index"]);
      const entry = messages.get(index) ?? { message: { tool_calls: [] }, finish: undefined };
      messages.set(index, entry);
      const delta = isObject(choice["delta"]) ? choice["delta"] : {};
      for (const key of ["content", "reasoning_content", "reasoning", "refusal"]) {
        if (typeof delta[key] === "string")
          entry.message[key] = text(entry.message[key]) + delta[key];
      }
      const isPlain = delta["reasoning_content"] || delta["reasoning"];
      if (!isPlain && ofDetails(delta) !== "") {
        entry.message["reasoning"] = text(entry.message["reasoning"]) + ofDetails(delta);
      }
      for (const call of list(delta["tool_calls"]).filter(isObject)) {
        const calls = entry.message["tool_calls"] as JsonObject[];
        const called = call["function"] as JsonObject;
        const known = calls[Number(call["index"])];
        if (known) {
          const before = known["function"] as JsonObject;
          before["arguments"] = text(before["arguments"]) + text(called["arguments"]);
        } else calls[Number(call["index"])] = { function: { ...called } };
      }
      entry.finish = choice["finish_reason"] ?? entry.finish;
    }
  }
  const sorted = [...messages].toSorted(([left], [right]) => left - right);
  const told = sorted.map(([, { message, finish }]) => tell(message, finish));
  return usage ? { told, usage } : { told };
}

const usageOf = (usage: JsonObject | undefined): unknown => {
  if (!usage) return undefined;
  const input = Number(usage["prompt_tokens"]);
  const sum = input + Number(usage["completion_tokens"]);
  const details = isObject(usage["completion_tokens_details"])
    ? usage["completion_tokens_details"]
    : {};
  const reasoning = Number(details["reasoning_tokens"] ?? 0);
  const total = Number(usage["total_tokens"] ?? sum);
  // Reasoning that is only in the total belongs to the output.
  return {
    input,
    total: total - sum === reasoning || reasoning === 0 ? Math.max(total, sum) : sum,
  };
};

const context = { model: "any", includeUsage: true, warn: () => {} };

function tellJson(body: string): { told: Told[]; usage: unknown } {
  const json: JsonObject = JSON.parse(body);
  const told = list(json["choices"])
    .filter(isObject)
    .map((choice) =>
      tell(isObject(choice["message"]) ? choice["message"] : {}, choice["finish_reason"]),
    );
  return { told, usage: usageOf(json["usage"] as JsonObject | undefined) };
}

const frames = (stream: string): Frame[] => {
  const parser = createSseParser();
  return [...parser.push(new TextEncoder().encode(stream)), ...parser.end()];
};

function decodeStream(input: readonly Frame[]): ChatEvent[] {
  const decoder = openaiChat.stream.decoder(origin);
  return [...input.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
}

const requests = exchanges.filter(
  ({ request }) => isObject(request?.body) && "messages" in request.body,
);
const answers = exchanges.filter(
  ({ response }) =>
    response.status === 200 && isObject(response.body) && !("error" in response.body),
);
const streams = exchanges.filter(
  ({ response }) => response.status === 200 && typeof response.body === "string",
);
const failures = exchanges.filter(
  ({ response }) => response.status >= 400 || (isObject(response.body) && "error" in response.body),
);

const relayed = existsSync(shared)
  ? (["embeddings", "completions"] as const).flatMap((operation) =>
      load(shared, new RegExp(`\\.openai\\.${operation}\\.jsonl\\.gz$`)).map((exchange) => ({
        operation,
        exchange,
      })),
    )
  : [];

describe("openai-chat contract", () => {
  test(`requests come out as they went in (${requests.length})`, () => {
    const found = requests.flatMap(({ id, request }) => {
      const json = request?.body ?? {};
      const { value } = openaiChat.request.decode({ json, text: JSON.stringify(json) });
      const encoded = openaiChat.request.encode(value, target);
      const same = differences(
        clean(normaliseRequest(json)),
        clean(normaliseRequest(JSON.parse(encoded.body))),
      );
      return [...same, ...encoded.warnings.map(({ field, reason }) => `${field}: ${reason}`)].map(
        (line) => `${id} ${line}`,
      );
    });
    expect(found).toEqual([]);
  });

  test(`answers keep text, reasoning, calls, finish and usage (${answers.length})`, () => {
    const found = answers.flatMap(({ id, response }) => {
      const json = response.body as JsonObject;
      const { value } = openaiChat.response.decode({ json, text: JSON.stringify(json) }, origin);
      const encoded = openaiChat.response.encode(value, context);
      return differences(tellJson(JSON.stringify(json)), tellJson(encoded)).map(
        (line) => `${id} ${line}`,
      );
    });
    expect(found).toEqual([]);
  });

  test(`streams fold to what their chunks say, and encode to it again (${streams.length})`, () => {
    let broken = 0;
    const found = streams.flatMap(({ id, response }) => {
      const input = frames(String(response.body));
      const said = foldChunks(input);
      const events = decodeStream(input);
      if (said === "error") {
        broken += 1;
        return events.at(-1)?.type === "error" ? [] : [`${id} hides its error`];
      }
      const expected = { told: said.told, usage: usageOf(said.usage) };
      const lines = differences(
        expected,
        tellJson(openaiChat.response.encode(collect(events), context)),
      );
      const encoder = openaiChat.stream.encoder(context);
      const output = events.flatMap((event) => encoder.push(event));
      const again = foldChunks(output);
      if (output.at(-1)?.data !== "[DONE]" || again === "error") return [`${id} is not ended`];
      const second = { told: again.told, usage: usageOf(again.usage) };
      lines.push(...differences(expected, second));
      // The whole answer as a stream is the same answer too.
      lines.push(...differences(collect(events), collect(expand(collect(events)))));
      return lines.map((line) => `${id} ${line}`);
    });
    console.log(`streams with an error inside: ${broken}`);
    expect(found).toEqual([]);
  });

  test(`what was refused is refused in the client's dialect too (${failures.length})`, () => {
    for (const { response } of failures) {
      const error = decodeFailure(response);
      expect(error.code).toBe(
        response.status === 429 ? "upstream_rate_limited" : "upstream_rejected",
      );
      const said = (response.body as { error: { message: string } }).error.message;
      expect(JSON.parse(openaiChat.error.encode(error, "req")).error.message).toBe(said);
    }
  });

  test(`relayed operations report their usage (${relayed.length})`, () => {
    let count = 0;
    for (const { operation, exchange } of relayed) {
      const { body } = exchange.response;
      if (!isObject(body) || !isObject(body["usage"])) continue;
      count += 1;
      const usage = openaiChat.usage(operation, body);
      const { prompt_tokens: input, total_tokens: total } = body["usage"];
      expect([usage?.input.total, (usage?.input.total ?? 0) + (usage?.output.total ?? 0)]).toEqual([
        Number(input),
        Number(total),
      ]);
    }
    console.log(`relayed answers with usage: ${count}`);
    for (const { exchange } of relayed) {
      if (typeof exchange.response.body !== "string") continue;
      expect(decodeStream(frames(exchange.response.body)).at(-1)?.type).toBe("end");
    }
  });

  test("signed reasoning of an answer survives the client and goes back to its provider word for word", () => {
    let count = 0;
    for (const { response } of answers) {
      const json = response.body as JsonObject;
      const choice = list(json["choices"]).find(isObject);
      const message = choice?.["message"] as JsonObject;
      const details = list(message?.["reasoning_details"]);
      if (details.length === 0) continue;
      count += 1;
      const { value } = openaiChat.response.decode({ json, text: "" }, origin);
      const shown: { choices: { message: JsonObject }[] } = JSON.parse(
        openaiChat.response.encode(value, context),
      );
      const echo = {
        model: "any",
        messages: [{ role: "user", content: "hi" }, shown.choices[0]?.message ?? {}],
      };
      const again = openaiChat.request.decode({ json: echo, text: "" }).value;
      expect(origins(again.messages[1]?.parts ?? [])).toEqual(origins(partsOf(value)));
      const sent = JSON.parse(openaiChat.request.encode(again, target).body);
      expect(sent.messages[1].reasoning_details).toEqual(details);
      const elsewhere = openaiChat.request.encode(again, { ...target, provider: "other" });
      expect(JSON.parse(elsewhere.body).messages[1].reasoning_details).toBeUndefined();
      expect(elsewhere.warnings).toHaveLength(1);
    }
    expect(count).toBeGreaterThan(0);
  });
});

function decodeFailure(response: Exchange["response"]): GatewayError {
  const body = JSON.stringify(response.body);
  if (response.status >= 400) {
    return openaiChat.error.decode(response.status, new Headers(response.headers), body);
  }
  try {
    openaiChat.response.decode({ json: response.body as JsonObject, text: body }, origin);
  } catch (error) {
    if (error instanceof GatewayError) return error;
  }
  throw new Error("an error inside a 200 was taken for an answer");
}

const partsOf = (value: ChatResponse): Part[] => value.candidates[0]?.parts ?? [];

const origins = (parts: readonly Part[]): unknown[] =>
  parts.flatMap((part) => (part.type === "reasoning" ? [part.origin] : []));
