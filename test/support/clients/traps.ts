// What real clients do that a gateway stumbles over, in requests of the project's own.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { JsonObject } from "../../../src/lib/json.ts";
import { checkStreamOrder } from "../anthropic-stream-order.ts";
import { anthropicCaller } from "../callers.ts";
import { pdf, png } from "../pairs/media.ts";
import { rawExchange, rawRequest } from "../raw-client.ts";
import { signThinking } from "../upstream/signature.ts";
import { bring, type Ground, prepareGround, type Serve, type Served, sides } from "./ground.ts";

/** What Claude Code 2.1 sends with every request. */
const agentHeaders = {
  accept: "application/json",
  "content-type": "application/json",
  "user-agent": "claude-cli/2.1.328 (external, sdk-cli)",
  "anthropic-version": "2023-06-01",
  "anthropic-beta":
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,per-turn-control-2026-07-01,mid-conversation-tool-changes-2026-07-01,advanced-tool-use-2025-11-20,effort-2025-11-24,dangerous-tool-use-2026-09-03",
  "anthropic-dangerous-direct-browser-access": "true",
  "x-app": "cli",
  "x-api-key": "the-callers-own-key",
};

const bash = {
  name: "Bash",
  description: "Runs a command",
  input_schema: {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    properties: { command: { type: "string" } },
    required: ["command"],
    additionalProperties: false,
  },
};
const user = (...content: object[]): JsonObject => ({ role: "user", content });
const text = (words: string): JsonObject => ({ type: "text", text: words });
const call = (name: string, input: object): JsonObject => ({
  role: "assistant",
  content: [
    { type: "thinking", thinking: "", signature: signThinking("") },
    { type: "tool_use", id: "toolu_01abc", name, input },
  ],
});
const result = (...content: object[]): JsonObject => ({
  type: "tool_result",
  tool_use_id: "toolu_01abc",
  content,
});

const agentBody = (more: JsonObject): JsonObject => ({
  model: "claude-opus-5-5",
  max_tokens: 32_000,
  stream: true,
  thinking: { type: "adaptive", display: "omitted" },
  tools: [bash],
  messages: [user(text("List the files."))],
  ...more,
});

interface Trap {
  name: string;
  body: JsonObject;
  headers?: Record<string, string>;
  /** Looks at what an upstream of OpenAI's wire got, and at the fields named in warnings. */
  translated(sent: JsonObject & { messages: JsonObject[] }, lost: string[]): void;
}

const roles = (messages: readonly JsonObject[]): unknown[] => messages.map(({ role }) => role);

