// Whatever callers and upstreams say, an event is one line of sound JSON, of bounded length, without a character that
// a terminal or an editor would act on. (S35)
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startScripted, type ScriptedUpstream } from "../support/scripted-upstream.ts";
import { makeKey, makeTeam } from "../support/virtual-keys.ts";

const forged = '{"time":"2020-01-01T00:00:00.000Z","level":"error","event":"forged"}';
const hostile = [
  `\r\n${forged}\r\n`,
  `\n${forged}`,
  `x\u2028${forged}\u2029`,
  "\u001B[2J\u001B[31mred\u001B]0;title\u0007",
  "\u009B31m",
  "\u202Egnp.exe\u2066hidden\u2069",
  "a\0b",
  "\uD800",
  '"},"event":"forged","x":{"y":"',
  "\u200B\uFEFF\u00AD",
  "x".repeat(1_000_000),
  `${"\n".repeat(20_000)}${forged}`,
  "\u007F\b\b\b",
  "%0d%0aSet-Cookie: a=b",
];

let upstream: ScriptedUpstream;
let gateway: InProcess;
let key = "";

beforeAll(async () => {
  upstream = await startScripted(refusal(""));
  gateway = await startInProcess({
    providers: {
      up: { type: "openai-compatible", base_url: `${upstream.url}/v1`, api_key: "k-1" },
    },
    models: { "any-*": { deployments: ["up/m"] } },
    server: { require_key: "always" },
  });
  const team_id = await makeTeam(gateway, { tags: ["x"] });
  ({ key } = await makeKey(gateway, { team_id, aliases: { 'a"},{"event': "any-x" } }));
});
afterAll(async () => {
  await gateway.close();
  await upstream[Symbol.asyncDispose]();
});

function refusal(text: string) {
  const body = JSON.stringify({
    error: { message: text, type: text.slice(0, 500), code: text.slice(0, 500) },
  });
  return [
    `HTTP/1.1 500 ${text.replaceAll(/[^ -~]/g, "?").slice(0, 100)}\r\ncontent-type: application/json\r\n` +
      `x-request-id: ${text.replaceAll(/[\r\n\0]|[^\u0000-\u00ff]/g, "").slice(0, 500)}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  ];
}

const send = async (path: string, init: RequestInit = {}): Promise<number> => {
  let request: Request;
  const headers = new Headers({
    authorization: `Bearer ${key}`,
    "content-type": "application/json",
  });
  for (const [name, value] of Object.entries((init.headers ?? {}) as Record<string, string>)) {
    try {
      headers.set(name, value);
    } catch {
      // No client can send it.
    }
  }
  try {
    request = new Request(`http://127.0.0.1:6342${path}`, { ...init, headers });
  } catch {
    return 0;
  }
  const answer = await gateway.gateway.fetch(request);
  await answer.text();
  return answer.status;
};

test("S35 one line of JSON an event, whatever is said", async () => {
  let asked = 0;
  for (const text of hostile) {
    upstream.answer(refusal(text));
    const encoded = encodeURIComponent(text.toWellFormed());
    const messages = [{ role: "user", content: text }];
    const body = (more: object): string => JSON.stringify({ model: "any-x", messages, ...more });
    const statuses = [
      await send("/v1/chat/completions", { method: "POST", body: body({ model: text }) }),
      await send("/v1/chat/completions", { method: "POST", body: body({ model: `any-${text}` }) }),
      await send("/v1/chat/completions", { method: "POST", body: body({ model: 'a"},{"event' }) }),
      await send("/v1/chat/completions", {
        method: "POST",
        body: body({ user: text, metadata: { tags: [text] } }),
        headers: {
          "user-agent": text,
          "x-megallm-tags": text,
          "idempotency-key": text,
          "x-session-id": text,
          "x-forwarded-for": text,
        },
      }),
      await send(`/${encoded}`),
      await send(`/v1/models/${encoded}?q=${encoded}`),
      await send(`/providers/${encoded}/v1/x`),
      await send(`/providers/up/v1/${encoded}`),
      await send("/v1/messages", { method: "POST", body: text }),
      await send("/admin/v1/keys", {
        method: "POST",
        body: JSON.stringify({ kind: "service", name: text }),
      }),
    ];
    asked += statuses.length;
  }
  await gateway.idle();
  expect(gateway.lines.length).toBeGreaterThan(asked / 5);
  for (const line of gateway.lines) {
    expect(line.endsWith("\n")).toBe(true);
    const text = line.slice(0, -1);
    expect(text).not.toMatch(
      /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/,
    );
    expect(text.length).toBeLessThan(40_000);
    const event = JSON.parse(text) as { event: string; level: string; time: string };
    expect(event.event).toMatch(/^[a-z][a-z_.]+$/);
    expect(event.event).not.toBe("forged");
    expect(Number.isNaN(Date.parse(event.time))).toBe(false);
  }
});
