// Every recorded request of real clients through the gateway: to a strict upstream of its own wire, and to one of the other.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isObject } from "../../../src/lib/json.ts";
import { checkStreamOrder } from "../anthropic-stream-order.ts";
import { anthropicCaller, type Caller, openAiCaller } from "../callers.ts";
import { type Capture, captureNames, capturesAbsent, readCaptures } from "./captures.ts";
import {
  bring,
  type Brought,
  type Ground,
  prepareGround,
  routes,
  type Serve,
  type Side,
  sides,
} from "./ground.ts";

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** What a path is to the gateway; undefined where it serves nothing. */
type Kind = "chat" | "count-tokens" | "embeddings" | "models" | "hello";

const kinds: readonly (readonly [method: string, path: RegExp, kind: Kind, wire?: Side])[] = [
  ["POST", /^\/v1\/messages$/, "chat", "anthropic"],
  ["POST", /^\/v1\/messages\/count_tokens$/, "count-tokens", "anthropic"],
  ["POST", /^\/v1\/chat\/completions$/, "chat", "openai"],
  ["POST", /^\/v1\/embeddings$/, "embeddings", "openai"],
  ["GET", /^\/v1\/models(?:\/|$)/, "models"],
  ["HEAD", /^\/api\/hello$/, "hello"],
];

function kindOf({ method, path }: Capture): { kind: Kind; wire?: Side } | undefined {
  const [address = ""] = path.split("?");
  const found = kinds.find(([verb, pattern]) => verb === method && pattern.test(address));
  return found && { kind: found[2], ...(found[3] ? { wire: found[3] } : {}) };
}

/** Requests that are refused, and in what words. */
const refusals: readonly {
  why: string;
  applies(capture: Capture, side: Side): boolean;
  status: number;
  says: RegExp;
  /** A provider of the same wire might do it. */
  keepsThreads?: boolean;
}[] = [
  {
    why: "a conversation that the server would have to keep",
    applies: ({ body }) => body?.["thread"] !== undefined,
    status: 400,
    says: /"thread_unsupported_request"/,
    keepsThreads: true,
  },
  {
    why: "OpenAI wants the word JSON in the messages of JSON mode; the captured client spoke to another server",
    applies: ({ client, n }, side) => client === "ai-sdk" && n === 24 && side === "openai",
    status: 400,
    says: /must contain the word 'json'/i,
  },
  {
    why: "Anthropic has no embeddings",
    applies: ({ path }, side) => path === "/v1/embeddings" && side === "anthropic",
    status: 400,
    says: /no embeddings endpoint/,
  },
  {
    why: "a tool that runs on Anthropic's servers",
    applies: ({ client, n }, side) => client === "claude-code" && n === 19 && side === "openai",
    status: 400,
    says: /web_search/,
  },
  {
    why: "a Gemini client asks for a model that nobody has",
    applies: ({ client, n }) => client === "google-genai" && n === 2,
    status: 404,
    says: /`gemini-2.5-pro` is not listed here/,
  },
];

const callerOf: Record<Side, Caller> = { anthropic: anthropicCaller, openai: openAiCaller };

/** Declares the tests; `serve` starts the gateway they are about. */
export function replayScenes(serve: Serve): void {
  if (capturesAbsent) print("skipped: ../shared with the captures of real clients is not here");
  describe.skipIf(capturesAbsent)("requests of real clients", () => {
    let ground: Ground;
    beforeAll(async () => {
      ground = await prepareGround(serve);
    });
    afterAll(() => ground.stop());

    for (const client of captureNames) {
      test(client, async () => {
        const tally = new Map<string, number>();
        const count = (what: string): void => void tally.set(what, (tally.get(what) ?? 0) + 1);
        const wrong: string[] = [];
        for (const capture of await readCaptures(client)) {
          const known = kindOf(capture);
          if (!known) {
            count(await turnedAway(ground, capture));
            continue;
          }
          for (const side of sides) {
            try {
              count(await replay(ground, capture, known, side));
            } catch (error) {
              const message = error instanceof Error ? error.message : String(error);
              wrong.push(`${client} ${capture.n} (${capture.case}) → ${side}: ${message}`);
            }
          }
        }
        const lines = [...tally].toSorted(([a], [b]) => a.localeCompare(b));
        print(`${client}: ${lines.map(([what, times]) => `${times} ${what}`).join(", ")}`);
        expect(wrong).toEqual([]);
      });
    }
  });
}

