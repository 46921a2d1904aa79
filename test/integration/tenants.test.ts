// Keys of one name: two virtual ones in two teams, and one of the configuration. None sees what another has. (S32)
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";
import { administer, makeKey, type MadeKey, makeTeam } from "../support/virtual-keys.ts";

const configured = "key-of-the-configuration-0123456789";
let upstream: Upstream;
let gateway: InProcess;
let one: MadeKey;
let two: MadeKey;
/** By who they are: all are called `ci`. */
const keys: Record<string, string> = { configured };

beforeAll(async () => {
  upstream = await startOpenAiUpstream();
  gateway = await startInProcess({
    keys: { ci: configured },
    providers: {
      openai: {
        base_url: upstream.baseUrl,
        api_key: upstream.key,
        models: ["gpt-4o"],
      },
      compat: {
        type: "openai-compatible",
        base_url: upstream.baseUrl,
        api_key: upstream.key,
        models: ["gpt-4o-mini"],
      },
    },
  });
  one = await makeKey(gateway, { name: "ci", team_id: await makeTeam(gateway) });
  two = await makeKey(gateway, { name: "ci", team_id: await makeTeam(gateway) });
  Object.assign(keys, { one: one.key, two: two.key });
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
});

const ask = (
  who: string,
  method: string,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Response> =>
  gateway.fetch(path, {
    method,
    headers: {
      authorization: `Bearer ${keys[who] ?? who}`,
      ...(body === undefined || body instanceof FormData
        ? {}
        : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: body instanceof FormData ? body : JSON.stringify(body) }),
  });

const messages = [{ role: "user", content: "Hi" }];

/** Everybody but the owner. */
const others = (owner: string): string[] => Object.keys(keys).filter((who) => who !== owner);

const upload = (): FormData => {
  const form = new FormData();
  form.append("purpose", "batch");
  form.append("file", new Blob(['{"custom_id":"1"}']), "lines.jsonl");
  return form;
};

async function idsIn(answer: Response): Promise<string[]> {
  const { data } = (await answer.json()) as { data: { id: string }[] };
  return data.map(({ id }) => id);
}

describe.each(["one", "two", "configured"])("S32 of the key `%s`", (owner) => {
  test("files: to nobody else are they there, by path, list, body or pass-through", async () => {
    const made = await ask(owner, "POST", "/v1/files", { body: upload() });
    const { id } = (await made.json()) as { id: string };
    expect(made.status).toBe(200);
    for (const who of others(owner)) {
      for (const [method, path, body] of [
        ["GET", `/v1/files/${id}`],
        ["GET", `/v1/files/${id}/content`],
        ["DELETE", `/v1/files/${id}`],
        ["GET", `/providers/openai/v1/files/${id}`],
        ["GET", `/providers/openai/v1/FILES/${id}`],
        ["DELETE", `/providers/openai/v1/files/${id}`],
        ["POST", "/v1/batches", { input_file_id: id, endpoint: "/v1/chat/completions" }],
        ["POST", "/providers/openai/v1/batches", { input_file_id: id }],
        ["POST", "/providers/openai/v1/fine_tuning/jobs", { model: "gpt-4o", training_file: id }],
        [
          "POST",
          "/v1/chat/completions",
          {
            model: "openai/gpt-4o",
            messages: [{ role: "user", content: [{ type: "file", file: { file_id: id } }] }],
          },
        ],
        [
          "POST",
          "/v1/responses",
          {
            model: "openai/gpt-4o",
            input: [{ role: "user", content: [{ type: "input_file", file_id: id }] }],
          },
        ],
      ] as const) {
        const before = upstream.requests.length;
        const answer = await ask(who, method, path, { body });
        const text = await answer.text();
        expect([who, path, answer.status]).toEqual([who, path, 404]);
        expect(upstream.requests.length).toBe(before);
        expect(text).not.toContain("lines.jsonl");
      }
      expect(await idsIn(await ask(who, "GET", "/v1/files"))).not.toContain(id);
    }
    expect(await idsIn(await ask(owner, "GET", "/v1/files"))).toContain(id);
    expect((await ask(owner, "GET", `/v1/files/${id}`)).status).toBe(200);
  });

  test("batches", async () => {
    const file = (await (await ask(owner, "POST", "/v1/files", { body: upload() })).json()) as {
      id: string;
    };
    const made = await ask(owner, "POST", "/v1/batches", {
      body: {
        input_file_id: file.id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      },
    });
    const { id } = (await made.json()) as { id: string };
    expect(made.status).toBe(200);
    for (const who of others(owner)) {
      expect((await ask(who, "GET", `/v1/batches/${id}`)).status).toBe(404);
      expect((await ask(who, "POST", `/v1/batches/${id}/cancel`)).status).toBe(404);
      expect(await idsIn(await ask(who, "GET", "/v1/batches"))).not.toContain(id);
    }
    expect((await ask(owner, "GET", `/v1/batches/${id}`)).status).toBe(200);
  });

  test("kept answers, and conversations that go on from them", async () => {
    const made = await ask(owner, "POST", "/v1/responses", {
      body: { model: "compat/gpt-4o-mini", input: "The word is swordfish." },
    });
    const { id } = (await made.json()) as { id: string };
    expect(made.status).toBe(200);
    await gateway.idle();
    for (const who of others(owner)) {
      for (const [method, path] of [
        ["GET", `/v1/responses/${id}`],
        ["GET", `/v1/responses/${id}/input_items`],
        ["POST", `/v1/responses/${id}/cancel`],
        ["DELETE", `/v1/responses/${id}`],
        ["GET", `/providers/openai/v1/responses/${id}`],
        ["GET", `/providers/openai/v1/responses/${id}/input_items`],
      ] as const) {
        const answer = await ask(who, method, path);
        expect([who, path, answer.status]).toEqual([who, path, 404]);
        expect(await answer.text()).not.toContain("swordfish");
      }
      const goOn = { model: "compat/gpt-4o-mini", input: "And?", previous_response_id: id };
      for (const path of ["/v1/responses", "/providers/openai/v1/responses"]) {
        const answer = await ask(who, "POST", path, { body: goOn });
        expect([who, path, answer.status >= 400]).toEqual([who, path, true]);
      }
    }
    expect((await ask(owner, "GET", `/v1/responses/${id}`)).status).toBe(200);
  });

  test("feedback", async () => {
    const made = await ask(owner, "POST", "/v1/chat/completions", {
      body: { model: "openai/gpt-4o", messages },
    });
    await made.text();
    await gateway.recorded(made);
    const request_id = made.headers.get("x-request-id");
    const body = { request_id, name: "thumbs", value: 1 };
    for (const who of others(owner)) {
      expect((await ask(who, "POST", "/v1/feedback", { body })).status).toBe(404);
    }
    expect((await ask(owner, "POST", "/v1/feedback", { body })).status).toBe(201);
  });

  test("idempotency keys", async () => {
    const headers = { "idempotency-key": `the same ${crypto.randomUUID()}` };
    const body = { model: "openai/gpt-4o", messages };
    const answers = [];
    for (const who of [owner, ...others(owner), owner]) {
      const answer = await ask(who, "POST", "/v1/chat/completions", { body, headers });
      await answer.text();
      answers.push(answer.headers.get("idempotent-replayed"));
    }
    expect(answers).toEqual([null, null, null, "true"]);
    // Nor is it the same key for another body of theirs.
    for (const who of others(owner)) {
      const different = { ...body, max_tokens: 7 };
      const answer = await ask(who, "POST", "/v1/chat/completions", { body: different, headers });
      expect(answer.status).toBe(422);
    }
  });

  test("what OpenRouter's and LiteLLM's clients ask of requests and spending", async () => {
    const made = await ask(owner, "POST", "/v1/chat/completions", {
      body: { model: "openai/gpt-4o", messages },
    });
    await made.text();
    await gateway.recorded(made);
    const id = made.headers.get("x-request-id") ?? "";
    for (const who of others(owner)) {
      expect((await ask(who, "GET", `/api/v1/generation?id=${id}`)).status).toBe(404);
      for (const path of [
        "/spend/logs",
        `/spend/logs?request_id=${id}`,
        "/key/list",
        "/key/info",
      ]) {
        const text = await (await ask(who, "GET", path)).text();
        expect([who, path, text.includes(id)]).toEqual([who, path, false]);
      }
    }
    expect((await ask(owner, "GET", `/api/v1/generation?id=${id}`)).status).toBe(200);
  });

  test("the row says whose it is by id", async () => {
    const answer = await ask(owner, "POST", "/v1/chat/completions", {
      body: { model: "openai/gpt-4o", messages },
    });
    await answer.text();
    const { usage } = await gateway.recorded(answer);
    const ids: Record<string, string | null> = { one: one.id, two: two.id, configured: null };
    expect(usage).toMatchObject({ key: "ci", keyId: ids[owner] ?? null });
  });
});

describe("S32 the administration", () => {
  test("shows a key itself and nothing of its namesake's", async () => {
    for (const [mine, other] of [
      [one, two],
      [two, one],
    ] as const) {
      const list = await ask(mine.key, "GET", "/admin/v1/keys");
      expect(await list.text()).not.toContain(other.id);
      for (const path of [`/keys/${other.id}`, `/keys/${other.id}/rotate`]) {
        const method = path.endsWith("rotate") ? "POST" : "GET";
        const answer = await ask(mine.key, method, `/admin/v1${path}`);
        expect([403, 404]).toContain(answer.status);
        expect(await answer.text()).not.toContain(other.id);
      }
      for (const path of [
        `/key/info?key=${other.id}`,
        `/key/info?key=${other.key}`,
        "/key/list?return_full_object=true",
        "/spend/keys",
        "/team/list",
        "/user/list",
      ]) {
        const answer = await ask(mine.key, "GET", path);
        const text = await answer.text();
        expect([path, text.includes(other.id), text.includes(other.key)]).toEqual([
          path,
          false,
          false,
        ]);
      }
      for (const path of ["/key/block", "/key/delete", "/key/update", "/key/regenerate"]) {
        const body = { key: other.id, keys: [other.id] };
        const answer = await ask(mine.key, "POST", path, { body });
        expect([path, answer.status >= 400]).toEqual([path, true]);
        await answer.text();
      }
      expect((await ask(other.key, "GET", "/v1/models")).status).toBe(200);
      for (const path of ["/admin/requests", "/admin/usage", "/admin/v1/audit"]) {
        const answer = await ask(mine.key, "GET", path);
        expect([401, 403]).toContain(answer.status);
        await answer.text();
      }
    }
  });

  test("a key made anew under the name of one that is gone has nothing of it", async () => {
    const gone = await makeKey(gateway, { name: "reborn" });
    keys["gone"] = gone.key;
    const file = (await (await ask("gone", "POST", "/v1/files", { body: upload() })).json()) as {
      id: string;
    };
    const made = await ask("gone", "POST", "/v1/chat/completions", {
      body: { model: "openai/gpt-4o", messages },
    });
    await made.text();
    await gateway.recorded(made);
    await administer(gateway, "DELETE", `/keys/${gone.id}`);
    const again = await makeKey(gateway, { name: "reborn" });
    expect((await ask(again.key, "GET", `/v1/files/${file.id}`)).status).toBe(404);
    const body = { request_id: made.headers.get("x-request-id"), name: "thumbs", value: 1 };
    expect((await ask(again.key, "POST", "/v1/feedback", { body })).status).toBe(404);
    delete keys["gone"];
  });
});
