// What real conversations bring: exact arguments, broken ones, long ids, mislabelled pictures, history in pieces.
import type Anthropic from "@anthropic-ai/sdk";
import { expect } from "bun:test";
import type OpenAI from "openai";
import { toMessageParams } from "../../support/pairs/anthropic-client.ts";
import { png, pngShown } from "../../support/pairs/media.ts";
import { toParams } from "../../support/pairs/openai-client.ts";
import { plainModels, scenes } from "../../support/pairs/scenes.ts";
import type { Stage } from "../../support/pairs/stage.ts";
import { weather } from "./tools.ts";

/** Key order, number spellings and escapes that a parse and a stringify would change. */
const exact = String.raw`{"10":1.0,"2":12345678901234567890,"e":1e5,"text":"\u00e9\/\ud83d\ude42","a":{"z":null,"b":[]}}`;

type WithDetails = OpenAI.ChatCompletionChunk.Choice.Delta & { reasoning_details?: unknown[] };

const program = 'print("hi")\n';

const usedTool = { role: "user" as const, content: "use tool" };

export function edgeScenes(stage: () => Stage): void {
  scenes(
    "arguments to the letter",
    stage,
    async ({ stage: { upstreams }, upstream, ask }) => {
      upstreams[upstream].script({
        kind: "tool-calls",
        calls: [{ name: weather.name, args: exact }],
      });
      const { reply } = await ask({ messages: [{ role: "user", text: "go" }], tools: [weather] });
      const [call] = (reply.native as OpenAI.ChatCompletionMessage).tool_calls ?? [];
      expect(call?.type === "function" && call.function.arguments).toBe(exact);
      const back = await ask({
        messages: [
          { role: "user", text: "go" },
          { role: "echo", reply },
          { role: "results", results: [{ call: reply.calls[0]!, text: "done" }] },
        ],
        tools: [weather],
      });
      const sent = Buffer.from(back.exchange.sent[0]!.body).toString();
      expect(sent).toContain(upstream === "anthropic" ? `"input":${exact}` : JSON.stringify(exact));
    },
    { clients: ["openai"] },
  );

  scenes(
    "arguments that are no JSON",
    stage,
    async ({ stage: { upstreams }, ask, stream }) => {
      // What begins as an object is streamed as it comes, as Anthropic itself does.
      for (const args of [...(stream ? [] : ["{not json"]), "[1,2]", "plain words", ""]) {
        upstreams.openai.script({ kind: "tool-calls", calls: [{ name: weather.name, args }] });
        const { reply } = await ask({ messages: [{ role: "user", text: "go" }], tools: [weather] });
        expect(reply.finish).toBe("tool-calls");
        expect(reply.calls[0]?.name).toBe(weather.name);
        expect(typeof reply.calls[0]?.args).toBe("object");
        const back = await ask({
          messages: [
            { role: "user", text: "go" },
            { role: "echo", reply },
            { role: "results", results: [{ call: reply.calls[0]!, text: "wrong", isError: true }] },
          ],
          tools: [weather],
        });
        expect(back.reply.text).toContain("wrong");
      }
    },
    { clients: ["@anthropic-ai/sdk"], upstreams: ["openai"] },
  );

  scenes(
    "arguments that are no JSON",
    stage,
    async ({ ask }) => {
      // History of another provider: Anthropic takes objects only.
      for (const args of ["{not json", "[1,2]", '"text"', ""]) {
        const native: OpenAI.ChatCompletionAssistantMessageParam = {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "call_1", type: "function", function: { name: weather.name, arguments: args } },
          ],
        };
        const call = { id: "call_1", name: weather.name, args };
        const { reply } = await ask({
          messages: [
            { role: "user", text: "go" },
            { role: "echo", reply: { native } as never },
            { role: "results", results: [{ call, text: "wrong" }] },
          ],
          tools: [weather],
        });
        expect(reply.text).toBe("The tool said: wrong");
      }
    },
    { clients: ["openai"], upstreams: ["anthropic"], streams: [false] },
  );

  scenes(
    "ids of any length and spelling",
    stage,
    async ({ stage: { anthropic, exchanges } }) => {
      const ids = [`toolu_${"x".repeat(70)}`, `toolu_${"x".repeat(69)}y`];
      const message = await anthropic.messages.create({
        ...toMessageParams({ model: plainModels.openai, messages: [], tools: [weather] }),
        messages: [
          usedTool,
          {
            role: "assistant",
            content: ids.map((id) => ({ type: "tool_use", id, name: weather.name, input: {} })),
          },
          {
            role: "user",
            content: ids.map((id, at) => ({
              type: "tool_result",
              tool_use_id: id,
              content: `r${at}`,
            })),
          },
        ],
      });
      expect(message.content).toMatchObject([{ text: "The tool said: r0 | r1" }]);
      expect(exchanges.at(-1)!.warnings).toEqual([]);
    },
    { clients: ["@anthropic-ai/sdk"], upstreams: ["openai"], streams: [false] },
  );

  scenes(
    "ids of any length and spelling",
    stage,
    async ({ stage: { openai, exchanges } }) => {
      const ids = ["functions.get_weather:0", "functions.get_weather:1", "é 2"];
      const answer = await openai.chat.completions.create({
        ...toParams({ model: plainModels.anthropic, messages: [], tools: [weather] }),
        stream: false,
        messages: [
          usedTool,
          {
            role: "assistant",
            tool_calls: ids.map((id) => ({
              id,
              type: "function" as const,
              function: { name: weather.name, arguments: "{}" },
            })),
          },
          ...ids.map((id, at) => ({ role: "tool" as const, tool_call_id: id, content: `r${at}` })),
        ],
      });
      expect(answer.choices[0]?.message.content).toBe("The tool said: r0 | r1 | r2");
      expect(exchanges.at(-1)!.warnings).toEqual([]);
    },
    { clients: ["openai"], upstreams: ["anthropic"], streams: [false] },
  );

  scenes(
    "mislabelled picture",
    stage,
    async ({ ask }) => {
      // OpenAI looks at the bytes, Anthropic refuses a wrong label: what one takes must reach the other.
      for (const mediaType of ["image/jpeg", "image/jpg", "image/webp"]) {
        const { reply } = await ask({
          messages: [
            { role: "user", text: "?", media: [{ kind: "image", base64: png, mediaType }] },
          ],
        });
        expect(reply.text).toMatch(/^\? \[image image\/\w+ 70 bytes\]$/);
      }
    },
    { clients: ["openai"], upstreams: ["anthropic"], streams: [false] },
  );

  scenes(
    "picture in a tool message",
    stage,
    async ({ stage: { openai } }) => {
      const call = {
        id: "call_1",
        type: "function" as const,
        function: { name: "look", arguments: "{}" },
      };
      const content = [
        { type: "text" as const, text: "Seen:" },
        { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } } as never,
      ];
      const answer = await openai.chat.completions.create({
        ...toParams({ model: plainModels.anthropic, messages: [], tools: [weather] }),
        stream: false,
        messages: [
          usedTool,
          { role: "assistant", tool_calls: [call] },
          { role: "tool", tool_call_id: "call_1", content },
        ],
      });
      expect(answer.choices[0]?.message.content).toBe(`The tool said: Seen:\n${pngShown}`);
    },
    { clients: ["openai"], upstreams: ["anthropic"], streams: [false] },
  );

  scenes(
    "free-form tool",
    stage,
    async ({ stage: { openai, upstreams }, upstream, stream }) => {
      upstreams[upstream].script({
        kind: "tool-calls",
        calls: [{ name: "run", args: upstream === "openai" ? program : { input: program } }],
      });
      const params = {
        model: upstream === "openai" ? "gpt-5" : plainModels.anthropic,
        messages: [usedTool],
        tools: [
          { type: "custom" as const, custom: { name: "run", description: "Runs a program" } },
        ],
        tool_choice: "required" as const,
      };
      let [id, name, input, finish] = ["", "", "", ""];
      if (stream) {
        for await (const { choices } of await openai.chat.completions.create({
          ...params,
          stream: true,
        })) {
          finish = choices[0]?.finish_reason ?? finish;
          for (const piece of choices[0]?.delta.tool_calls ?? []) {
            const custom = (piece as { custom?: { name?: string; input?: string } }).custom;
            id += piece.id ?? "";
            name += custom?.name ?? "";
            input += custom?.input ?? "";
          }
        }
      } else {
        const { choices } = await openai.chat.completions.create(params);
        const [call] = choices[0]?.message.tool_calls ?? [];
        if (call?.type !== "custom") throw new Error(`no free-form call: ${JSON.stringify(call)}`);
        ({ id } = call);
        ({ name, input } = call.custom);
        finish = choices[0]?.finish_reason ?? "";
      }
      expect({ name, input, finish }).toEqual({
        name: "run",
        input: program,
        finish: "tool_calls",
      });
      const back = await openai.chat.completions.create({
        ...params,
        tool_choice: "auto",
        messages: [
          usedTool,
          { role: "assistant", tool_calls: [{ id, type: "custom", custom: { name, input } }] },
          { role: "tool", tool_call_id: id, content: "ran" },
        ],
      });
      expect(back.choices[0]?.message.content).toBe("The tool said: ran");
    },
    { clients: ["openai"] },
  );

  scenes(
    "usage not asked for",
    stage,
    async ({ stage: { openai, exchanges }, upstream }) => {
      const chunks = await openai.chat.completions.create({
        ...toParams({ model: plainModels[upstream], messages: [] }),
        messages: [{ role: "user", content: "hello" }],
        stream: true,
      });
      for await (const chunk of chunks) {
        expect(chunk.usage ?? null).toBeNull();
        expect(chunk.choices).toHaveLength(1);
      }
      expect(exchanges.at(-1)!.bills[0]!.complete).toBe(true);
    },
    { clients: ["openai"], streams: [true] },
  );

  scenes(
    "history in stream pieces",
    stage,
    async ({ stage: { openai, upstreams } }) => {
      // Clients in OpenRouter's manner append every piece of `reasoning_details` as it comes.
      const ask = {
        ...toParams({ model: plainModels.anthropic, messages: [], tools: [weather] }),
        reasoning_effort: "low" as const,
      };
      const details: unknown[] = [];
      const call = { id: "", name: "", args: "" };
      const chunks = await openai.chat.completions.create({
        ...ask,
        messages: [usedTool],
        stream: true,
      });
      for await (const { choices } of chunks) {
        const delta: WithDetails | undefined = choices[0]?.delta;
        details.push(...(delta?.reasoning_details ?? []));
        for (const piece of delta?.tool_calls ?? []) {
          call.id += piece.id ?? "";
          call.name += piece.function?.name ?? "";
          call.args += piece.function?.arguments ?? "";
        }
      }
      expect(details.length).toBeGreaterThan(3);
      const message = {
        role: "assistant" as const,
        content: null,
        reasoning_details: details,
        tool_calls: [
          {
            id: call.id,
            type: "function" as const,
            function: { name: call.name, arguments: call.args },
          },
        ],
      };
      const answer = await openai.chat.completions.create({
        ...ask,
        stream: false,
        messages: [usedTool, message, { role: "tool", tool_call_id: call.id, content: "sunny" }],
      });
      expect(answer.choices[0]?.message.content).toBe("The tool said: sunny");
      const sent = upstreams.anthropic.requests.at(-1)!.parsed as Anthropic.MessageCreateParams;
      expect(sent.thinking?.type).toBe("enabled");
    },
    { clients: ["openai"], upstreams: ["anthropic"], streams: [true] },
  );

  scenes(
    "documents of text",
    stage,
    async ({ stage: { anthropic, exchanges } }) => {
      const message = await anthropic.messages.create({
        ...toMessageParams({ model: plainModels.openai, messages: [] }),
        messages: [
          {
            role: "user",
            content: [
              {
                type: "document",
                title: "notes.txt",
                source: { type: "text", media_type: "text/plain", data: "Plain notes." },
              },
              {
                type: "document",
                source: { type: "content", content: [{ type: "text", text: "In blocks." }] },
              },
              {
                type: "search_result",
                source: "https://example.com",
                title: "Found",
                content: [{ type: "text", text: "Grass is green." }],
              },
              { type: "text", text: "Sum up." },
            ],
          },
        ],
      });
      const said = JSON.stringify(message.content);
      for (const text of ["Plain notes.", "In blocks.", "Grass is green.", "Sum up."]) {
        expect(said).toContain(text);
      }
      expect(exchanges.at(-1)!.sent[0]!.refusal).toBeUndefined();
    },
    { clients: ["@anthropic-ai/sdk"], upstreams: ["openai"], streams: [false] },
  );

  scenes(
    "server tool alone",
    stage,
    async ({ stage: { anthropic, exchanges } }) => {
      const thrown = await anthropic.messages
        .create({
          ...toMessageParams({ model: plainModels.openai, messages: [] }),
          messages: [{ role: "user", content: "search" }],
          tools: [{ type: "web_search_20250305", name: "web_search" }],
        })
        .catch((error: unknown) => error);
      expect(String(thrown)).toContain("web_search");
      expect(exchanges.at(-1)).toMatchObject({ status: 400, sent: [] });
    },
    { clients: ["@anthropic-ai/sdk"], upstreams: ["openai"], streams: [false] },
  );
}
