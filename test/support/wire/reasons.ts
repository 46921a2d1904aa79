// Why an answer may differ from its record in another wire: every departure that is allowed, as data.
import type { ClientId } from "./clients.ts";
import type { Wire } from "./exchange.ts";
import type { Told } from "./told.ts";

/** One departure of what a client heard from what was recorded. */
export interface Difference {
  aspect: Aspect;
  before: unknown;
  after: unknown;
  id: string;
  wire: Wire;
  client: ClientId;
  /** Why the gateway says that the request failed. */
  errorCode: string | null;
  /** What the SDK read are the provider's own bytes. */
  isRelayed: boolean;
}

export type Aspect =
  | Exclude<keyof Told, "usage" | "isRefused">
  | `usage.${"input" | "cacheRead" | "cacheWrite" | "output" | "reasoning"}`
  /** The JSON text of the arguments, where their values are the same. */
  | "spelling"
  /** What the SDK put together itself of the stream. */
  | "whole"
  /** The SDK threw, or did not. */
  | "failure";

export interface Reason {
  why: string;
  aspects: readonly Aspect[];
  clients?: readonly ClientId[];
  /** Only these records. */
  ids?: readonly string[];
  /** Which departures it explains, of those that the rest admits. Default all. */
  explains?: (difference: Difference) => boolean;
}

/** Clients that read Anthropic's messages. */
const anthropics: readonly ClientId[] = ["anthropic-messages", "bedrock-invoke", "vertex-raw"];
const ollamas: readonly ClientId[] = ["ollama", "ollama-generate"];

const isGone = ({ after }: Difference): boolean =>
  after === 0 || (Array.isArray(after) && after.length === 0);

export const reasons: readonly Reason[] = [
  {
    why: "same wire: the bytes are the provider's own, and the SDK refuses them or reads less in them",
    aspects: ["failure", "whole", "text", "reasoning", "calls", "citations", "images", "finish"],
    explains: ({ isRelayed }) => isRelayed,
  },
  {
    why: "a handmade stream that no server would send: a second message begins within the first",
    aspects: ["failure"],
    ids: ["ver-19d297c64b"],
  },
  {
    why: "the fixture's authors shortened the deltas and not the whole items, of which the gateway tells the longer",
    aspects: ["text", "whole"],
    ids: ["ver-cdea49a383"],
    explains: ({ before, after }) => String(after).length > String(before).length,
  },
  {
    why: "the fixture's picture is no base64: Amazon's SDK refuses the answer",
    aspects: ["failure"],
    clients: ["bedrock-converse"],
    ids: ["ver-33eaf38c00", "ver-099c750dc3"],
  },
  {
    why: "calls whose pieces interleave are told whole, in the order in which they end",
    aspects: ["calls"],
    clients: ["gemini", ...ollamas],
    ids: ["own-stream-interleaved"],
    explains: ({ before, after }) => Bun.deepEquals(inOrder(before), inOrder(after)),
  },
  {
    why: "a function was called that nobody declared: an answer that ended so, in wires that have a word for it",
    aspects: ["finish"],
    ids: ["pai-49b7002e31", "pai-7ca5005afa", "pai-d4f0a4fad8"],
    explains: ({ before, after }) => before === "tool-calls" && after === "stop",
  },
  {
    why: "Ollama tells no cached tokens",
    aspects: ["usage.cacheRead", "usage.cacheWrite"],
    clients: ollamas,
    explains: isGone,
  },
  {
    why: "Gemini and Cohere tell no tokens written to a cache",
    aspects: ["usage.cacheWrite"],
    clients: ["gemini", "cohere"],
    explains: isGone,
  },
  {
    why: "Ollama, Bedrock's Converse and Cohere do not tell reasoning apart from output",
    aspects: ["usage.reasoning"],
    clients: [...ollamas, "bedrock-converse", "cohere"],
    explains: isGone,
  },
  {
    why: "Ollama has no finish reason for an answer that was filtered or refused",
    aspects: ["finish"],
    clients: ollamas,
    explains: ({ before, after }) => before === "filtered" && after === "stop",
  },
  {
    why: "Cohere has no finish reason for an answer that the model refused",
    aspects: ["finish"],
    clients: ["cohere"],
    explains: ({ before, after }) => before === "filtered" && after === "stop",
  },
  {
    why: "Ollama has no citations",
    aspects: ["citations"],
    clients: ollamas,
    explains: isGone,
  },
  {
    why: "Anthropic's web citations hold an encrypted index that only Anthropic makes",
    aspects: ["citations"],
    clients: anthropics,
    explains: isGone,
  },
  {
    why: "Anthropic and Cohere have no images in answers",
    aspects: ["images"],
    clients: [...anthropics, "cohere"],
    explains: isGone,
  },
  {
    why: "a free-form tool's text is wrapped, `{ input }`: arguments are JSON in this wire",
    aspects: ["calls"],
    explains: ({ before, after }) => Bun.deepEquals(wrapped(before), after),
  },
  {
    why: "line breaks between tokens of the arguments are spaces: they would end the line",
    aspects: ["spelling"],
    clients: ["gemini", ...ollamas],
    explains: ({ before, after }) => Bun.deepEquals(unbroken(before), after),
  },
  {
    why: "the operator's account at the provider is at fault: told without the provider's words",
    aspects: ["failure"],
    explains: ({ errorCode }) => errorCode === "upstream_auth",
  },
];

const isCall = (call: unknown): call is { name: string; args: string } =>
  typeof call === "object" && call !== null && "args" in call && typeof call.args === "string";

const callsOf = (value: unknown): { name: string; args: string }[] =>
  Array.isArray(value) ? value.filter(isCall) : [];

const wrapped = (value: unknown): unknown =>
  callsOf(value).map(({ name, args }) => {
    try {
      JSON.parse(args);
      return { name, args };
    } catch {
      return { name, args: JSON.stringify({ input: args }) };
    }
  });

const inOrder = (value: unknown): unknown =>
  callsOf(value).toSorted((one, other) => (one.name < other.name ? -1 : 1));

const unbroken = (value: unknown): unknown =>
  callsOf(value).map(({ name, args }) => ({ name, args: args.replaceAll(/[\n\r]/g, " ") }));
