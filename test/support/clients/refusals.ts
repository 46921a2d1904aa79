// Recorded requests that are refused rightly: only some servers, or none, can do what they ask for.
import { isObject } from "../../../src/lib/json.ts";
import { modelOf } from "./asked.ts";
import type { Capture } from "./captures.ts";
import type { Target } from "./targets.ts";

export interface Expected {
  why: string;
  applies(capture: Capture, target: Target): boolean;
  status: number | readonly number[];
  says: RegExp;
  /** The upstream itself refuses it, and is told as it says. */
  byUpstream?: boolean;
}

const toolTypes = ({ body }: Capture): string[] =>
  Array.isArray(body?.["tools"])
    ? body["tools"].flatMap((tool) => (isObject(tool) ? [String(tool["type"])] : []))
    : [];

const is =
  (...names: string[]) =>
  ({ name }: Target): boolean =>
    names.includes(name);
const speaksMessages = is("Anthropic", "Bedrock invoke");

export const refusals: readonly Expected[] = [
  {
    why: "a conversation that the server would have to keep",
    applies: ({ body }, target) => body?.["thread"] !== undefined && !speaksMessages(target),
    status: 400,
    says: /"thread_unsupported_request"/,
  },
  {
    why: "a conversation that the server would have to keep, which it does not",
    applies: ({ body }, target) => body?.["thread"] !== undefined && speaksMessages(target),
    status: 400,
    says: /"thread_unsupported_request"|thread/,
    byUpstream: true,
  },
  {
    why: "a tool that runs on Anthropic's servers",
    applies: (capture, target) =>
      toolTypes(capture).some((type) => type.startsWith("web_search_")) && !speaksMessages(target),
    status: 400,
    says: /web_search/,
  },
  {
    why: "a tool that runs on Anthropic's servers, and not on Amazon's",
    applies: (capture, { name }) =>
      toolTypes(capture).some((type) => type.startsWith("web_search_")) &&
      name === "Bedrock invoke",
    status: 400,
    says: /web_search/,
    byUpstream: true,
  },
  {
    why: "a tool that runs on Google's servers",
    applies: ({ client, n }, { name }) => client === "gemini-cli" && n === 8 && name !== "Gemini",
    status: 400,
    says: /googleSearch/,
  },
  {
    why: "goes on from an answer that only the recorded server has, and was not to be kept",
    applies: ({ body }, { name }) =>
      typeof body?.["previous_response_id"] === "string" && name !== "OpenAI Responses",
    status: 400,
    says: /previous_response_not_found/,
  },
  {
    why: "OpenAI wants the word JSON in the messages of JSON mode; the recorded client spoke to another server",
    applies: ({ client, n }, target) =>
      client === "ai-sdk" && n === 24 && is("OpenAI chat", "OpenAI Responses")(target),
    status: 400,
    says: /must contain the word 'json'/i,
    byUpstream: true,
  },
  {
    why: "OpenAI makes no answers of one token; the recorded client spoke to another server",
    applies: ({ client, n }, { name }) =>
      client === "codex" && n === 34 && name === "OpenAI Responses",
    status: 400,
    says: /integer_below_min_value/,
    byUpstream: true,
  },
  {
    why: "the provider has no embeddings",
    applies: (capture, target) =>
      modelOf(capture).includes("embedding") && target.embeds === undefined,
    status: [400, 404],
    says: /embedding/,
  },
  {
    why: "vectors of four numbers, which these models do not make",
    applies: ({ client, n }, target) =>
      client === "openai-sdk" && n === 14 && is("Cohere", "Bedrock invoke", "Mistral")(target),
    status: 400,
    says: /output_dimension/,
    byUpstream: true,
  },
];
