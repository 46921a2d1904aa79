// Recorded embeddings, rerank, counts, completions and images: relayed as bytes, and read by other dialects' clients.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { isObject } from "../../src/lib/json.ts";
import { parseModelPage } from "../../src/providers/model-list.ts";
import {
  apiOf,
  bytesOf,
  corpusExchanges,
  corpusFiles,
  type Exchange,
  isAnthropics,
  isStreamed,
  ownExchanges,
  type Wire,
} from "../support/wire/exchange.ts";
import {
  createEmbedders,
  createReranker,
  type Embedder,
  type EmbedderId,
} from "../support/wire/embedders.ts";
import {
  type Operation,
  operations,
  scoresIn,
  upstreamOf,
  vectorsIn,
} from "../support/wire/operations.ts";
import { createRandom, spell } from "../support/wire/random.ts";
import { checkAnswer, isSameRequest } from "../support/wire/relay.ts";
import {
  modelAt,
  recordingOf,
  type Replay,
  startReplay,
  type Vendor,
} from "../support/wire/replay.ts";
import { createTally, type Verdict } from "../support/wire/tally.ts";

setDefaultTimeout(120_000);

let replay: Replay;
let embedders: Readonly<Record<EmbedderId, Embedder>>;
let rerank: ReturnType<typeof createReranker>;
beforeAll(async () => {
  replay = await startReplay();
  embedders = createEmbedders(replay);
  rerank = createReranker(replay);
});
afterAll(() => replay.close());

/** The project's own, by the API that they are of. */
const ownFiles: Readonly<Record<string, readonly string[]>> = {
  "cohere.embed": ["cohere/cohere.cohere.embed.jsonl"],
  "cohere.rerank": ["cohere/cohere.cohere.rerank.jsonl"],
  "ollama.embeddings": ["ollama/ollama.ollama.embeddings.jsonl"],
  "gemini.embed": ["gemini/cases.jsonl"],
  "gemini.count_tokens": ["gemini/cases.jsonl"],
  ...Object.fromEntries(
    [
      "anthropic.count_tokens",
      "openai.audio",
      "openai.completions",
      "openai.embeddings",
      "openai.images",
      "openai.models",
      "openai.responses.input_tokens",
      "voyage.rerank",
    ].map((api) => [api, [`operations/${api}.jsonl`]]),
  ),
};

const exchangesOf = (api: string): Exchange[] => [
  ...(ownFiles[api] ?? [])
    .flatMap(ownExchanges)
    .filter(({ file, request }) => file !== "gemini/cases.jsonl" || isOf(api, request?.url ?? "")),
  ...corpusFiles.filter((file) => apiOf(file) === api).flatMap(corpusExchanges),
];

const isOf = (api: string, url: string): boolean =>
  api === "gemini.embed" ? /embed\w*$/i.test(url) : url.endsWith("countTokens");

describe("same dialect", () => {
  for (const [api, operation] of Object.entries(operations)) {
    const exchanges = exchangesOf(api);
    test(`${api} (${exchanges.length})`, async () => {
      const tally = createTally(`${api} relayed`);
      for (const exchange of exchanges) tally.add(exchange, await checkRelay(exchange, operation));
      tally.print();
      expect(tally.faults).toEqual([]);
    });
  }
});

