// Recorded InvokeModel traffic of Bedrock: Anthropic's wire out of its envelope and back, streams cut anywhere.
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { bedrockInvoke } from "../../src/dialects/anthropic-messages/envelopes.ts";
import { anthropicMessages } from "../../src/dialects/anthropic-messages/index.ts";
import { demandDialect, unwrapBody, wrapBody } from "../../src/dialects/enveloped.ts";
import { GatewayError } from "../../src/ir/error.ts";
import { collect } from "../../src/ir/fold.ts";
import type { Frame } from "../../src/lib/frame.ts";
import { eventstreamChunks } from "../../src/lib/eventstream.ts";
import { type JsonObject, scan } from "../../src/lib/json.ts";
import { randomPieces } from "../support/wire/random.ts";

interface Exchange {
  id: string;
  model: string | null;
  request: { body: JsonObject };
  response: { status: number; body?: JsonObject; body_base64?: string };
}

const shared = "../shared/wire";
const isHere = existsSync(shared);
if (!isHere) console.log(`skipped: ${shared} is not here`);

function load(name: string): Exchange[] {
  if (!isHere) return [];
  const bytes = new Uint8Array(readFileSync(`${shared}/bedrock.bedrock.${name}.jsonl.gz`));
  const text = new TextDecoder().decode(Bun.gunzipSync(bytes));
  return text
    .trimEnd()
    .split("\n")
    .map((line): Exchange => JSON.parse(line));
}

/** Anthropic's own wire; Claude 2's prompts are another. */
const isMessages = ({ request }: Exchange): boolean =>
  "anthropic_version" in request.body && "messages" in request.body;

const bytesOf = (json: JsonObject): Uint8Array => Buffer.from(JSON.stringify(json));
const plainOf = ({ request }: Exchange): { json: JsonObject; text: string } => {
  const text = Buffer.from(unwrapBody(bytesOf(request.body), bedrockInvoke).bytes).toString("utf8");
  return { json: JSON.parse(text) as JsonObject, text };
};

test("recorded requests out of the envelope and back", () => {
  const exchanges = [...load("invoke"), ...load("invoke_stream")];
  const own = exchanges.filter(isMessages);
  for (const exchange of own) {
    const { json, text } = plainOf(exchange);
    expect(text).not.toContain("anthropic_version");
    const given = { json: { ...json, model: exchange.model ?? "m" }, text };
    expect(anthropicMessages.request.decode(given, "chat").warnings).toEqual([]);
    const wrapped = wrapBody(Buffer.from(text), bedrockInvoke, { headers: new Headers() });
    expect(JSON.parse(Buffer.from(wrapped).toString("utf8"))).toEqual(exchange.request.body);
  }
  const others = exchanges.filter((exchange) => !isMessages(exchange));
  for (const { request } of others) {
    expect(() => demandDialect(scan(bytesOf(request.body)), bedrockInvoke)).toThrow(GatewayError);
  }
  console.log(
    `bedrock invoke: ${own.length} of Anthropic's wire, ${others.length} of others refused`,
  );
});

test("recorded answers of Anthropic's wire", () => {
  const own = load("invoke").filter(isMessages);
  for (const { response, model } of own) {
    const body = { json: response.body ?? {}, text: JSON.stringify(response.body) };
    const origin = { dialect: "anthropic-messages" as const, ...(model ? { model } : {}) };
    const { value } = anthropicMessages.response.decode(body, origin);
    expect(value.candidates[0]?.parts.length).toBeGreaterThan(0);
  }
  console.log(`bedrock invoke answers: ${own.length}`);
});

test("recorded streams: cut anywhere, the same messages; Anthropic's are read", () => {
  const streams = load("invoke_stream");
  const framesOf = (chunks: readonly Uint8Array[]): Frame[] => {
    const splitter = eventstreamChunks.createSplitter();
    const blocks = chunks.flatMap((chunk) => splitter.push(chunk));
    expect(splitter.end()).toBeNull();
    return blocks.flatMap((block) => eventstreamChunks.parse(block) ?? []);
  };
  let read = 0;
  for (const exchange of streams) {
    const bytes = Buffer.from(exchange.response.body_base64 ?? "", "base64");
    const frames = framesOf([bytes]);
    expect(frames.length).toBeGreaterThan(0);
    expect(framesOf(randomPieces(bytes, exchange.id))).toEqual(frames);
    if (!isMessages(exchange)) continue;
    read += 1;
    const decoder = anthropicMessages.stream.decoder({ dialect: "anthropic-messages" });
    const events = [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
    expect(events.at(-1)).toEqual({ type: "end" });
    expect(collect(events).usage?.output.total).toBeGreaterThan(0);
  }
  console.log(`bedrock invoke streams: ${streams.length}, read as Anthropic's: ${read}`);
});
