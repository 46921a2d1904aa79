// What requests need of models, and who is known to lack it.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { dialects } from "../../../src/dialects/index.ts";
import type { ChatRequest } from "../../../src/ir/chat.ts";
import {
  type Abilities,
  lacks,
  type Need,
  needsOf,
  possibleNeeds,
} from "../../../src/routing/capabilities.ts";

const base: ChatRequest = {
  model: "m",
  messages: [{ role: "user", parts: [{ type: "text", text: "Hi" }] }],
  tools: [],
  settings: {},
  stream: false,
  ext: {},
};
const image = {
  type: "image",
  source: { kind: "base64", data: "iVBORw0KGgo=", mediaType: "image/png" },
} as const;

const kinds = (request: Partial<ChatRequest>): Need[] => [
  ...needsOf({ ...base, ...request }).kinds,
];

describe("what a request needs", () => {
  const tool = { type: "function", name: "f" } as const;
  const cases: [string, Partial<ChatRequest>, Need[]][] = [
    ["words", {}, []],
    ["tools", { tools: [tool] }, ["tools"]],
    ["tools that may not be called", { tools: [tool], toolChoice: { type: "none" } }, []],
    ["an image", { messages: [{ role: "user", parts: [image] }] }, ["images"]],
    [
      "an image that a tool showed",
      {
        messages: [
          { role: "user", parts: [{ type: "tool-result", callId: "1", parts: [image] } as never] },
        ],
      },
      ["images"],
    ],
    [
      "sound",
      {
        messages: [
          {
            role: "user",
            parts: [
              { type: "audio", source: { kind: "base64", data: "AA", mediaType: "audio/wav" } },
            ],
          },
        ],
      },
      ["audio"],
    ],
    ["a schema", { responseFormat: { type: "json-schema", schema: {} } }, ["a JSON schema"]],
    ["any JSON", { responseFormat: { type: "json" } }, []],
    ["an effort", { reasoning: { mode: "effort", effort: "high" } }, ["reasoning"]],
    ["hardly any effort", { reasoning: { mode: "effort", effort: "minimal" } }, []],
    ["a budget", { reasoning: { mode: "budget", tokens: 2000 } }, ["reasoning"]],
    ["as the model sees fit", { reasoning: { mode: "adaptive" } }, []],
    ["no thinking", { reasoning: { mode: "off" } }, []],
  ];
  test.each(cases)("%s", (_, request, expected) => {
    expect(kinds(request)).toEqual(expected);
  });
});

describe("who lacks it", () => {
  const all = {
    kinds: new Set(["tools", "images", "audio", "a JSON schema", "reasoning"] as const),
  };
  const cases: [string, Abilities, Need[]][] = [
    ["nothing is known", {}, []],
    ["no tools", { toolCalls: false }, ["tools"]],
    ["words only", { inputModalities: ["text"] }, ["images", "audio"]],
    ["sees", { inputModalities: ["text", "image"] }, ["audio"]],
    ["no schema", { jsonSchema: false }, ["a JSON schema"]],
    ["does not reason", { reasoning: false }, ["reasoning"]],
    ["too short", { contextWindow: 1_099 }, ["context length"]],
    ["just long enough", { contextWindow: 1_100 }, []],
    ["asked for more output than there is", { contextWindow: 1_050, maxOutputTokens: 50 }, []],
  ];
  test.each(cases)("%s", (_, abilities, expected) => {
    expect(lacks({ ...all, inputTokens: 1_000, outputTokens: 100 }, abilities)).toEqual(expected);
  });

  test("a look at the bytes never sees less than the request needs, on any wire", () => {
    const requests: Partial<ChatRequest>[] = [
      { tools: [{ type: "function", name: "f", parameters: { type: "object" } }] },
      { messages: [{ role: "user", parts: [image, { type: "text", text: "What is it?" }] }] },
      { responseFormat: { type: "json-schema", name: "s", schema: { type: "object" } } },
      { reasoning: { mode: "effort", effort: "high" } },
      { settings: { maxOutputTokens: 77 } },
    ];
    const facts = { reasoning: true, contextWindow: 200_000, maxOutputTokens: 64_000 };
    for (const dialect of Object.values(dialects)) {
      for (const request of requests) {
        const { body } = dialect.request.encode(
          { ...base, ...request },
          { provider: "p", model: "m", quirks: {}, facts },
        );
        const text = typeof body === "string" ? body : new TextDecoder().decode(body);
        const again = dialect.request.decode({
          json: { ...JSON.parse(text), model: "m" },
          text,
        }).value;
        const [needs, possible] = [needsOf(again), possibleNeeds(Buffer.from(text))];
        for (const kind of needs.kinds) expect([dialect.id, ...possible.kinds]).toContain(kind);
        expect(possible.outputTokens).toBeGreaterThanOrEqual(needs.outputTokens);
      }
    }
  });

  test("a look at any bytes ends well", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(possibleNeeds(bytes).inputTokens).toBe(bytes.length);
      }),
    );
  });
});