const traps: readonly Trap[] = [
  {
    name: "system messages in the middle and last, with settings of their own",
    body: agentBody({
      system: "Be brief.",
      messages: [
        user(text("List the files.")),
        { role: "system", content: "# Environment\nLinux", output_config: { effort: "medium" } },
        call("Bash", { command: "ls" }),
        user(result(text("a.txt"))),
        { role: "system", content: [text("Plan mode is on.")], output_config: { effort: "low" } },
      ],
    }),
    translated({ messages }, lost) {
      expect(roles(messages)).toEqual(["system", "user", "system", "assistant", "tool", "system"]);
      expect(messages.at(-1)?.["content"]).toBe("Plan mode is on.");
      expect(lost).toContain("messages[1].output_config");
    },
  },
  {
    name: "an empty list of tools",
    body: agentBody({ tools: [] }),
    translated(sent) {
      expect(sent).not.toHaveProperty("tools");
      expect(sent).not.toHaveProperty("tool_choice");
    },
  },
  {
    name: "a billing header written as system text, settings for the vendor alone, folders of this machine",
    body: agentBody({
      system: [
        text("x-anthropic-billing-header: cc_version=2.1.328.1; cc_entrypoint=cli;"),
        { ...text("You are an agent."), cache_control: { type: "ephemeral" } },
      ],
      context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
      safeguards: [{ type: "dangerous_tool_use", classifier_context: { home_dir: "/home/me" } }],
    }),
    translated(sent, lost) {
      expect(sent.messages[0]).toEqual({ role: "system", content: "You are an agent." });
      const all = JSON.stringify(sent);
      for (const word of ["billing", "/home/me", "clear_thinking"]) expect(all).not.toContain(word);
      for (const field of ["context_management", "safeguards", "system.content[0]"]) {
        expect(lost).toContain(field);
      }
    },
  },
  {
    name: "references to tools that a search has found, and words after the result",
    body: agentBody({
      tools: [
        bash,
        { name: "ToolSearch", input_schema: { type: "object", properties: {} } },
        { name: "WebFetch", defer_loading: true, input_schema: { type: "object", properties: {} } },
      ],
      messages: [
        user(text("Fetch it.")),
        call("ToolSearch", { query: "select:WebFetch" }),
        user(result({ type: "tool_reference", tool_name: "WebFetch" }), text("Tool loaded.")),
      ],
    }),
    translated({ messages }, lost) {
      expect(roles(messages)).toEqual(["user", "assistant", "tool", "user"]);
      expect(messages.at(-1)?.["content"]).toBe("Tool loaded.");
      expect(lost).toContain("messages[2].content[0].content[0]");
    },
  },
  {
    name: "a picture and a document in a tool result",
    body: agentBody({
      messages: [
        user(text("Read both.")),
        call("Bash", { command: "cat" }),
        user(
          result(
            text("Two files."),
            { type: "image", source: { type: "base64", media_type: "image/png", data: png } },
            {
              type: "document",
              source: { type: "base64", media_type: "application/pdf", data: pdf },
            },
          ),
        ),
      ],
    }),
    translated({ messages }) {
      expect(roles(messages)).toEqual(["user", "assistant", "tool", "user"]);
      expect(messages[2]).toMatchObject({ tool_call_id: "toolu_01abc", content: "Two files." });
      const attached = JSON.stringify(messages[3]);
      expect(attached).toContain(`data:image/png;base64,${png}`);
      expect(attached).toContain(`data:application/pdf;base64,${pdf}`);
    },
  },
  {
    name: "a budget of 31999 within 32000",
    body: agentBody({
      model: "claude-sonnet-4-5",
      thinking: { type: "enabled", budget_tokens: 31_999, display: "omitted" },
    }),
    translated(sent) {
      expect(sent).toMatchObject({ max_completion_tokens: 32_000 });
      expect(sent["reasoning_effort"]).toBeString();
    },
  },
  {
    name: "more output asked for than the model that answers can give",
    body: agentBody({ model: "my-model", max_tokens: 128_000 }),
    translated(sent, lost) {
      expect(sent["max_completion_tokens"]).toBe(16_384);
      expect(lost).toContain("max_tokens");
    },
  },
  {
    name: "the newest API version, and the key twice",
    headers: {
      "anthropic-version": "2026-10-21",
      authorization: "Bearer the-callers-own-key",
    },
    body: agentBody({ tools: [{ type: "custom", strict: true, ...bash }] }),
    translated(sent) {
      expect(sent["tools"]).toMatchObject([{ type: "function", function: { name: "Bash" } }]);
    },
  },
  {
    name: "half a megabyte of history",
    body: agentBody({
      messages: Array.from({ length: 101 }, (_, index) =>
        index % 2 === 0
          ? user(text(`Line ${index}: ${"naïve café — 日本語 🎉 ".repeat(225)}`))
          : { role: "assistant", content: [text(`Answer ${index}: ${"word ".repeat(200)}`)] },
      ),
    }),
    translated({ messages }) {
      expect(messages).toHaveLength(101);
    },
  },
];

