// Recorded requests that are refused rightly: only some servers, or none, can do what they ask for.
import { isObject } from "../../../src/lib/json.ts";
import { isStreamed, modelOf } from "./asked.ts";
import type { Capture } from "./captures.ts";
import type { Target } from "./targets.ts";

export interface Expected {
  why: string;
  applies(capture: Capture, target: Target): boolean;
  status: number;
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

void isStreamed;

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
    why: "a Gemini client asks for a model that nobody has",
    applies: ({ client, n }) => client === "google-genai" && n === 2,
    status: 404,
    says: /`gemini-2.5-pro` is not listed here/,
  },
  {
    why: "the provider has no embeddings",
    applies: (capture, target) =>
      modelOf(capture).includes("embedding") && target.embeds === undefined,
    status: 404,
    says: /embedding/,
  },
];