/** Sends one request, and says in a word what came of it. */
async function replay(
  ground: Ground,
  capture: Capture,
  { kind, wire }: { kind: Kind; wire?: Side },
  side: Side,
): Promise<string> {
  const text = capture.body === undefined ? undefined : JSON.stringify(capture.body);
  const { method, path, headers } = capture;
  const brought = await bring(ground, side, { method, path, headers, body: text });
  const { answer, sent } = brought;
  expect(answer.headers.get("x-request-id")).toBeString();
  const refusal = refusals.find((one) => one.applies(capture, side));
  if (refusal) {
    expect([answer.status, await answer.text()]).toEqual([
      refusal.status,
      expect.stringMatching(refusal.says),
    ]);
    // The provider of the same wire speaks for itself.
    if (refusal.keepsThreads) expect(sent).toHaveLength(wire === side ? 1 : 0);
    return `refused (${refusal.why})`;
  }
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  switch (kind) {
    case "hello":
      expect(sent).toEqual([]);
      return "answered by the gateway";
    case "models":
      checkModels(capture, await answer.json());
      return "answered by the gateway";
    case "count-tokens":
      expect((await answer.json()) as object).toEqual({ input_tokens: expect.any(Number) });
      break;
    case "embeddings":
      checkEmbeddings(capture, await answer.json());
      break;
    case "chat":
      await checkAnswer(callerOf[wire ?? side], capture, answer);
      break;
    default:
      kind satisfies never;
  }
  if (wire === side) {
    checkRelayed(capture, { text: text ?? "", side }, brought);
    return "relayed";
  }
  checkTranslated(capture, brought);
  return kind === "count-tokens" ? "counted" : "translated";
}

async function checkAnswer(caller: Caller, capture: Capture, answer: Response): Promise<void> {
  if (capture.body?.["stream"] !== true) {
    expect(caller.textOf(await answer.text())).toBeString();
    return;
  }
  expect(answer.headers.get("content-type")).toStartWith("text/event-stream");
  const reading = await caller.read(answer);
  expect(reading).toMatchObject({ complete: true, unreadable: [], afterError: [] });
  expect(reading.error).toBeUndefined();
  if (caller.dialect === "anthropic-messages") expect(checkStreamOrder(reading.frames)).toEqual([]);
}

const value = (headers: Record<string, string>, name: string): string | undefined =>
  Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];

/** The upstream got the client's bytes, but for the model's name and its own key. */
function checkRelayed(
  capture: Capture,
  { text, side }: { text: string; side: Side },
  { sent, warnings }: Brought,
): void {
  expect(sent).toHaveLength(1);
  const request = sent[0];
  const name = String(capture.body?.["model"]);
  const target = routes[side][name]?.slice(side.length + 1);
  const expected = text.replace(`"model":"${name}"`, `"model":"${target}"`);
  const body = Buffer.from(request?.body ?? []).toString("utf8");
  // Nothing else may be added than the wish that a stream reports usage.
  const asking = /,?"stream_options":\{"include_usage":true\}/;
  if (body !== expected) expect(body.replace(asking, "")).toBe(expected.replace(asking, ""));
  expect(request?.query).toBe(/\?.*/.exec(capture.path)?.[0] ?? "");
  for (const header of ["anthropic-version", "anthropic-beta"]) {
    expect([header, request?.headers[header]]).toEqual([header, value(capture.headers, header)]);
  }
  expect(warnings).toEqual([]);
  expectPrivate(request?.headers ?? {});
}

