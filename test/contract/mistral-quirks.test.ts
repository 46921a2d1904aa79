// Mistral's strict wire against recorded traffic: what the vendor took is left alone, and would be taken as the gateway writes it.
import { describe, expect, test } from "bun:test";
import { openaiChat } from "../../src/dialects/openai-chat/index.ts";
import type { Message } from "../../src/ir/chat.ts";
import { collect } from "../../src/ir/fold.ts";
import { isObject, type JsonObject, parseObject, scan } from "../../src/lib/json.ts";
import { fitBody } from "../../src/pipeline/fit.ts";
import { mistralQuirks as quirks } from "../../src/providers/mistral.ts";
import { recordedIn } from "../support/recorded.ts";
import { findMistralModel, plainMistralModel } from "../support/upstream/mistral-models.ts";
import { refuseMistralChat } from "../support/upstream/validate-mistral.ts";

const recorded = recordedIn("mistral", ["mistral.mistral.chat"]);
const requests = recorded.flatMap(({ id, request, response }) =>
  request?.body && response.status === 200 ? [{ id, body: request.body }] : [],
);
const find = (name: string) => findMistralModel(name) ?? plainMistralModel(name);

const encode = (json: JsonObject, messages?: Message[]): JsonObject => {
  const request = openaiChat.request.decode({ json, text: JSON.stringify(json) }).value;
  const target = { provider: "mistral", model: String(json["model"]), quirks, facts: {} };
  const changed = messages ? { ...request, messages } : request;
  return parseObject(openaiChat.request.encode(changed, target).body);
};

describe.skipIf(requests.length === 0)("recorded requests", () => {
  test("are relayed as they are", () => {
    const touched = requests.filter(({ body }) => {
      const bytes = Buffer.from(JSON.stringify(body));
      const scope = { dialect: openaiChat, model: "m", quirks, allowed: [] };
      const scanned = { bytes, members: scan(bytes) };
      const { bytes: sent } = fitBody(scanned, { ...scope, operation: "chat" });
      return openaiChat.carriesForeign?.(bytes, quirks) === true || sent !== bytes;
    });
    expect(touched.map(({ id }) => id)).toEqual([]);
    console.log(`mistral: ${requests.length} recorded requests are relayed as they are`);
  });

  test("are taken as the gateway writes them, and say the same", () => {
    for (const { id, body } of requests) {
      const sent = encode(body);
      expect([id, refuseMistralChat(sent, find)]).toEqual([id, undefined]);
      expect([id, saidIn(sent)]).toEqual([id, saidIn(body)]);
    }
  });
});

/** The texts of a thought are one. */
const thought = (texts: unknown): string =>
  Array.isArray(texts)
    ? texts
        .filter(isObject)
        .map((item) => String(item["text"]))
        .join("")
    : "";

/** Roles, texts, reasoning and calls, however they are framed. */
function saidIn(body: JsonObject): unknown {
  const messages = Array.isArray(body["messages"]) ? body["messages"].filter(isObject) : [];
  return messages.map(({ role, content, tool_calls: calls, tool_call_id: id }) => ({
    role,
    id,
    calls: Array.isArray(calls)
      ? calls.filter(isObject).map((call) => [call["id"], call["function"]])
      : [],
    said:
      typeof content === "string" || !Array.isArray(content)
        ? (content ?? "")
        : content
            .filter(isObject)
            .map(({ text, thinking, image_url: image }) =>
              typeof text === "string" ? text : image ? JSON.stringify(image) : thought(thinking),
            )
            .join("\n"),
  }));
}

test.skipIf(recorded.length === 0)(
  "recorded reasoning is read, and goes back in its own form",
  () => {
    const origin = {
      dialect: "openai-chat",
      provider: "mistral",
      model: "magistral-medium-2507",
    } as const;
    let count = 0;
    for (const { id, response, stream } of recorded) {
      if (response.status !== 200) continue;
      const decoder = openaiChat.stream.decoder(origin);
      const frames = stream ? String(response.body).split("\n\n") : [];
      const events = frames.flatMap((frame) =>
        frame.startsWith("data: ") ? decoder.push({ data: frame.slice(6) }) : [],
      );
      const text = JSON.stringify(response.body);
      const answer = stream
        ? collect([...events, ...decoder.end()])
        : openaiChat.response.decode({ json: parseObject(text), text }, origin).value;
      const thoughts = (answer.candidates[0]?.parts ?? []).flatMap((part) =>
        part.type === "reasoning" ? [part.text] : [],
      );
      if (thoughts.length === 0) continue;
      count += 1;
      const shown = stream ? frames.join("") : text;
      expect([id, shown.includes('"thinking"')]).toEqual([id, true]);
      const sent = encode({ model: origin.model, messages: [{ role: "user", content: "Q" }] }, [
        { role: "user", parts: [{ type: "text", text: "Q" }] },
        { role: "assistant", parts: answer.candidates[0]?.parts ?? [] },
        { role: "user", parts: [{ type: "text", text: "R" }] },
      ]);
      expect([id, refuseMistralChat(sent, find)]).toEqual([id, undefined]);
      const [, made] = sent["messages"] as { content: JsonObject[] }[];
      expect(made?.content[0]).toEqual({
        type: "thinking",
        thinking: [{ type: "text", text: thoughts[0] }],
      });
    }
    expect(count).toBeGreaterThan(0);
    console.log(`mistral: reasoning of ${count} recorded answers went back`);
  },
);
