// Texts that broke out of SQL somewhere, in everything that a caller can say, on both databases: no failure, no word
// of the database, and the tables are there afterwards. (S20)
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { openStore } from "../../src/store/store.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { injections } from "../support/injections.ts";
import { type PostgresServer, postgresMissing, startPostgres } from "../support/postgres.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";
import { administer, makeKey, type MadeKey } from "../support/virtual-keys.ts";

/** Words that only a database says. */
const leaks =
  /sqlite|SQLITE_|syntax error|near "|unrecognized token|postgres|pg_|relation "|column "|constraint|invalid byte sequence|22021|42601|kysely|virtual_key|select .* from/i;

const texts = injections.map((text) => text.toWellFormed());
/** Headers hold no others. */
const inHeaders = injections.filter(
  (text) => /^[\u0020-\u007e]+$/.test(text) && text.length < 8_000,
);

/** What an answer says without what it repeats of the request. */
function withoutOwn(text: string, sent: string): string {
  let rest = text;
  for (const form of [JSON.stringify(sent).slice(1, -1), sent, encodeURIComponent(sent)]) {
    for (let length = form.length; length >= Math.min(20, form.length); length -= 20) {
      if (length > 0) rest = rest.replaceAll(form.slice(0, length), "");
    }
  }
  return rest;
}

const drivers = [
  ["SQLite", null],
  ["PostgreSQL", postgresMissing()],
] as const;

