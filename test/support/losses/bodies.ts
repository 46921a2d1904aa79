// The requests, answers and streams whose every value is traced.
import { readFileSync } from "node:fs";
import { dialects } from "../../../src/dialects/index.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import type { Frame } from "../../../src/lib/frame.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { answerBodies, requestBodies } from "../../unit/properties/corpus.ts";
import { captureNames, capturesAbsent, readCaptures } from "../clients/captures.ts";
import { bytesOf, exchangesOf, isStreamed, ownExchangesOf } from "../wire/exchange.ts";

interface Line {
  id: string;
  wire: DialectId;
  body: JsonObject;
}

const whole = readFileSync("test/contract/fixtures/losses/requests.jsonl", "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Line);

const asked = (exchanges: readonly { request: { body: JsonObject } | null }[]): JsonObject[] =>
  exchanges.flatMap(({ request }) => (isObject(request?.body) ? [request.body] : []));

/** Requests with every field that the vendor documents, the project's fixtures, and one for each feature. */
export const ownRequests = (id: DialectId): JsonObject[] => [
  ...whole.filter(({ wire }) => wire === id).map(({ body }) => body),
  ...asked(ownExchangesOf(id)),
  ...requestBodies(id),
];

/** Those of the corpus, where it is there. */
export const corpusRequests = (id: DialectId): JsonObject[] => asked(exchangesOf(id));

const paths: readonly (readonly [RegExp, DialectId])[] = [
  [/\/chat\/completions/, "openai-chat"],
  [/\/responses(?:\?|$)/, "openai-responses"],
  [/\/messages(?:\?|$)/, "anthropic-messages"],
  [/:(?:streamG|g)enerateContent/, "gemini"],
];

/** What real clients sent, where their captures are there. */
export async function clientRequests(id: DialectId): Promise<JsonObject[]> {
  if (capturesAbsent) return [];
  const captures = (await Promise.all(captureNames.map(readCaptures))).flat();
  return captures.flatMap(({ method, path, body }) => {
    const wire = paths.find(([pattern]) => pattern.test(path))?.[1];
    return method === "POST" && wire === id && body ? [body] : [];
  });
}

const isAnswer = (value: unknown): value is JsonObject => isObject(value);

export const ownAnswers = (id: DialectId): JsonObject[] => [
  ...ownExchangesOf(id)
    .filter(({ response }) => response.status === 200)
    .flatMap(({ response: { body } }) => (isAnswer(body) ? [body] : [])),
  ...answerBodies(id),
];

/** A recorded stream: its messages, and their JSON. */
export interface Recorded {
  frames: readonly Frame[];
  body: { frames: unknown[] };
}

export const ownStreams = (id: DialectId): Recorded[] =>
  ownExchangesOf(id)
    .filter(isStreamed)
    .map((exchange) => {
      const { framing } = dialects[id].stream;
      const splitter = framing.createSplitter();
      const blocks = splitter.push(bytesOf(exchange));
      const rest = splitter.end();
      const frames = [...blocks, ...(rest ? [rest] : [])].flatMap((block) => {
        const frame = framing.parse(block);
        return frame ? [frame] : [];
      });
      return { frames, body: { frames: frames.map(({ data }) => jsonOr(data)) } };
    });

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
