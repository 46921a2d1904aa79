// Structured output where the model does not enforce a schema itself: a tool it must call, whose arguments are the answer.
import { Validator } from "@cfworker/json-schema";
import type { ChatRequest, Finish } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import { createCollector, expand } from "../ir/fold.ts";
import type { Warning } from "../ir/warning.ts";
import { isObject, JsonError, parse, parseObject } from "../lib/json.ts";
import type { Reshaping } from "./prefill.ts";

/** A request with its schema as a tool, and the way back for its answer. */
export interface Emulation extends Reshaping {
  request: ChatRequest;
  warning: Warning;
}

const toolName = "answer_in_json";

/** Undefined where the request asks for no schema, or has a schema that no tool can take. */
export function emulateSchema(request: ChatRequest, target: string): Emulation | undefined {
  const { responseFormat: format, toolChoice } = request;
  if (format?.type !== "json-schema" || !isObject(format.schema)) return undefined;
  // A call of the client's own tool is demanded: there will be no answer to check.
  if (toolChoice?.type === "tool") return undefined;
  // Arguments of a tool are an object: any other value stands in one.
  const isWrapped = format.schema["type"] !== "object";
  const schema = isWrapped
    ? { type: "object", properties: { value: format.schema }, required: ["value"] }
    : format.schema;
  const { responseFormat: _enforced, ...rest } = request;
  const hasTools = request.tools.length > 0;
  const said = format.description === undefined ? "" : ` ${format.description}`;
  const check = createCheck(format.schema);
  const read = (args: string): string => check(isWrapped ? valueIn(args) : args);

  return {
    request: {
      ...rest,
      tools: [
        ...request.tools,
        {
          type: "function",
          name: toolName,
          description: `Gives the final answer in its structured form. Always answer by calling this.${said}`,
          parameters: schema,
        },
      ],
      // With tools of its own the model must stay free to call those first.
      toolChoice:
        hasTools && toolChoice?.type !== "none"
          ? { type: "required" }
          : { type: "tool", name: toolName },
    },
    warning: {
      field: "response_format.json_schema",
      reason: "not enforced by the model: asked for as a tool call, and the answer is checked",
      target,
    },
    answer(response) {
      const turn = createTurn(read);
      const collector = createCollector();
      for (const event of expand(response).flatMap(turn)) {
        if (event.type === "error") throw event.error;
        collector.push(event);
      }
      return { ...response, ...collector.response() };
    },
    events: () => createTurn(read),
  };
}

/** What each candidate has said so far. */
interface Draft {
  /** Arguments of the tool by the part that they stand in: some models call it more than once, even at the same time. */
  calls: Map<number, string>;
  /** Text that would stand before the answer; shown only when there is no call. */
  text: string;
  others: boolean;
}

function createTurn(read: (args: string) => string): (event: ChatEvent) => ChatEvent[] {
  const drafts = new Map<number, Draft>();
  const draftOf = (candidate: number): Draft => {
    const known = drafts.get(candidate);
    if (known) return known;
    const draft = { calls: new Map<number, string>(), text: "", others: false };
    drafts.set(candidate, draft);
    return draft;
  };
  /** Parts whose events are held back: text before the answer. */
  const texts = new Set<string>();

  return (event) => {
    switch (event.type) {
      case "part-start": {
        const { candidate, index, part } = event;
        const draft = draftOf(candidate);
        if (part.type === "tool-call") {
          if (part.name !== toolName) {
            draft.others = true;
            return [event];
          }
          draft.calls.set(index, part.args);
          return [];
        }
        if (part.type !== "text") return [event];
        texts.add(`${candidate} ${index}`);
        draft.text += part.text;
        return [];
      }
      case "part-delta": {
        const { candidate, index, delta } = event;
        const draft = draftOf(candidate);
        const args = draft.calls.get(index);
        if (args !== undefined) {
          if (delta.type === "args") draft.calls.set(index, args + delta.args);
          return [];
        }
        if (!texts.has(`${candidate} ${index}`)) return [event];
        if (delta.type === "text") draft.text += delta.text;
        return [];
      }
      case "part-end": {
        const { candidate, index } = event;
        const isHeld = texts.has(`${candidate} ${index}`) || draftOf(candidate).calls.has(index);
        return isHeld ? [] : [event];
      }
      case "finish":
        return finished(event, draftOf(event.candidate), read);
      default:
        return [event];
    }
  };
}

type FinishEvent = Extract<ChatEvent, { type: "finish" }>;

function finished(event: FinishEvent, draft: Draft, read: (args: string) => string): ChatEvent[] {
  const { candidate } = event;
  // The model goes on with the client's own tools, or was cut off: nothing is complete yet.
  const answers = [...new Set(draft.calls.values())];
  const isCalled = answers.length > 0;
  const isOpen = (draft.others && !isCalled) || event.finish.reason === "length";
  const [said = draft.text] = answers;
  const isAnswer = !isOpen && (isCalled || event.finish.reason === "stop");
  let text: string;
  try {
    if (isAnswer && answers.length > 1) throw misfit(`answered ${answers.length} times`);
    text = isAnswer ? read(said) : said;
  } catch (error) {
    if (error instanceof GatewayError) return [{ type: "error", error }];
    throw error;
  }
  const finish: Finish =
    event.finish.reason === "tool-calls" && isCalled && !draft.others
      ? { ...event.finish, reason: "stop" }
      : event.finish;
  if (text === "") return [{ ...event, finish }];
  // Behind every part that the upstream had.
  const index = 1_000_000;
  return [
    { type: "part-start", candidate, index, part: { type: "text", text: "" } },
    { type: "part-delta", candidate, index, delta: { type: "text", text } },
    { type: "part-end", candidate, index },
    { ...event, finish },
  ];
}

/** The text when it is JSON that fits the schema. */
function createCheck(schema: Record<string, unknown>): (text: string) => string {
  let validator: Validator | undefined;
  return (text) => {
    const value = parsed(text);
    try {
      // Numbers kept as they were spelt are plain ones here.
      validator ??= new Validator(plainOf(schema), "2020-12", true);
      const { errors, valid } = validator.validate(value);
      if (valid) return text;
      const [first] = errors.toReversed();
      const why = `${first?.instanceLocation ?? "#"}: ${first?.error ?? "does not fit"}`;
      throw misfit(`answered what does not fit the JSON schema (${why.slice(0, 300)})`);
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      // A schema that nobody can read (a reference to nowhere) enforces nothing.
      return text;
    }
  };
}

const plainOf = (schema: Record<string, unknown>): Record<string, unknown> =>
  parseObject(JSON.stringify(schema));

function valueIn(args: string): string {
  const value = parsed(args);
  return isObject(value) && Object.hasOwn(value, "value") ? JSON.stringify(value["value"]) : args;
}

function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw misfit("answered what does not fit the JSON schema (it is not JSON)");
  }
}

const misfit = (what: string): GatewayError => new GatewayError("upstream_invalid", what);