async function checkRelay(exchange: Exchange, operation: Operation): Promise<Verdict> {
  const { id, response, request, stream } = exchange;
  const model = modelAt(upstreamOf(operation, exchange), "m");
  const place = "@model@";
  const recorded = request?.body ?? { ...operation.plain, ...(stream ? { stream } : {}) };
  const body = operation.isPathed
    ? renamed(recorded, `models/${exchange.model}`, `models/${place}`)
    : { ...recorded, model: place };
  // What the gateway writes anew it writes plainly.
  const spelled = spell(body, createRandom(id)).replaceAll(`models\\/${place}`, `models/${place}`);
  const text =
    isStreamed(exchange) || typeof response.body === "string"
      ? undefined
      : spell(response.body, createRandom(id));
  const answer = await replay.ask({
    client: "openai-chat",
    path: operation.path(exchange, model),
    body: spelled.replaceAll(place, model),
    recording: recordingOf(exchange, text),
  });
  const got = new TextDecoder().decode(answer.bytes);
  if (!answer.received) return { fault: `nothing sent: ${got}` };
  const sent = new TextDecoder().decode(answer.received.bytes);
  const asked = spelled.replaceAll(place, "m");
  if (!isSameRequest(sent, asked, operation.canWish ? recorded : {})) {
    return checkRewritten(exchange, got, sent);
  }
  return checkAnswer(exchange, answer, {
    expected: bytesOf(exchange, text),
    hidesUsage: sent !== asked,
    isFailed: false,
  });
}

/** The body with another text wherever `from` is all of one. */
const renamed = (value: unknown, from: string, to: string): unknown => {
  if (Array.isArray(value)) return value.map((item) => renamed(item, from, to));
  if (!isObject(value)) return value === from ? to : value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, renamed(item, from, to)]),
  );
};

/** An older or a vendor's form of the same operation: upstream there is one. */
function checkRewritten({ response }: Exchange, got: string, sent: string): Verdict {
  const [vectors, scores] = [vectorsIn, scoresIn].map((read) => [
    read(response.body),
    read(JSON.parse(got)),
  ]);
  const isSame = (pair: unknown[] | undefined): boolean =>
    Bun.deepEquals(pair?.[0], pair?.[1]) && !Bun.deepEquals(pair?.[0], []);
  return isSame(vectors) || isSame(scores)
    ? {
        exception:
          "the path's form has no upstream of its own: written anew, the values are the same",
      }
    : { fault: `the upstream was sent ${sent.slice(0, 300)}; the client got ${got.slice(0, 300)}` };
}

/** Embeddings of every wire; Bedrock's are among the bodies that `InvokeModel` carries. */
const embeddings: { name: string; exchange: Exchange; upstream: Wire | Vendor; model: string }[] = [
  ...Object.entries(operations)
    .filter(([api]) => /embed/.test(api))
    .flatMap(([api, operation]) =>
      exchangesOf(api).map((exchange) => ({
        name: api,
        exchange,
        upstream: upstreamOf(operation, exchange),
        model: "m",
      })),
    ),
  ...corpusFiles
    .filter((file) => apiOf(file) === "bedrock.invoke")
    .flatMap(corpusExchanges)
    .filter((exchange) => !isAnthropics(exchange) && /embed/.test(exchange.model ?? ""))
    .map((exchange) => ({
      name: "bedrock.invoke",
      exchange,
      upstream: "bedrock" as const,
      model: (exchange.model ?? "").replace(/^us\./, ""),
    })),
];

describe("embeddings for other dialects' clients", () => {
  for (const client of ["openai-chat", "gemini", "cohere", "ollama"] as const) {
    test(`${client} (${embeddings.length})`, async () => {
      const tally = createTally(`embeddings read by ${client}`);
      for (const each of embeddings) tally.add(each.exchange, await checkEmbed(each, client));
      tally.print();
      expect(tally.faults).toEqual([]);
    });
  }
});

async function checkEmbed(
  { exchange, upstream, model }: (typeof embeddings)[number],
  client: EmbedderId,
): Promise<Verdict> {
  const vectors = vectorsIn(exchange.response.body);
  replay.play(recordingOf(exchange));
  const texts = vectors.length > 0 ? vectors.map((_, at) => `text ${at}`) : ["text"];
  if (client === upstream && isSingle(exchange)) {
    return { exception: "the record answers the form for one text; the SDK asks for several" };
  }
  if (client === "cohere" && isUntyped(exchange)) {
    return { exception: "the record answers a request without types; the SDK asks by type" };
  }
  try {
    const got = await embedders[client](modelAt(upstream, model), texts);
    const rounded = got.map((vector) => [...vector].map(Math.fround));
    if (Bun.deepEquals(rounded, vectors)) return {};
    return {
      fault: `${JSON.stringify(vectors).slice(0, 200)} became ${JSON.stringify(rounded).slice(0, 200)}`,
    };
  } catch (error) {
    const { status } = exchange.response;
    return status >= 400 && Error.isError(error)
      ? { exception: `an error of status ${status} is an error` }
      : { fault: String(error) };
  }
}

