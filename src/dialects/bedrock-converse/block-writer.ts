// One part of a streamed answer as the events of one block.
import type { Part, ReasoningPart, ToolCallPart } from "../../ir/chat.ts";
import type { Delta } from "../../ir/event.ts";
import type { Frame } from "../../lib/frame.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import type { Notice } from "../losses.ts";
import { encodeInput } from "../tool-input.ts";
import { type Citation, encodeCitation } from "./citation.ts";
import { redactedOf, signatureOf } from "./origin.ts";
import { callHead, ownBlock } from "./response-encode.ts";
import { foreignFields, noForm } from "./wire.ts";

/** The frames of one block. */
export interface BlockWriter {
  /** Gives its frames once only. */
  start(): Frame[];
  push(delta: Delta): Frame[];
  end(): Frame[];
}

export interface WriterScope {
  place: string;
  notice: Notice;
  /** The number of the next block. */
  number(): number;
}

export function createBlockWriter(part: Part, scope: WriterScope): BlockWriter {
  const block = createBlock(scope.number);
  switch (part.type) {
    case "text":
      for (const key of foreignFields(part.ext)) scope.notice(key, noForm);
      return createTextWriter(part.text, part.citations ?? [], { block, notice: scope.notice });
    case "refusal":
      for (const key of foreignFields(part.ext)) scope.notice(key, noForm);
      return createTextWriter(part.text, [], { block, notice: scope.notice });
    case "reasoning":
      return createReasoningWriter(part, block);
    case "tool-call":
      return createCallWriter(part, block, scope);
    case "image":
    case "tool-result":
    case "opaque":
    case "audio":
    case "file": {
      const own = ownBlock(part, scope.place);
      if (own) return createWholeWriter(own, block);
      scope.notice(scope.place, `${part.type}: ${noForm}`);
      return silent;
    }
    default:
      return part satisfies never;
  }
}

const silent: BlockWriter = { start: () => [], push: () => [], end: () => [] };

/** The frames that are the same for every kind of block: numbered by its first frame, ended once. */
interface Block {
  /** Blocks of some kinds begin with a frame of their own. */
  open(start: JsonObject): Frame[];
  delta(delta: JsonObject): Frame[];
  close(): Frame[];
}

function createBlock(number: () => number): Block {
  let index: number | undefined;
  const numbered = (): number => (index ??= number());
  const frame = (event: string, data: JsonObject): Frame => ({
    event,
    data: stringify({ ...data, contentBlockIndex: numbered() }),
  });
  return {
    open: (start) => [frame("contentBlockStart", { start })],
    delta: (delta) => [frame("contentBlockDelta", { delta })],
    close: () => (index === undefined ? [] : [frame("contentBlockStop", {})]),
  };
}

const once = (write: () => Frame[]): (() => Frame[]) => {
  let isDone = false;
  return () => {
    if (isDone) return [];
    isDone = true;
    return write();
  };
};

function createTextWriter(
  text: string,
  citations: readonly Citation[],
  { block, notice }: { block: Block; notice: Notice },
): BlockWriter {
  const say = (more: string): Frame[] => (more === "" ? [] : block.delta({ text: more }));
  const cite = (citation: Citation): Frame[] => {
    const encoded = encodeCitation(citation, notice);
    return encoded === undefined ? [] : block.delta({ citation: encoded });
  };
  return {
    start: once(() => [...say(text), ...citations.flatMap(cite)]),
    push(delta) {
      if (delta.type === "text" || delta.type === "refusal") return say(delta.text);
      return delta.type === "citation" ? cite(delta) : [];
    },
    end: () => block.close(),
  };
}

/** A signature is written as one piece, last: foreign reasoning is sealed only when all of it is known. */
function createReasoningWriter(part: ReasoningPart, block: Block): BlockWriter {
  let { text, signature = "" } = part;
  const say = (more: string): Frame[] =>
    more === "" ? [] : block.delta({ reasoningContent: { text: more } });
  return {
    start: once(() => say(part.text)),
    push(delta) {
      if (delta.type === "signature") signature += delta.signature;
      if (delta.type !== "reasoning") return [];
      text += delta.text;
      return say(delta.text);
    },
    end() {
      if (text === "" && part.encrypted !== undefined) {
        const redactedContent = redactedOf(part);
        return [...block.delta({ reasoningContent: { redactedContent } }), ...block.close()];
      }
      if (text === "" && signature === "") return [];
      const proof = signatureOf({ ...part, text, ...(signature === "" ? {} : { signature }) });
      return [
        ...(proof ? block.delta({ reasoningContent: { signature: proof } }) : []),
        ...block.close(),
      ];
    },
  };
}

function createCallWriter(part: ToolCallPart, block: Block, scope: WriterScope): BlockWriter {
  const head = callHead(part, scope.place, scope.notice);
  if (!head) return silent;
  let args = "";
  /** Arguments that begin as an object are told as they come; others must be wrapped in one when they are whole. */
  let isObjectText = false;
  const piece = (input: string): Frame[] =>
    input === "" ? [] : block.delta({ toolUse: { input } });
  const say = (more: string): Frame[] => {
    args += more;
    if (isObjectText) return piece(more);
    isObjectText = !part.freeform && args.trimStart().startsWith("{");
    return isObjectText ? piece(args) : [];
  };
  return {
    start: once(() => [...block.open({ toolUse: head }), ...say(part.args)]),
    push: (delta) => (delta.type === "args" ? say(delta.args) : []),
    end: () => [
      ...(isObjectText ? [] : piece(stringify(encodeInput({ ...part, args }).input))),
      ...block.close(),
    ],
  };
}

/** A block that came whole: its content is one delta. */
function createWholeWriter(own: JsonObject, block: Block): BlockWriter {
  const write = (): Frame[] => {
    const { toolResult, image } = own;
    if (isObject(toolResult)) {
      const { content, ...start } = toolResult;
      return [...block.open({ toolResult: start }), ...block.delta({ toolResult: content ?? [] })];
    }
    if (isObject(image)) {
      const { format, ...rest } = image;
      return [...block.open({ image: { format } }), ...block.delta({ image: rest })];
    }
    return block.delta(own);
  };
  return { start: once(write), push: () => [], end: () => block.close() };
}
