// Whom a conversation belongs to when one deployment began an answer and another finished it.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { silentLogger } from "../../src/lib/log.ts";
import { createTraffic, type Traffic } from "../../src/pipeline/traffic.ts";
import { sessionOf } from "../../src/routing/session.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";

let breaks: boolean;
let servers: Bun.Server<undefined>[];
let gateway: InProcess;
let traffic: Traffic;

const chunk = (content: string, finish: string | null): string =>
  `data: ${JSON.stringify({
    id: "c",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta: { content }, finish_reason: finish }],
  })}\n\n`;

/** Streams two words; `isFirst`: breaks off after the first one where that is wanted. */
const startUpstream = (isFirst: boolean): Bun.Server<undefined> =>
  Bun.serve({
    port: 0,
    fetch() {
      const isCut = isFirst && breaks;
      const whole = `${chunk("One ", null)}${chunk("two.", "stop")}data: [DONE]\n\n`;
      return new Response(isCut ? chunk("One ", null) : whole, {
        headers: { "content-type": "text/event-stream" },
      });
    },
  });

beforeEach(async () => {
  breaks = true;
  traffic = createTraffic(silentLogger);
  servers = [startUpstream(true), startUpstream(false)];
  const [one, two] = servers.map(({ url }) => ({
    type: "openai-compatible",
    base_url: `${url.origin}/v1`,
    api_key: "k",
  }));
  gateway = await startInProcess(
    {
      affinity: { enabled: true },
      health: { enabled: true },
      providers: { one, two },
      models: {
        writer: {
          policy: "first",
          deployments: ["one/m", "two/m"],
          on_midstream_failure: "continue",
        },
      },
    },
    { traffic },
  );
});
afterEach(async () => {
  await gateway.close();
  await Promise.all(servers.map((server) => server.stop(true)));
});

async function ask(session: string): Promise<string> {
  const answer = await gateway.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { "x-session-id": session },
    body: JSON.stringify({
      model: "writer",
      stream: true,
      messages: [{ role: "user", content: "Count." }],
    }),
  });
  const text = await answer.text();
  await gateway.idle();
  return text;
}

const holderOf = (session: string): string | undefined => {
  const found = sessionOf({ headers: new Headers({ "x-session-id": session }) });
  return traffic.affinity.of(found?.key ?? "")?.deployment;
};

const isResting = (): boolean =>
  traffic.health.snapshot().some(({ id, state }) => id === "one/m#default" && state === "open");

test("the one that began keeps it, until it rests: then it goes with the one that finished", async () => {
  for (let turn = 0; turn < 20 && !isResting(); turn += 1) {
    const session = `session ${turn}`;
    expect(await ask(session)).toContain("continued_by");
    // A break that rests nobody leaves the prompt cache where it is.
    expect(holderOf(session)).toBe(isResting() ? "two/m#default" : "one/m#default");
  }
  expect(isResting()).toBe(true);
  expect(holderOf("session 0")).toBe("one/m#default");
});

test("an answer that does not break off changes nothing", async () => {
  breaks = false;
  await ask("calm");
  expect(holderOf("calm")).toBe("one/m#default");
});
