// What a gateway knows of its providers' models: asked once, kept, and asked again only for names that nobody has.
import { afterEach, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";

let gateway: InProcess | undefined;
let upstream: Bun.Server<undefined> | undefined;
afterEach(async () => {
  await gateway?.close();
  await upstream?.stop(true);
});

async function start(discover: object, answer: () => Response): Promise<{ asked: string[] }> {
  const asked: string[] = [];
  upstream = Bun.serve({
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (request.method === "GET") {
        asked.push(`${pathname} ${request.headers.get("authorization")}`);
        return answer();
      }
      const { model } = (await request.json()) as { model: string };
      return Response.json({
        id: "c",
        object: "chat.completion",
        created: 1,
        model,
        choices: [
          { index: 0, message: { role: "assistant", content: model }, finish_reason: "stop" },
        ],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      });
    },
  });
  gateway = await startInProcess({
    discover,
    providers: {
      mine: { type: "openai-compatible", base_url: `${upstream.url.origin}/v1`, api_key: "k" },
    },
  });
  return { asked };
}

const listed = async (): Promise<string[]> => {
  const answer = await gateway?.fetch("/v1/models");
  const list = (await answer?.json()) as { data: { id: string }[] } | undefined;
  return (list?.data ?? []).map(({ id }) => id);
};

const ask = (model: string): Promise<Response> | undefined =>
  gateway?.fetch("/v1/chat/completions", {
    method: "POST",
    body: JSON.stringify({ model, messages: [{ role: "user", content: "x" }] }),
  });

const listOf = (...ids: string[]): Response =>
  Response.json({ object: "list", data: ids.map((id) => ({ id, object: "model" })) });

test("the provider's own list is asked for once, with its key, and shown", async () => {
  const { asked } = await start({}, () => listOf("new-1", "new-2"));
  expect(await listed()).toEqual(["mine/new-1", "mine/new-2"]);
  expect(await listed()).toEqual(["mine/new-1", "mine/new-2"]);
  expect(asked).toEqual(["/v1/models Bearer k"]);
});

test("a bare name that no catalogue has is found at its provider", async () => {
  const { asked } = await start({}, () => listOf("new-1"));
  const answer = await ask("new-1");
  expect(answer?.status).toBe(200);
  expect(answer?.headers.get("x-megallm-provider")).toBe("mine");
  expect((await ask("new-9"))?.status).toBe(404);
  expect(asked).toHaveLength(1);
});

test("a provider that gives no list loses nothing but that", async () => {
  const { asked } = await start({}, () => new Response("no", { status: 500 }));
  expect(await listed()).toEqual([]);
  expect((await ask("mine/anything"))?.status).toBe(200);
  expect((await ask("anything"))?.status).toBe(404);
  expect(asked).toHaveLength(1);
});

test("nobody is asked where that is not wanted", async () => {
  const { asked } = await start({ models: false }, () => listOf("new-1"));
  expect(await listed()).toEqual([]);
  expect((await ask("new-1"))?.status).toBe(404);
  expect(asked).toEqual([]);
});