/** Declares the tests; `serve` starts the gateways they are about. */
export function trapScenes(serve: Serve): void {
  describe("what real clients do", () => {
    let ground: Ground;
    let locked: Served;
    beforeAll(async () => {
      ground = await prepareGround(serve);
      locked = await serve({
        providers: { demo: {} },
        keys: { agent: "a-key-of-the-gateway-0123456789" },
      });
    });
    afterAll(async () => {
      await Promise.all([ground.stop(), locked.stop()]);
    });

    for (const { name, body, headers, translated } of traps) {
      for (const side of sides) {
        test(`${name} → ${side}`, async () => {
          const bytes = JSON.stringify(body);
          if (name.startsWith("half a megabyte")) expect(bytes.length).toBeGreaterThan(250_000);
          const sentHeaders = { ...agentHeaders, ...headers };
          const { answer, sent, warnings } = await bring(ground, side, {
            method: "POST",
            path: "/v1/messages?beta=true",
            headers: sentHeaders,
            body: bytes,
          });
          if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
          const reading = await anthropicCaller.read(answer);
          expect(checkStreamOrder(reading.frames)).toEqual([]);
          expect(sent).toHaveLength(1);
          const [request] = sent;
          expect(JSON.stringify(request?.headers)).not.toContain("the-callers-own-key");
          if (side === "openai") {
            const fields = warnings.map(({ field }) => field);
            translated(request?.parsed as Parameters<typeof translated>[0], fields);
            return;
          }
          const asked = bytes.replace('"model":"my-model"', '"model":"claude-opus-4-8"');
          expect(Buffer.from(request?.body ?? []).toString("utf8")).toBe(asked);
          expect(request?.query).toBe("?beta=true");
          for (const header of ["anthropic-version", "anthropic-beta"] as const) {
            expect(request?.headers[header]).toBe(sentHeaders[header]);
          }
          expect(warnings).toEqual([]);
        });
      }
    }

    test("a conversation that the server is to keep: refused in the words that make the SDK send it whole", async () => {
      const { tools: _tools, ...body } = agentBody({ thread: { type: "create" } });
      for (const side of sides) {
        const { answer, sent } = await bring(ground, side, {
          method: "POST",
          path: "/v1/messages",
          headers: { ...agentHeaders, "anthropic-beta": "message-threads-2026-08-12" },
          body: JSON.stringify(body),
        });
        expect(answer.status).toBe(400);
        expect(await answer.json()).toMatchObject({
          type: "error",
          error: {
            type: "invalid_request_error",
            details: { error_code: "thread_unsupported_request", unsupported: ["thread"] },
          },
        });
        expect(sent).toHaveLength(side === "anthropic" ? 1 : 0);
      }
    });

    test("27 token counts at once", async () => {
      const body = (index: number): string =>
        JSON.stringify({
          model: "claude-opus-5-5",
          tools: [],
          messages: [{ role: "user", content: "word ".repeat(100 * (index + 1)) }],
        });
      for (const side of sides) {
        const answers = await Promise.all(
          Array.from({ length: 27 }, async (_, index) => {
            const answer = await fetch(
              `${ground.gateways[side].url}/v1/messages/count_tokens?beta=true`,
              { method: "POST", headers: agentHeaders, body: body(index) },
            );
            expect(answer.status).toBe(200);
            return ((await answer.json()) as { input_tokens: number }).input_tokens;
          }),
        );
        expect(answers).toEqual(answers.toSorted((one, other) => one - other));
        expect(answers[0]).toBeGreaterThan(50);
        expect(answers.at(-1)).toBeGreaterThan(1_300);
      }
    });

    describe("keys", () => {
      const key = "a-key-of-the-gateway-0123456789";
      test.each([
        [200, { authorization: `Bearer ${key}` }],
        [200, { "x-api-key": key }],
        [200, { "x-goog-api-key": key }],
        [200, { authorization: `Bearer ${key}`, "x-goog-api-key": key }],
        [200, { authorization: `Bearer ${key}`, "x-api-key": key }],
        [400, { authorization: `Bearer ${key}`, "x-api-key": "another" }],
        [401, { "x-api-key": "another" }],
        [401, {}],
      ] as [number, Record<string, string>][])("%d with %j", async (status, presented) => {
        const answer = await fetch(`${locked.url}/v1/messages`, {
          method: "POST",
          headers: { "anthropic-version": "2023-06-01", ...presented },
          body: JSON.stringify(agentBody({ model: "demo/echo" })),
        });
        expect([answer.status, await answer.text()]).toEqual([
          status,
          expect.stringContaining(status === 200 ? "message_stop" : '"type":"error"'),
        ]);
        // Claude Code would otherwise try a refused key for over a minute.
        expect(answer.headers.get("x-should-retry")).toBe(status === 401 ? "false" : null);
      });

      test("an open gateway asks for none, and two different ones do not trouble it", async () => {
        const { "x-api-key": _key, ...headers } = agentHeaders;
        const two = { authorization: "Bearer one", "x-api-key": "two" };
        for (const presented of [{}, two] as Record<string, string>[]) {
          const { answer } = await bring(ground, "anthropic", {
            method: "POST",
            path: "/v1/messages",
            headers: { ...headers, ...presented },
            body: JSON.stringify(agentBody({})),
          });
          expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)]);
        }
      });
    });

    test("HEAD /api/hello needs no key", async () => {
      for (const { url } of [ground.gateways.openai, locked]) {
        const answer = await fetch(`${url}/api/hello`, { method: "HEAD" });
        expect([answer.status, await answer.text()]).toEqual([200, ""]);
      }
    });

    test("Node's fetch is no browser: sec-fetch-mode without Origin passes, a page does not", async () => {
      const node = { "sec-fetch-mode": "cors", "accept-language": "*" };
      for (const [status, headers] of [
        [200, node],
        [403, { ...node, origin: "https://evil.example" }],
        [403, { ...node, "sec-fetch-site": "cross-site" }],
      ] as [number, Record<string, string>][]) {
        const { answer } = await bring(ground, "openai", {
          method: "POST",
          path: "/v1/chat/completions",
          headers: { ...headers, "content-type": "application/json" },
          body: JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Hi" }] }),
        });
        expect([answer.status, await answer.text()]).toEqual([status, expect.any(String)]);
      }
    });

    test("the list of models in both shapes, a thousand at a time", async () => {
      const list = async (headers: Record<string, string>) => {
        const path = "/v1/models?limit=1000";
        const { answer } = await bring(ground, "anthropic", { path, headers });
        expect(answer.status).toBe(200);
        return (await answer.json()) as JsonObject & { data: (JsonObject & { id: string })[] };
      };
      const openai = await list({});
      const anthropic = await list({ "anthropic-version": "2026-10-21" });
      expect(openai["object"]).toBe("list");
      const ids = anthropic.data.map(({ id }) => id);
      expect(ids).toEqual(openai.data.map(({ id }) => id));
      expect(ids).toContain("vendor/my-model");
      expect(ids).toContain("claude-opus-5-5");
      expect(anthropic).toMatchObject({ has_more: false, first_id: ids[0], last_id: ids.at(-1) });
      for (const { display_name: name } of anthropic.data) expect(name).toBeString();
    });

    test("a model's name with a slash, raw and escaped", async () => {
      for (const name of ["vendor/my-model", "vendor%2Fmy-model"]) {
        const { answer } = await bring(ground, "openai", { path: `/v1/models/${name}` });
        expect(await answer.json()).toMatchObject({ id: "vendor/my-model", object: "model" });
      }
    });

    test("a WebSocket handshake for Responses is told to upgrade no further", async () => {
      const port = Number(new URL(ground.gateways.openai.url).port);
      const headers = [
        "connection: Upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        "authorization: Bearer k",
      ];
      const { status } = await rawExchange(
        port,
        rawRequest(port, "GET /v1/responses", { headers }),
      );
      expect(status).toBe(426);
    });
  });
}
