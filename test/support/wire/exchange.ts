// Recorded exchanges: the project's own fixtures, and a larger corpus where it lies beside the checkout.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { DialectId } from "../../../src/ir/chat.ts";
import type { JsonObject } from "../../../src/lib/json.ts";
import { encodeMessage } from "../upstream/bedrock-frames.ts";

/** One line of a file of recordings. */
export interface Exchange {
  /** Name of the file it stands in. */
  file: string;
  id: string;
  stream: boolean;
  model?: string | null;
  /** Null where only the answer was recorded. */
  request: { url?: string; headers?: Record<string, string>; body: JsonObject } | null;
  /** `body` is a text for a stream of text, else a JSON value; `body_base64` a binary stream. */
  response: {
    status: number;
    headers?: Record<string, string>;
    body?: unknown;
    body_base64?: string;
  };
  /** Of the project's own fixtures: the messages of a binary stream. */
  frames?: { event: string; data: string; exception?: boolean }[];
}

/** The wire of a chat answer; Anthropic's messages in Bedrock's envelope are one of their own. */
export type Wire = DialectId | "bedrock-invoke";

const corpus = "../shared/wire";
const own = "test/contract/fixtures";

/** Which of the corpus's files hold a wire's chats: `<provider>.<one of these>.jsonl.gz`. */
const apis: Readonly<Record<Wire, readonly string[]>> = {
  "openai-chat": ["openai.chat", "mistral.chat", "writer.chat"],
  "openai-responses": ["openai.responses"],
  "anthropic-messages": ["anthropic.messages"],
  gemini: ["gemini.generate", "gemini.stream"],
  ollama: ["ollama.chat", "ollama.generate"],
  "bedrock-converse": ["bedrock.converse", "bedrock.converse_stream"],
  cohere: ["cohere.v2.chat"],
  "bedrock-invoke": ["bedrock.invoke", "bedrock.invoke_stream"],
};

/** The project's own: files with their wire in their name, and a folder for each dialect. */
const ownFiles: Readonly<Record<Wire, readonly string[]>> = {
  "openai-chat": ["wire/openai.chat.jsonl", "openai-chat/cases.jsonl"],
  "openai-responses": ["openai-responses/cases.jsonl"],
  "anthropic-messages": ["wire/anthropic.messages.jsonl", "anthropic-messages/cases.jsonl"],
  gemini: ["gemini/cases.jsonl"],
  ollama: ["ollama/ollama.ollama.chat.jsonl", "ollama/ollama.ollama.generate.jsonl"],
  "bedrock-converse": ["bedrock-converse/cases.jsonl"],
  cohere: ["cohere/cohere.cohere.v2.chat.jsonl"],
  "bedrock-invoke": ["bedrock-invoke/cases.jsonl"],
};

/** False where the corpus is not there; says so once. */
export const hasCorpus = existsSync(corpus);
if (!hasCorpus) {
  console.log(`skipped: ${corpus} is not here; the project's own fixtures are tested alone`);
}

/** Every file of the corpus. */
export const corpusFiles: readonly string[] = hasCorpus
  ? readdirSync(corpus)
      .filter((file) => file.endsWith(".jsonl.gz"))
      .toSorted()
  : [];

/** `<provider>.` is one word; what follows is the API. */
export const apiOf = (file: string): string =>
  file.replace(/^[^.]+\./, "").replace(/\.jsonl(?:\.gz)?$/, "");

/** Every chat recorded in a wire, the project's own first. */
export const exchangesOf = (wire: Wire): Exchange[] => [
  ...ownExchangesOf(wire),
  ...corpusFiles
    .filter((file) => apis[wire].includes(apiOf(file)))
    .flatMap(corpusExchanges)
    .filter((exchange) => wire !== "bedrock-invoke" || isAnthropics(exchange)),
];

/** `InvokeModel` carries every vendor's own form; only Anthropic's is a wire that the gateway knows. */
export const isAnthropics = ({ model, request }: Exchange): boolean =>
  /anthropic\./.test(model ?? "") && request?.body["anthropic_version"] !== undefined;

/** The project's own fixtures of a wire that answer a chat. */
export const ownExchangesOf = (wire: Wire): Exchange[] =>
  ownFiles[wire].flatMap((file) => readLines(`${own}/${file}`, file)).filter(isAnsweredChat);

export const corpusExchanges = (file: string): Exchange[] => readLines(`${corpus}/${file}`, file);

/** The project's own fixtures in one file, of whatever operation. */
export const ownExchanges = (file: string): Exchange[] => readLines(`${own}/${file}`, file);

/** True for an API of the corpus whose records {@link exchangesOf} gives. */
export const isChatApi = (api: string): boolean => Object.values(apis).flat().includes(api);

function isAnsweredChat({ request, response }: Exchange): boolean {
  const path = request?.url ?? "";
  const isOther = /(?:embed|count)\w*$/i.test(path.replace(/\?.*/, ""));
  return !isOther && (response.body !== undefined || response.body_base64 !== undefined);
}

function readLines(path: string, file: string): Exchange[] {
  const bytes = new Uint8Array(readFileSync(path));
  const text = new TextDecoder().decode(file.endsWith(".gz") ? Bun.gunzipSync(bytes) : bytes);
  const lines = text.trimEnd().split("\n");
  return lines.map((line) => whole(Object.assign(JSON.parse(line), { file })));
}

/** With the bytes of a binary stream whose messages are written one by one. */
function whole(exchange: Exchange): Exchange {
  const { frames, response } = exchange;
  if (!frames) return exchange;
  const messages = frames.map(({ event, data, exception }) =>
    encodeMessage(
      exception
        ? { ":exception-type": event, ":message-type": "exception" }
        : { ":event-type": event, ":message-type": "event" },
      new TextEncoder().encode(data),
    ),
  );
  const body = Buffer.concat(messages).toString("base64");
  return { ...exchange, response: { ...response, body_base64: body } };
}

/** A streamed answer that began well: its body is the stream's text. */
export const isStream = ({ response }: Exchange): boolean =>
  response.status === 200 && typeof response.body === "string";

/** A streamed answer that began well, of text or of binary messages. */
export const isStreamed = ({ stream, response }: Exchange): boolean =>
  stream &&
  response.status === 200 &&
  (typeof response.body === "string" || response.body_base64 !== undefined);

/** The answer's bytes; `text` replaces a JSON body's spelling. */
export function bytesOf({ response }: Exchange, text?: string): Uint8Array {
  const { body, body_base64: binary } = response;
  if (text === undefined && binary !== undefined)
    return Uint8Array.from(Buffer.from(binary, "base64"));
  return new TextEncoder().encode(text ?? (typeof body === "string" ? body : JSON.stringify(body)));
}