/** The upstream took it, and nothing that is the business of the client's own vendor is in it. */
function checkTranslated(capture: Capture, { sent, warnings }: Brought): void {
  const losses = warnings.map(({ field }) => field);
  if (capture.path.includes("count_tokens")) {
    expect(sent).toEqual([]);
    expect(losses).toContain("input_tokens");
    return;
  }
  expect(sent).toHaveLength(1);
  const request = sent[0];
  expect(request?.refusal).toBeUndefined();
  const body = isObject(request?.parsed) ? request.parsed : {};
  for (const name of ["safeguards", "thread", "context_management", "metadata", "betas"]) {
    expect([name, body[name]]).toEqual([name, undefined]);
  }
  expect(body["tools"]).not.toEqual([]);
  expect(JSON.stringify(body)).not.toContain("x-anthropic-billing-header");
  expect(request?.query).toBe("");
  expect(request?.headers["anthropic-beta"] ?? "").not.toContain("claude-code");
  for (const name of ["safeguards", "context_management"]) {
    if (capture.body?.[name] !== undefined) expect(losses).toContain(name);
  }
  expectPrivate(request?.headers ?? {});
}

/** No header of the caller's own goes on: neither its key nor what its program tells of itself. */
function expectPrivate(headers: Record<string, string>): void {
  expect(Object.values(headers).filter((text) => /\bKEY\b/.test(text))).toEqual([]);
  const told = /^(?:x-stainless-|x-claude-code-|x-app$|sec-fetch-|anthropic-dangerous-|origin$)/;
  expect(Object.keys(headers).filter((name) => told.test(name))).toEqual([]);
  expect(headers["user-agent"]).toStartWith("megallm/");
}

function checkModels(capture: Capture, answer: unknown): void {
  const isAnthropic = value(capture.headers, "anthropic-version") !== undefined;
  const model = isAnthropic
    ? { type: "model", id: expect.any(String), display_name: expect.any(String) }
    : { object: "model", id: expect.any(String), owned_by: expect.any(String) };
  if (!/\/models(?:\?|$)/.test(capture.path)) {
    expect(answer).toMatchObject(model);
    return;
  }
  expect(answer).toMatchObject(
    isAnthropic
      ? { has_more: expect.any(Boolean), first_id: expect.any(String), last_id: expect.any(String) }
      : { object: "list" },
  );
  const { data } = answer as { data: unknown[] };
  expect(data.length).toBeGreaterThan(0);
  for (const one of data) expect(one).toMatchObject(model);
}

function checkEmbeddings(capture: Capture, answer: unknown): void {
  const input = capture.body?.["input"];
  const { data } = answer as { data: { embedding: unknown }[] };
  expect(data).toHaveLength(Array.isArray(input) ? input.length : 1);
  const isBase64 = capture.body?.["encoding_format"] === "base64";
  for (const { embedding } of data) {
    if (isBase64) expect(embedding).toBeString();
    else expect(embedding).toBeArray();
  }
}

/** What is not served is refused at once, in words: agents try another way then. */
async function turnedAway(ground: Ground, capture: Capture): Promise<string> {
  const { method, path, headers, body, client } = capture;
  const { answer, sent } = await bring(ground, "openai", {
    method,
    path,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const isUpgrade = method === "GET" && path === "/v1/responses";
  const shown = path.replace(/^.*\/models\/[^?]*:/, "/…:").replace(/\?.*/, "");
  expect([client, path, answer.status]).toEqual([client, path, isUpgrade ? 426 : 404]);
  expect(await answer.json()).toMatchObject({ error: { message: expect.any(String) } });
  expect(sent).toEqual([]);
  return `not served (${method} ${shown}: ${answer.status})`;
}
