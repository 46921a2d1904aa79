// A feature of requests or answers: its native form in each wire that has one, and where the representation keeps it.
import type { ChatRequest, ChatResponse, DialectId, Part } from "../../src/ir/chat.ts";
import type { JsonObject } from "../../src/lib/json.ts";

/** The same body with and without the feature; what is left out is the wire's plainest body. */
export interface Form {
  body: JsonObject;
  plain?: JsonObject;
}

export type Forms = Partial<Record<DialectId, Form>>;

interface Common {
  /** Heading of the table it stands in. */
  group: string;
  name: string;
  forms: Forms;
  /** Wires that do it without a word in the body, and why. */
  unasked?: Partial<Record<DialectId, string>>;
  /** Why it may be left out without a warning, on these wires or on all. */
  aside?: { why: string; on?: readonly DialectId[] };
}

export interface RequestFeature extends Common {
  /** The feature as plain data; undefined where it is not there. `from` is the wire it was read from. */
  read(request: ChatRequest, from: DialectId): unknown;
  /** Needs a model that reasons. */
  reasons?: boolean;
}

export interface AnswerFeature extends Common {
  /** `body`: the answer as it was written, for what only a request's reader understands. */
  read(answer: ChatResponse, from: DialectId, body: JsonObject): unknown;
}

export const ids = [
  "openai-chat",
  "openai-responses",
  "anthropic-messages",
  "gemini",
  "ollama",
  "bedrock-converse",
  "cohere",
] as const satisfies readonly DialectId[];

/** All parts of a request, those inside tool results too. */
export const partsOf = (request: ChatRequest): Part[] =>
  request.messages.flatMap(({ parts }) =>
    parts.flatMap((part): Part[] => (part.type === "tool-result" ? [part, ...part.parts] : [part])),
  );

/** The first part of a kind in a request. */
export const first = <Type extends Part["type"]>(
  request: ChatRequest,
  type: Type,
): Extract<Part, { type: Type }> | undefined =>
  partsOf(request).find((part): part is Extract<Part, { type: Type }> => part.type === type);

export const answered = ({ candidates }: ChatResponse): Part[] => candidates[0]?.parts ?? [];

/** A request's field that only its own wire has, by its path. */
export const own =
  (...path: string[]) =>
  (request: ChatRequest, from: DialectId): unknown =>
    path.reduce<unknown>(
      (value, key) =>
        typeof value === "object" && value !== null ? (value as JsonObject)[key] : undefined,
      request.ext[from],
    );
