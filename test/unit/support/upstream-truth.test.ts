// The doubles against recorded traffic: what the vendors took is taken, what they refused is refused.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { JsonObject } from "../../../src/lib/json.ts";
import { readCaptures } from "../../support/clients/captures.ts";
import type { Refusal } from "../../support/upstream/upstream.ts";
import { plainTerms, type AnthropicTerms } from "../../support/upstream/anthropic-terms.ts";
import {
  refuseCountTokens,
  refuseMessagesRequest,
} from "../../support/upstream/validate-anthropic.ts";
import { betasOf } from "../../support/upstream/anthropic-headers.ts";
import { findClaudeModel, plainClaude } from "../../support/upstream/anthropic-models.ts";
import { findOpenAiModel, plainModel } from "../../support/upstream/openai-models.ts";
import {
  refuseChat,
  refuseCompletions,
  refuseEmbeddings,
} from "../../support/upstream/validate-openai.ts";

const shared = `${import.meta.dir}/../../../../shared`;

interface Recording {
  id: string;
  request: { body: unknown } | null;
  response: { status: number; body: { error?: { message?: string } } };
}

/** Thinking recorded elsewhere carries the vendor's own signatures. */
const foreign: AnthropicTerms = {
  ...plainTerms,
  // Most recorders dropped the header that names the betas.
  betas: "any",
  seal: { verify: (_text, signature) => signature !== "", isSealed: (data) => data !== "" },
};

const wires: [file: string, judge: (body: unknown) => Refusal | undefined][] = [
  ["openai.openai.chat", refuseChat],
  ["openai.openai.embeddings", refuseEmbeddings],
  ["openai.openai.completions", refuseCompletions],
  ["anthropic.anthropic.messages", (body) => refuseMessagesRequest(body, foreign)],
  ["anthropic.anthropic.count_tokens", (body) => refuseCountTokens(body, foreign)],
];

/** Refusals that no look at the body can tell. */
const notInTheBody: Readonly<Record<string, string>> = {
  "olm-8d295f256f": "the model was retired later; earlier recordings use it",
  "olm-3eace07b4a": "the vendor could not download the image",
};

const lines = async (path: string): Promise<unknown[]> => {
  const bytes = await Bun.file(path).bytes();
  const text = new TextDecoder().decode(path.endsWith(".gz") ? Bun.gunzipSync(bytes) : bytes);
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
};

const print = (text: string): void => void process.stdout.write(`${text}\n`);

const absent = !existsSync(shared);
if (absent) print("skipped: ../shared with the recorded traffic is not here");

describe.skipIf(absent)("recorded requests", () => {
  for (const [file, judge] of wires) {
    test(file, async () => {
      const recordings = (await lines(`${shared}/wire/${file}.jsonl.gz`)) as Recording[];
      const sent = recordings.filter((one) => one.request !== null);
      const taken = sent.filter((one) => one.response.status < 300);
      const wrong = taken.flatMap((one) => {
        const refusal = judge(one.request?.body);
        return refusal === undefined ? [] : [`${one.id}: ${refusal.message}`];
      });
      expect(wrong).toEqual([]);
      const refused = sent.filter((one) => one.response.status >= 400 && !(one.id in notInTheBody));
      for (const one of refused) {
        const refusal = judge(one.request?.body);
        expect([one.id, refusal?.status, refusal?.message]).toEqual([
          one.id,
          one.response.status,
          one.response.body.error?.message,
        ]);
      }
      print(
        `${file}: ${taken.length} of ${taken.length} accepted, ${refused.length} refused in the vendor's words`,
      );
    });
  }
});

/** Captured from clients of other servers, which OpenAI itself would refuse. */
const notOpenAi: Readonly<Record<string, string>> = {
  "ai-sdk 24":
    "JSON mode for a compatible server, without the word JSON that OpenAI wants in the messages",
};

function judgeCapture(
  path: string,
  headers: Record<string, string>,
  body: JsonObject,
): Refusal | undefined {
  const named = (name: string) => (name === "my-model" ? plainModel(name) : undefined);
  const findChat = (name: string) => findOpenAiModel(name) ?? named(name);
  const terms: AnthropicTerms = {
    ...foreign,
    version: headers["anthropic-version"] ?? "",
    betas: betasOf(headers),
    find: (name) => findClaudeModel(name) ?? (name === "my-model" ? plainClaude(name) : undefined),
  };
  if (path.endsWith("/chat/completions")) return refuseChat(body, findChat);
  if (path.endsWith("/embeddings")) return refuseEmbeddings(body);
  if (path.endsWith("/count_tokens")) return refuseCountTokens(body, terms);
  return refuseMessagesRequest(body, terms);
}

const operations = /\/(?:chat\/completions|v1\/embeddings|v1\/messages|messages\/count_tokens)$/;

describe.skipIf(absent)("what real clients send", () => {
  for (const client of ["openai-sdk", "anthropic-sdk", "ai-sdk", "claude-code"] as const) {
    test(client, async () => {
      let accepted = 0;
      const wrong: string[] = [];
      for (const { n, path, headers, body, answered, case: name } of await readCaptures(client)) {
        const [address = ""] = path.split("?");
        if (answered !== 200 || body === undefined || !operations.test(address)) continue;
        // The double keeps no conversations; the SDK is told so and sends the whole one.
        if (body["thread"] !== undefined || `${client} ${n}` in notOpenAi) continue;
        const lower = Object.fromEntries(
          Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]),
        );
        const refusal = judgeCapture(address, lower, body);
        if (refusal === undefined) accepted += 1;
        else wrong.push(`${n} ${name}: ${refusal.message}`);
      }
      expect(wrong).toEqual([]);
      expect(accepted).toBeGreaterThan(0);
      print(`${client}: ${accepted} accepted`);
    });
  }
});
