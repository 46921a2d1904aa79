// No record is skipped unseen: each is a chat, another operation, or a wire that nobody speaks and that passes through as bytes.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  apiOf,
  bytesOf,
  corpusExchanges,
  corpusFiles,
  type Exchange,
  hasCorpus,
  isAnthropics,
  isChatApi,
} from "../support/wire/exchange.ts";
import { operations } from "../support/wire/operations.ts";
import { clientSecret, recordingOf, type Replay, startReplay } from "../support/wire/replay.ts";
import { createTally, type Verdict } from "../support/wire/tally.ts";

setDefaultTimeout(120_000);

/** APIs of the corpus that the gateway does not speak, and why. */
const unspoken: Readonly<Record<string, string>> = {
  "aleph-alpha.complete": "Aleph Alpha's own completions",
  "anthropic.complete": "Anthropic's text completions, which Messages replaced",
  "cohere.tokenize": "tokens of a text: no operation of the gateway",
  "cohere.v1.chat": "Cohere's first chat API, which version 2 replaced",
  "cohere.v1.generate": "Cohere's first completions, which are gone",
  "gemini.interactions": "Google's stateful interactions (beta)",
  "openai.responses.retrieve": "answers asked for by their id, which the provider keeps",
  "replicate.predictions": "Replicate's own predictions",
  "sagemaker.invoke": "a container's own body; those with OpenAI's are spoken",
  "tgi.generate": "Text Generation Inference's own completions; its chat is OpenAI's",
  "vertex.predict": "spoken to Vertex alone: clients ask for embeddings in other wires",
  "watsonx.generate": "watsonx's own completions; its chat is OpenAI's",
  "watsonx.generate_stream": "watsonx's own completions; its chat is OpenAI's",
  "writer.completions": "Writer's own completions",
  "bedrock.rerank":
    "Bedrock's agents have a rerank of their own; the models' is spoken by InvokeModel",
  "bedrock.count_tokens": "counted by the gateway: the provider's count is not asked for",
  "bedrock.invoke":
    "bodies of other vendors than Anthropic in InvokeModel; their embeddings are spoken",
  "bedrock.invoke_stream": "bodies of other vendors than Anthropic in InvokeModel",
};

/** Read otherwise than by asking for them: see the tests of operations. */
const others: Readonly<Record<string, string>> = {
  "openai.audio": "transcriptions, as forms",
  "openai.models": "lists of models",
};

type Kind = "chat" | "operation" | "unspoken" | "unknown";

function kindOf(exchange: Exchange): Kind {
  const api = apiOf(exchange.file);
  if (api.startsWith("bedrock.invoke")) {
    if (isAnthropics(exchange)) return "chat";
    return /embed/.test(exchange.model ?? "") ? "operation" : "unspoken";
  }
  if (isChatApi(api)) return "chat";
  if (Object.hasOwn(operations, api) || Object.hasOwn(others, api)) return "operation";
  return Object.hasOwn(unspoken, api) ? "unspoken" : "unknown";
}

const all = corpusFiles.flatMap(corpusExchanges).map((exchange) => ({
  exchange,
  kind: kindOf(exchange),
}));
const of = (kind: Kind): Exchange[] =>
  all.filter((each) => each.kind === kind).map(({ exchange }) => exchange);

describe.skipIf(!hasCorpus)("the corpus", () => {
  let replay: Replay;
  beforeAll(async () => {
    replay = await startReplay();
  });
  afterAll(() => replay.close());

  test("every record has its place", () => {
    const counts = (["chat", "operation", "unspoken"] as const).map(
      (kind) => `${kind} ${of(kind).length}`,
    );
    console.log(`${all.length} records: ${counts.join(", ")}`);
    expect(of("unknown").map(({ file, id }) => `${file} ${id}`)).toEqual([]);
    const idle = Object.keys(unspoken).filter(
      (api) => !of("unspoken").some(({ file }) => apiOf(file) === api),
    );
    expect(idle).toEqual([]);
  });

  test(`wires that nobody speaks pass through as bytes (${of("unspoken").length})`, async () => {
    const tally = createTally("passed through");
    for (const exchange of of("unspoken"))
      tally.add(exchange, await checkThrough(replay, exchange));
    tally.print();
    const byApi = Map.groupBy(of("unspoken"), ({ file }) => apiOf(file));
    const lines = [...byApi].map(
      ([api, found]) =>
        `  ${api} (${found.length}): ${unspoken[api]}: ${found.map(({ id }) => id).join(" ")}`,
    );
    console.log(["not spoken:", ...lines].join("\n"));
    expect(tally.faults).toEqual([]);
  });
});

async function checkThrough(replay: Replay, exchange: Exchange): Promise<Verdict> {
  const { request, response } = exchange;
  const { pathname, search } = new URL(request?.url ?? "https://example.com/v1/unknown");
  replay.play(recordingOf(exchange));
  const body = request?.body ? JSON.stringify(request.body) : undefined;
  const method = body === undefined ? "GET" : "POST";
  const asked = await replay.fetch(`http://gateway/providers/ollama${pathname}${search}`, {
    method,
    headers: {
      authorization: `Bearer ${clientSecret}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const got = await asked.bytes();
  const { received } = await replay.last();
  if (!received) {
    const isOutside = pathname === "/" || /%2f/i.test(pathname);
    return isOutside && asked.status === 400
      ? { exception: "refused: the path is none, or has a slash escaped in it" }
      : { fault: `nothing sent: ${Buffer.from(got).toString()}` };
  }
  const sent = new TextDecoder().decode(received.bytes);
  if (sent !== (body ?? "")) return { fault: `the upstream was sent ${sent.slice(0, 200)}` };
  if (asked.status !== response.status) return { fault: `status ${asked.status}` };
  return Buffer.compare(got, bytesOf(exchange)) === 0
    ? {}
    : { fault: `the client got ${Buffer.from(got).toString().slice(0, 200)}` };
}