for (const [driver, missing] of drivers) {
  describe.skipIf(missing !== null)(`S20 on ${driver}`, () => {
    let upstream: Upstream;
    let server: PostgresServer | null = null;
    let gateway: InProcess;
    let mine: MadeKey;

    beforeAll(async () => {
      upstream = await startOpenAiUpstream();
      server = driver === "PostgreSQL" ? await startPostgres() : null;
      const database = await server?.createDatabase();
      const store = await openStore(database ? { url: database.url } : { path: ":memory:" });
      gateway = await startInProcess(
        {
          providers: {
            up: { type: "openai-compatible", base_url: upstream.baseUrl, api_key: upstream.key },
          },
          models: { "any-*": { deployments: ["up/gpt-4o"] } },
          budgets: { default_price: { input: "1", output: "1" } },
          server: { require_key: "always" },
        },
        { store },
      );
      mine = await makeKey(gateway, { name: "mine" });
      // Counted by what callers say of themselves.
      await administer(gateway, "POST", "/budgets", {
        name: "of each end user",
        amount_usd: "1000",
        window: "1d",
        subjects: [`key:${mine.id}`],
        each: "end_user",
      });
    }, 60_000);
    afterAll(async () => {
      await gateway.close();
      await server?.dispose();
      await upstream.stop();
    });

    const wrong: string[] = [];
    const seen = async (what: string, answer: Response, allowed: number[]): Promise<string> => {
      const text = await answer.text();
      if (!allowed.includes(answer.status)) {
        wrong.push(`${JSON.stringify(what.slice(0, 60))}: ${answer.status} ${text.slice(0, 200)}`);
      }
      const own = withoutOwn(text, what);
      if (answer.status >= 400 && leaks.test(own)) wrong.push(`${what}: ${own}`);
      return text;
    };
    afterEach(() => expect(wrong.splice(0).slice(0, 10)).toEqual([]));
    const ask = (path: string, init: RequestInit & { key?: string } = {}): Promise<Response> =>
      gateway.fetch(path, {
        ...init,
        headers: {
          authorization: `Bearer ${init.key ?? mine.key}`,
          "content-type": "application/json",
          ...(init.headers as Record<string, string>),
        },
      });
    const chat = (more: object, headers: Record<string, string> = {}): Promise<Response> =>
      ask("/v1/chat/completions", {
        method: "POST",
        headers,
        body: JSON.stringify({
          model: "any-x",
          messages: [{ role: "user", content: "x" }],
          max_tokens: 5,
          ...more,
        }),
      });

    test("credentials, by every carrier", async () => {
      expect(inHeaders.length).toBeGreaterThan(300);
      for (const text of inHeaders) {
        for (const headers of [
          { authorization: `Bearer ${text}` },
          { authorization: text },
          { authorization: "", "x-api-key": text },
          { authorization: "", "api-key": text },
          { authorization: "", "x-goog-api-key": text },
          { authorization: "", "x-api-key": `sk-mega-${text.padEnd(43, "A").slice(0, 43)}` },
          { authorization: "", "sec-websocket-protocol": `openai-insecure-api-key.${text}` },
        ]) {
          for (const path of ["/v1/models", "/admin/v1/keys"]) {
            await seen(text, await ask(path, { headers: headers as never }), [400, 401]);
          }
        }
      }
      for (const text of texts.filter((each) => each.length < 8_000 && each.trim() !== "")) {
        const headers = { authorization: "" };
        const answer = await ask(`/v1/models?key=${encodeURIComponent(text)}`, { headers });
        await seen(text, answer, [401]);
      }
    }, 60_000);

    test("what a request says of itself: model, user, tags, session", async () => {
      let sent = 0;
      for (const text of texts) {
        // A name that a route takes, however it goes on.
        await seen(text, await chat({ model: `any-${text}`, user: text }), [200, 400, 403, 404]);
        await seen(text, await chat({ metadata: { tags: [text] }, user: "u" }), [200, 400]);
        await seen(text, await chat({ model: text }), [400, 404]);
        sent += 1;
      }
      for (const text of inHeaders) {
        await seen(
          text,
          await chat(
            {},
            {
              "x-megallm-tags": text,
              "x-session-id": text,
              "idempotency-key": text.slice(0, 255),
              "x-megallm-fallbacks": text,
              "user-agent": text,
            },
          ),
          [200, 400, 422],
        );
      }
      await gateway.idle();
      const { rows } = await gateway.store.requests({ limit: 1_000 });
      expect(rows.length).toBeGreaterThan(sent / 2);
    }, 120_000);

    test("ids of everything", async () => {
      for (const text of texts.filter((each) => each.length < 4_000)) {
        const id = encodeURIComponent(text);
        for (const path of [`/v1/responses/${id}`, `/v1/files/${id}`, `/v1/batches/${id}`]) {
          await seen(text, await ask(path), [400, 404]);
        }
        const feedback = await ask("/v1/feedback", {
          method: "POST",
          body: JSON.stringify({ request_id: text, name: text, value: 1, comment: text }),
        });
        await seen(text, feedback, [400, 404]);
        const body = { model: "any-x", input: "x", previous_response_id: text };
        const answer = await ask("/v1/responses", { method: "POST", body: JSON.stringify(body) });
        await seen(text, answer, [400, 404]);
        const file = { type: "file", file: { file_id: text } };
        const message = { role: "user", content: [file] };
        await seen(text, await chat({ messages: [message] }), [200, 400, 404]);
        for (const path of [`/admin/requests/${id}`, `/admin/v1/keys/${id}`]) {
          await seen(text, await ask(path, { key: adminKey }), [400, 404]);
        }
      }
    }, 120_000);

    test("filters, orders, pages and names of the administration", async () => {
      for (const text of texts.filter((each) => each.length < 4_000)) {
        const value = encodeURIComponent(text);
        for (const query of [
          `usage?by=${value}`,
          `usage?since_ms=${value}`,
          `requests?cursor=${value}`,
          `requests?limit=${value}`,
          `experiments?name=${value}`,
          `v1/keys?search=${value}`,
          `v1/keys?cursor=${value}`,
          `v1/keys?team_id=${value}`,
          `v1/keys?name=${value}`,
          `v1/users?email=${value}`,
          `v1/budgets?subject=${value}`,
          `v1/audit?actor=${value}`,
          `v1/keys?sort=${value}`,
        ]) {
          await seen(text, await ask(`/admin/${query}`, { key: adminKey }), [200, 400]);
        }
      }
    }, 120_000);

    test("what is kept of them is given back as it is, or refused", async () => {
      for (const text of texts.filter((each) => each.length <= 200)) {
        const body = { name: text, kind: "service", metadata: { note: text }, tags: [text] };
        const made = await ask("/admin/v1/keys", {
          method: "POST",
          key: adminKey,
          body: JSON.stringify(body),
        });
        const said = await seen(text, made, [201, 400, 409]);
        if (made.status !== 201) continue;
        const { id } = JSON.parse(said) as { id: string };
        const found = await ask(`/admin/v1/keys/${id}`, { key: adminKey });
        expect(((await found.json()) as { name: string }).name).toBe(text);
      }
    }, 60_000);

    test("afterwards everything is as it was", async () => {
      expect((await chat({})).status).toBe(200);
      const { data } = (await (
        await ask("/admin/v1/keys?name=mine", { key: adminKey })
      ).json()) as { data: { id: string }[] };
      expect(data.map(({ id }) => id)).toEqual([mine.id]);
      await gateway.idle();
      const failures = gateway.lines.filter((line) => /"event":"request.failed"/.test(line));
      expect(failures).toEqual([]);
    });
  });
}
