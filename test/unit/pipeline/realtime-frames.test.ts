// Frames of a realtime session and the models that they name. (S21, S53)
import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../../src/ir/error.ts";
import { checkedFrame } from "../../../src/pipeline/realtime-frames.ts";
import { providers } from "../../../src/providers/index.ts";
import type { ResolvedProvider } from "../../../src/config/config.ts";

const preset = providers.find(({ id }) => id === "openai");
if (!preset) throw new Error("no such provider");
const provider: ResolvedProvider = {
  name: "openai",
  preset,
  customBaseUrl: false,
  settings: {},
  secrets: {},
  keys: [],
  headers: {},
  models: null,
  prices: [],
  timeouts: {},
  parameters: {},
  origin: "config",
};
const free = { written: "voice", candidate: { provider, model: "gpt-realtime" } };
const limited = {
  ...free,
  mayUse: (...names: string[]) => names.some((name) => name === "openai/whisper-1"),
};

const outcome = (frame: string | Uint8Array, session = limited): string => {
  try {
    const passed = checkedFrame(frame, session);
    if (passed === frame) return "as it came";
    return typeof passed === "string" ? passed : Buffer.from(passed).toString();
  } catch (error) {
    return error instanceof GatewayError ? error.code : "thrown";
  }
};

describe("S21, S53 the session's own model", () => {
  test.each([
    ['{"type":"session.update","session":{"model":"gpt-realtime"}}', "as it came"],
    [
      '{ "type":"session.update","session":{"model" : "voice","n":1.0}}',
      '{ "type":"session.update","session":{"model" : "gpt-realtime","n":1.0}}',
    ],
    [
      '{"type":"response.create","response":{"model":"voice"},"model":"voice"}',
      '{"type":"response.create","response":{"model":"gpt-realtime"},"model":"gpt-realtime"}',
    ],
    ['{"type":"session.update","session":{"model":"gpt-realtime-mini"}}', "forbidden"],
    ['{"type":"session.update","session":{"mod\\u0065l":"gpt-realtime-mini"}}', "forbidden"],
    ['{"type":"session.update","\\u0073ession":{"model":"other"}}', "forbidden"],
    ['{"type":"response.create","response":{"model":"other"}}', "forbidden"],
    ['{"type":"anything","model":"other"}', "forbidden"],
    ['{"type":"session.update","session":{"model":null}}', "as it came"],
    ['{"type":"session.update","session":{"model":{"a":1}}}', "as it came"],
    ['{"type":"session.update","session":"model"}', "as it came"],
    ['{"model":"gpt-realtime"', "invalid_request"],
    ['["model"]', "invalid_request"],
    ["not JSON at all", "as it came"],
    ["", "as it came"],
  ])("%s → %s", (frame, expected) => {
    expect(outcome(frame)).toBe(expected);
    expect(outcome(frame, free as never)).toBe(expected);
    expect(outcome(Buffer.from(frame))).toBe(expected);
  });

  test.each([
    '{"type":"session.update","session":{"model":"other","model":"voice"}}',
    '{"type":"session.update","session":{"model":"other","model":"gpt-realtime"}}',
    '{"type":"session.update","session":{"model":"other"},"session":{}}',
    '{"model":"other","mod\\u0065l":"gpt-realtime"}',
  ])("one that stands twice is refused: %s", (twice) => {
    expect(outcome(twice)).toBe("invalid_request");
  });
});

describe("S21 other models", () => {
  const transcribed = (model: string): string =>
    JSON.stringify({
      type: "session.update",
      session: { audio: { input: { transcription: { model } } } },
    });
  const before = (model: string): string =>
    JSON.stringify({ type: "session.update", session: { input_audio_transcription: { model } } });
  const listed = (model: string): string =>
    JSON.stringify({ type: "response.create", response: { tools: [{ type: "x", model }] } });

  test.each([transcribed, before, listed])("are for those alone who may use them", (frame) => {
    expect(outcome(frame("whisper-1"))).toBe("as it came");
    expect(outcome(frame("gpt-realtime"))).toBe("as it came");
    expect(outcome(frame("gpt-4o-transcribe"))).toBe("forbidden");
    expect(outcome(frame("gpt-4o-transcribe"), free as never)).toBe("as it came");
  });

  test("parameters of functions and notes are the client's own", () => {
    const own = JSON.stringify({
      type: "session.update",
      session: {
        tools: [{ type: "function", parameters: { properties: {}, model: "car" } }],
        metadata: { model: "car" },
      },
    });
    expect(outcome(own)).toBe("as it came");
  });
});
