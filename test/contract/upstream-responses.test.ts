// The Responses double against recorded traffic: what OpenAI took is taken, what it refused is refused in its words.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readCaptures } from "../support/clients/captures.ts";
import { startResponsesUpstream } from "../support/upstream/responses.ts";

const shared = `${import.meta.dir}/../../../shared`;
const absent = !existsSync(shared);
const print = (text: string): void => void process.stdout.write(`${text}\n`);
if (absent) print("skipped: ../shared with the recorded traffic is not here");

interface Recording {
  id: string;
  model: string | null;
  request: { method: string; url: string; body: unknown } | null;
  response: { status: number; body: { error?: Record<string, unknown> } };
}

/** Files, and whether the vendor is OpenAI: others take more, and their wording is their own. */
const files: readonly (readonly [file: string, own: boolean])[] = [
  ["openai.openai.responses", true],
  ["openai.openai.responses.compact", true],
  ["openai.openai.responses.input_tokens", true],
  ["azure.openai.responses", true],
  ["pydantic-gateway.openai.responses", true],
  ["openrouter.openai.responses", false],
  ["bedrock-mantle.openai.responses", false],
  ["deepseek.openai.responses", false],
];

/** What the double judges otherwise than the recording, and why. */
const exceptions: Readonly<Record<string, string>> = {
  "pai-ce3fddc052": "the vendor looked at the file behind an address",
  "pai-189d2db402": "OpenRouter's own field: provider",
  "pai-f143dcd1f4": "OpenRouter's own field: provider",
  "pai-6e58e12c5b": "ids in DeepSeek's own form",
  "pai-ad99e8111b": "ids in DeepSeek's own form",
  "pai-b9bd450dec": "ids in DeepSeek's own form",
  "pai-41fb6c91a2": "DeepSeek's own rule: each output right behind its call",
};

async function recordingsOf(file: string): Promise<Recording[]> {
  const bytes = await Bun.file(`${shared}/wire/${file}.jsonl.gz`).bytes();
  const text = new TextDecoder().decode(Bun.gunzipSync(bytes));
  return text
    .trimEnd()
    .split("\n")
    .map((line): Recording => JSON.parse(line));
}

const key = { authorization: "Bearer k", "content-type": "application/json" };

describe.skipIf(absent)("recorded requests", () => {
  for (const [file, own] of files) {
    test(file, async () => {
      const recordings = await recordingsOf(file);
      // Recorded ids and sealed reasoning are the vendor's own.
      const upstream = await startResponsesUpstream({
        trustSignatures: true,
        models: own ? [] : recordings.map(({ model }) => model ?? ""),
      });
      try {
        const wrong: unknown[] = [];
        let accepted = 0;
        let refused = 0;
        for (const { id, request, response } of recordings) {
          if (request === null || id in exceptions) continue;
          const { pathname } = new URL(request.url);
          const path = pathname.replace(/^.*?\/responses/, "/v1/responses");
          const answer = await fetch(upstream.url + path, {
            method: request.method,
            headers: key,
            body: JSON.stringify(request.body),
          });
          const text = await answer.text();
          if (response.status < 300) {
            if (answer.status === 200) accepted += 1;
            else wrong.push([id, text]);
            continue;
          }
          refused += 1;
          const told: typeof response.body = JSON.parse(text);
          const { message, param, code } = own ? (response.body.error ?? {}) : {};
          expect([id, answer.status]).toEqual([id, response.status]);
          if (own) expect(told.error).toMatchObject({ message, param, code });
        }
        expect(wrong).toEqual([]);
        expect(accepted + refused).toBeGreaterThan(0);
        print(`${file}: ${accepted} accepted, ${refused} refused`);
      } finally {
        await upstream.stop();
      }
    });
  }
});

/** Captured requests that OpenAI itself would refuse, and why. */
const notForOpenAi: Readonly<Record<string, string>> = {
  "codex 34": "a local server is asked for one token, where OpenAI wants 16",
  "openai-sdk 11": "parsed_arguments, which the SDK adds and the API does not know",
};

describe.skipIf(absent)("what real clients send", () => {
  for (const client of ["openai-sdk", "ai-sdk", "codex"] as const) {
    test(client, async () => {
      const upstream = await startResponsesUpstream({
        trustSignatures: true,
        models: ["my-model", "vendor/my-model", "mock-model", "mock-model:latest"],
      });
      try {
        const wrong: unknown[] = [];
        let accepted = 0;
        for (const { n, case: name, path, body, answered } of await readCaptures(client)) {
          const [address = ""] = path.split("?");
          if (answered !== 200 || !address.endsWith("/responses") || body === undefined) continue;
          if (`${client} ${n}` in notForOpenAi) continue;
          const answer = await fetch(`${upstream.baseUrl}/responses`, {
            method: "POST",
            headers: key,
            body: JSON.stringify(body),
          });
          const text = await answer.text();
          if (answer.status === 200) accepted += 1;
          else wrong.push([n, name, body["model"], text]);
        }
        expect(wrong).toEqual([]);
        expect(accepted).toBeGreaterThan(0);
        print(`${client}: ${accepted} accepted`);
      } finally {
        await upstream.stop();
      }
    });
  }
});
