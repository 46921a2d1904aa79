// The Responses double against recorded traffic: what OpenAI took is taken, what it refused is refused in its words.
import { describe, expect, test } from "bun:test";
import { isObject } from "../../src/lib/json.ts";
import { readCaptures } from "../support/clients/captures.ts";
import { hasRecordings, recordingsIn } from "../support/upstream/recordings.ts";
import { startResponsesUpstream } from "../support/upstream/responses.ts";

const print = (text: string): void => void process.stdout.write(`${text}\n`);

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

/** What an error of this vendor says. */
interface OpenAiError {
  error?: Record<string, unknown>;
}

const modelIn = (body: unknown): string =>
  isObject(body) && typeof body["model"] === "string" ? body["model"] : "";

const key = { authorization: "Bearer k", "content-type": "application/json" };

describe.skipIf(!hasRecordings)("recorded requests", () => {
  for (const [file, own] of files) {
    test(file, async () => {
      const recordings = recordingsIn(file);
      // Recorded ids and sealed reasoning are the vendor's own.
      const upstream = await startResponsesUpstream({
        trustSignatures: true,
        models: own ? [] : recordings.map(({ request }) => modelIn(request?.body)),
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
            method: "POST",
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
          const told: OpenAiError = JSON.parse(text);
          const recorded: OpenAiError = JSON.parse(JSON.stringify(response.body));
          const { message, param, code } = recorded.error ?? {};
          expect([id, answer.status]).toEqual([id, response.status]);
          expect(told.error).toMatchObject({ message, param, code });
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

describe.skipIf(!hasRecordings)("what real clients send", () => {
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