/** `embedContent` of Gemini, `/api/embeddings` of Ollama. */
const isSingle = ({ response }: Exchange): boolean =>
  isObject(response.body) && response.body["embedding"] !== undefined;

/** Cohere's embeddings for a request that names no types, relayed to a client that names some. */
const isUntyped = ({ response }: Exchange): boolean =>
  isObject(response.body) && response.body["response_type"] === "embeddings_floats";

const reranks = ["cohere.rerank", "voyage.rerank"].flatMap((api) =>
  exchangesOf(api).map((exchange) => ({ api, exchange })),
);

test(`rerank for Cohere's client (${reranks.length})`, async () => {
  const tally = createTally("rerank read by cohere");
  for (const { api, exchange } of reranks) {
    const operation = operations[api];
    if (!operation) continue;
    replay.play(recordingOf(exchange));
    const scores = scoresIn(exchange.response.body);
    const most = Math.max(...scores.map(({ index }) => Number(index)));
    const documents = Array.from({ length: most + 1 }, (_, at) => `document ${at}`);
    const got = await rerank(modelAt(upstreamOf(operation, exchange), "m"), documents);
    tally.add(
      exchange,
      Bun.deepEquals(got, scores)
        ? {}
        : { fault: `${JSON.stringify(scores)} became ${JSON.stringify(got)}` },
    );
  }
  tally.print();
  expect(tally.faults).toEqual([]);
});

describe("audio", () => {
  const exchanges = exchangesOf("openai.audio");
  test(`transcriptions of a form (${exchanges.length})`, async () => {
    const tally = createTally("openai.audio relayed");
    for (const exchange of exchanges) tally.add(exchange, await checkForm(exchange));
    tally.print();
    expect(tally.faults).toEqual([]);
  });
});

async function checkForm(exchange: Exchange): Promise<Verdict> {
  const isText = typeof exchange.response.body === "string";
  const recording = recordingOf(exchange);
  replay.play({
    ...recording,
    headers: { "content-type": isText ? "text/plain" : "application/json", ...recording.headers },
  });
  const form = new FormData();
  form.set("model", modelAt("openai-chat", "m"));
  form.set("file", new Blob(["RIFF"], { type: "audio/wav" }), "a.wav");
  const response = await replay.fetch("http://gateway/v1/audio/transcriptions", {
    method: "POST",
    headers: { authorization: "Bearer key" },
    body: form,
  });
  await response.bytes();
  const { received, ...answer } = await replay.last();
  const sent = new TextDecoder().decode(received?.bytes);
  if (!/name="model"\r\n\r\nm\r\n/.test(sent) || !sent.includes("RIFF")) {
    return { fault: `the upstream was sent ${sent.slice(0, 300)}` };
  }
  return checkAnswer(
    exchange,
    { ...answer, received },
    {
      expected: bytesOf(exchange),
      hidesUsage: false,
      isFailed: false,
    },
  );
}

test("lists of models are read", () => {
  const tally = createTally("model lists");
  for (const exchange of exchangesOf("openai.models")) {
    const { body } = exchange.response;
    const entries = isObject(body) ? body["data"] : body;
    const ids = (Array.isArray(entries) ? entries.filter(isObject) : []).map(
      (entry) => entry["id"] ?? entry["model_id"],
    );
    const read = parseModelPage(body)?.models.map(({ id }) => id) ?? [];
    const isSame = ids.length > 0 && Bun.deepEquals(read, ids);
    tally.add(exchange, isSame ? {} : { fault: `${ids.join()} became ${read.join()}` });
  }
  tally.print();
  expect(tally.faults).toEqual([]);
});
