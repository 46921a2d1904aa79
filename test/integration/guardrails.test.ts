// Guardrails in a request's life: which run, what they change, what is never sent, and what is put on record.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { banned, post, providersAt, startUpstream } from "../support/guarded.ts";
import { answerTo, type Piece } from "../support/guarded-streams.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { administer, makeKey } from "../support/virtual-keys.ts";

const upstream = startUpstream();
const guard = startUpstream();
let gateway: InProcess;
let verdict: (asked: Record<string, unknown>) => Response | Promise<Response>;

const secret = "0123456789-abcdefghij-ABCDEFGHIJ-xyz";

beforeAll(async () => {
  guard.answer = (_request, body) => verdict(JSON.parse(body) as Record<string, unknown>);
  gateway = await startInProcess(
    {
      server: { require_key: "always" },
      keys: {
        plain: "key-of-plain-0123456789",
        guarded: { key: "key-of-guarded-0123456789", guardrails: ["fish"] },
        fixed: { key: "key-of-fixed-0123456789", overrides: false },
      },
      providers: providersAt(upstream.url),
      models: {
        free: { deployments: ["openai/gpt-4o"] },
        watched: { deployments: ["anthropic/claude-sonnet-4-5"], guardrails: ["fish"] },
        falls: { deployments: ["openai/gpt-4o"], fallbacks: ["watched"] },
        asked: "watched",
        copied: {
          deployments: ["openai/gpt-4o"],
          guardrails: ["mask"],
          shadow: { route: "anthropic/claude-sonnet-4-5", share: "100%" },
        },
        retried: {
          deployments: ["openai/gpt-4o", "anthropic/claude-sonnet-4-5"],
          fallbacks: { general: ["gemini/gemini-2.5-flash"], content_policy: ["cohere/command-r"] },
          retry: { retries: 3 },
        },
        stored: { deployments: ["openai/gpt-4o"], cache: { ttl: "1h" } },
      },
      guardrails: {
        quiet: { type: "words", words: ["sesame"], action: "log", default_on: true },
        fish: { type: "words", words: [banned], message: "No fish here." },
        mask: { type: "words", words: [banned], action: "mask" },
        pii: { type: "pii", action: "mask" },
        short: { type: "length", max_characters: 40 },
        brief: { type: "length", max_characters: 10, mode: "output" },
        shape: {
          type: "json_schema",
          schema: { type: "object", required: ["ok"], properties: { ok: { type: "boolean" } } },
        },
        hook: { type: "webhook", url: guard.url, secret, timeout: "2s", mode: "input" },
        open: {
          type: "webhook",
          url: guard.url,
          timeout: "100ms",
          on_error: "allow",
          mode: "input",
        },
        shut: { type: "webhook", url: guard.url, timeout: "100ms", mode: "input" },
        after: { type: "webhook", url: guard.url, mode: "output" },
      },
      compat: { litellm: true },
    },
    { pacing: { keepAliveMs: 20 } },
  );
});
afterEach(async () => {
  await gateway.idle();
  upstream.asked.length = 0;
  guard.asked.length = 0;
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
  await guard.stop();
});

interface Asking {
  key?: string;
  model?: string;
  text?: string;
  guardrails?: string;
  body?: object;
  pieces?: Piece[];
  headers?: Record<string, string>;
}

async function ask(asking: Asking = {}) {
  const {
    key = "key-of-plain-0123456789",
    model = "free",
    text = "hi",
    guardrails,
    body,
    headers,
  } = asking;
  upstream.answer = (request, asked) => answerTo(request, asked, asking.pieces ?? [{ text: "ok" }]);
  const answer = await gateway.fetch(
    "/v1/chat/completions",
    post(
      { model, messages: [{ role: "user", content: text }], ...body },
      {
        authorization: `Bearer ${key}`,
        ...(guardrails !== undefined && { "x-megallm-guardrails": guardrails }),
        ...headers,
      },
    ),
  );
  const raw = await answer.text();
  const { usage, attempts } = await gateway.recorded(answer);
  return { answer, raw, usage, attempts };
}

const chunkOf = (content: string): string =>
  `data: ${JSON.stringify({
    id: "c",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta: { content } }],
  })}\n\n`;

const isBlocked = ({ answer, raw }: { answer: Response; raw: string }): boolean =>
  answer.status === 400 && raw.includes("guardrail_blocked");

describe("which run", () => {
  test("those of the route, its aliases and its fallbacks included", async () => {
    expect(isBlocked(await ask({ model: "free", text: banned }))).toBe(false);
    for (const model of ["watched", "asked", "falls"]) {
      const asked = await ask({ model, text: banned });
      expect(isBlocked(asked)).toBe(true);
      expect(asked.raw).toContain("No fish here.");
    }
  });

  test("those of a key of the configuration", async () => {
    expect(isBlocked(await ask({ key: "key-of-guarded-0123456789", text: banned }))).toBe(true);
  });

  test("those of a virtual key, as defaults", async () => {
    const { key } = await makeKey(gateway, { defaults: { guardrails: ["fish"] } });
    expect(isBlocked(await ask({ key, text: banned }))).toBe(true);
    const { answer } = await ask({ key });
    expect(answer.headers.get("x-megallm-guardrails")).toBe("quiet, fish");
  });

  test("a virtual key cannot be given a guardrail that is not there", async () => {
    const refusal = (work: Promise<unknown>): Promise<string> => work.then(() => "", String);
    expect(await refusal(makeKey(gateway, { defaults: { guardrails: ["fihs"] } }))).toContain(
      "did you mean `fish`",
    );
    const { id } = await makeKey(gateway, { defaults: { guardrails: ["fish"] } });
    const more = { defaults: { guardrails: ["fish", "gone"] } };
    expect(await refusal(administer(gateway, "PATCH", `/keys/${id}`, more))).toContain(
      "No guardrail is named `gone`",
    );
  });

  test("a virtual key whose guardrail the configuration has lost is refused, not let through", async () => {
    const { id, key } = await makeKey(gateway);
    const { keys } = gateway.store.directory;
    await keys.update(id, { defaults: { guardrails: ["gone"] } }, { actor: "test" });
    const { answer, raw } = await ask({ key });
    expect(answer.status).toBe(400);
    expect(raw).toContain("`gone` is not configured here");
    expect(upstream.asked).toEqual([]);
  });

  test("those that the request names in its header or its body, which is not passed on", async () => {
    expect(isBlocked(await ask({ guardrails: "mask, fish", text: banned }))).toBe(true);
    expect(isBlocked(await ask({ body: { guardrails: ["fish"] }, text: banned }))).toBe(true);
    const { answer } = await ask({ body: { guardrails: ["fish"] } });
    expect(answer.status).toBe(200);
    expect(upstream.asked[0]?.body).not.toContain("guardrails");
    expect(answer.headers.get("x-litellm-applied-guardrails")).toBe("quiet,fish");
  });

  test("a request only adds: nothing that it says takes one away", async () => {
    for (const wish of [{ guardrails: "" }, { guardrails: "mask" }, { body: { guardrails: [] } }]) {
      expect(isBlocked(await ask({ ...wish, model: "watched", text: banned }))).toBe(true);
    }
  });

  test("a key that may not choose its route may still add some", async () => {
    const fixed = { key: "key-of-fixed-0123456789", text: banned };
    expect(isBlocked(await ask({ ...fixed, body: { guardrails: ["fish"] } }))).toBe(true);
  });

  test("names that there are none of are refused", async () => {
    for (const wish of [{ guardrails: "nobody" }, { body: { guardrails: ["nobody"] } }]) {
      const { answer, raw } = await ask(wish);
      expect(answer.status).toBe(400);
      expect(raw).toContain("`nobody` is not configured here");
    }
  });

  test("an explanation lists them", async () => {
    const answer = await gateway.fetch("/admin/explain", {
      method: "POST",
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      body: JSON.stringify({
        key: "guarded",
        body: { model: "free", messages: [{ role: "user", content: "hi" }] },
      }),
    });
    expect(await answer.json()).toMatchObject({ guardrails: ["quiet", "fish"] });
  });
});

describe("what is done", () => {
  test("a block is final: nobody is asked, nothing is tried again", async () => {
    const { usage, attempts } = await ask({ model: "retried", guardrails: "fish", text: banned });
    expect(usage).toMatchObject({ errorCode: "guardrail_blocked", attempts: 0, costNanos: null });
    expect(attempts).toEqual([]);
    expect(upstream.asked).toEqual([]);
  });

  test("an answer that is withheld is paid for, and nobody else is asked for another", async () => {
    const pieces = [{ text: `a ${banned}` }];
    for (const stream of [false, true]) {
      const { usage, attempts } = await ask({
        model: "retried",
        guardrails: "fish",
        pieces,
        body: { stream },
      });
      expect(attempts).toHaveLength(1);
      expect(usage).toMatchObject({ errorCode: "guardrail_blocked", inputTokens: 7 });
      expect(usage.costNanos).toBeGreaterThan(0n);
    }
    expect(upstream.asked).toHaveLength(2);
  });

  test("a mask changes its text and no other byte", async () => {
    const text = `to jo@example.com: "${banned}" \\u00e4`;
    const raw = `{ "model":"free", "seed": 1.0,"messages":[{"role":"user","content":${JSON.stringify(text)}}],"x":9007199254740993 }`;
    upstream.answer = (request, body) => answerTo(request, body, [{ text: "ok" }]);
    const answer = await gateway.fetch(
      "/v1/chat/completions",
      post(raw, {
        authorization: "Bearer key-of-plain-0123456789",
        "x-megallm-guardrails": "pii,mask",
      }),
    );
    expect(answer.status).toBe(200);
    const masked = text.replace("jo@example.com", "[email]").replace(banned, "[word]");
    expect(upstream.asked[0]?.body).toBe(
      raw.replace(JSON.stringify(text), JSON.stringify(masked)).replace('"free"', '"gpt-4o"'),
    );
    const { usage } = await gateway.recorded(answer);
    expect(usage.warnings.map(({ reason }) => reason)).toEqual([
      "guardrail `mask`: masked (word)",
      "guardrail `pii`: masked (email)",
    ]);
    expect(answer.headers.get("x-megallm-warnings")).toBeNull();
  });

  test("a body in a cloud's wrapping is masked, whoever answers", async () => {
    for (const model of ["openai%2Fgpt-4o", "anthropic%2Fclaude-sonnet-4-5"]) {
      upstream.answer = (request, body) => answerTo(request, body, [{ text: "ok" }]);
      const body = {
        anthropic_version: "bedrock-2023-05-31",
        max_tokens: 9,
        messages: [{ role: "user", content: `a ${banned}` }],
      };
      const answer = await gateway.fetch(
        `/model/${model}/invoke`,
        post(body, {
          authorization: "Bearer key-of-plain-0123456789",
          "x-megallm-guardrails": "mask",
        }),
      );
      expect(answer.status).toBe(200);
      expect(upstream.asked.at(-1)?.body).toContain("a [word]");
      expect(upstream.asked.at(-1)?.body).not.toContain(banned);
    }
  });

  test("a form's fields are masked as well", async () => {
    const form = new FormData();
    form.append("prompt", `a ${banned}, please`);
    form.append("model", "openai/whisper-1");
    form.append("file", new File([new Uint8Array([0, 255])], "a.wav"));
    await gateway.fetch("/v1/audio/transcriptions", {
      method: "POST",
      body: form,
      headers: { authorization: "Bearer key-of-plain-0123456789", "x-megallm-guardrails": "mask" },
    });
    const [asked] = upstream.asked;
    expect(asked?.body).toContain("a [word], please");
    expect(asked?.body).not.toContain(banned);
    expect(asked?.body).toContain("\u0000\u00ff");
  });

  test("a log tells, and changes nothing", async () => {
    const { answer, usage } = await ask({ text: "open sesame" });
    expect(answer.status).toBe(200);
    expect(upstream.asked[0]?.body).toContain("sesame");
    expect(usage.warnings).toEqual([
      { field: "messages[0].content", reason: "guardrail `quiet`: found (word)", target: "input" },
    ]);
    expect(gateway.lines.some((line) => line.includes("guardrail.found"))).toBe(true);
  });

  test("a shadow gets what passed, and nothing of what did not", async () => {
    await ask({ model: "copied", text: `a ${banned}` });
    while (upstream.asked.length < 2) await Bun.sleep(1);
    for (const { body } of upstream.asked) {
      expect(body).toContain("a [word]");
      expect(body).not.toContain(banned);
    }
    upstream.asked.length = 0;
    expect(isBlocked(await ask({ model: "copied", guardrails: "fish", text: banned }))).toBe(true);
    expect(upstream.asked).toEqual([]);
  });

  test("too much text", async () => {
    expect(isBlocked(await ask({ guardrails: "short", text: "x".repeat(41) }))).toBe(true);
    expect(isBlocked(await ask({ guardrails: "short", text: "x".repeat(40) }))).toBe(false);
    const pieces = [{ text: "12345" }, { text: "67890" }, { text: "1" }];
    for (const stream of [false, true]) {
      const { raw, usage } = await ask({ guardrails: "brief", pieces, body: { stream } });
      expect(usage).toMatchObject({ errorCode: "guardrail_blocked" });
      expect(raw).not.toContain('"1"');
    }
    const { usage } = await ask({ guardrails: "brief", pieces: pieces.slice(0, 2) });
    expect(usage.errorCode).toBeNull();
  });

  test("an answer that does not fit its schema, streamed or not", async () => {
    for (const stream of [false, true]) {
      const fits = await ask({
        guardrails: "shape",
        pieces: [{ text: '{"ok"' }, { text: ":true}" }],
        body: { stream },
      });
      expect(fits.usage.errorCode).toBeNull();
      const other = await ask({
        guardrails: "shape",
        pieces: [{ text: '{"ok"' }, { text: ":1}" }],
        body: { stream },
      });
      expect(other.usage).toMatchObject({ errorCode: "guardrail_blocked" });
      expect(other.raw).not.toContain('{\\"ok');
    }
  });

  test("an answer out of the cache is looked at again, by those of its own request", async () => {
    const pieces = [{ text: `one ${banned}` }];
    const first = await ask({ model: "stored", pieces });
    expect(first.raw).toContain(banned);
    const again = await ask({ model: "stored", pieces });
    expect(again.answer.headers.get("x-megallm-cache")).toBe("hit");
    const masked = await ask({ model: "stored", guardrails: "mask", pieces });
    expect(masked.raw).not.toContain(banned);
    const maskedAgain = await ask({ model: "stored", guardrails: "mask", pieces });
    expect(maskedAgain.answer.headers.get("x-megallm-cache")).toBe("hit");
    expect(maskedAgain.raw).toContain("one [word]");
  });

  test("an answer that is kept is kept as it was shown", async () => {
    const headers = {
      authorization: "Bearer key-of-plain-0123456789",
      "x-megallm-guardrails": "mask",
    };
    upstream.answer = (request, body) => answerTo(request, body, [{ text: `a ${banned}` }]);
    const model = "anthropic/claude-sonnet-4-5";
    const made = await gateway.fetch(
      "/v1/responses",
      post({ model, input: `a ${banned}`, store: true }, headers),
    );
    const { id } = (await made.json()) as { id: string };
    const { authorization } = headers;
    for (const path of [`/v1/responses/${id}`, `/v1/responses/${id}/input_items`]) {
      const kept = await (await gateway.fetch(path, { headers: { authorization } })).text();
      expect(kept).toContain("[word]");
      expect(kept).not.toContain(banned);
    }
  });
});

describe("a webhook", () => {
  test("is asked with all texts, signed, and allows", async () => {
    verdict = () => Response.json({ verdict: "allow" });
    const { usage } = await ask({ guardrails: "hook", text: "some text" });
    expect(usage.errorCode).toBeNull();
    const asked = JSON.parse(guard.asked[0]?.body ?? "") as { texts: string[] };
    expect(asked).toMatchObject({
      guardrail: "hook",
      direction: "input",
      model: "free",
      request_id: usage.requestId,
    });
    expect(asked.texts).toContain("some text");
    expect(asked.texts).not.toContain("user");
  });

  test("blocks, and edits", async () => {
    verdict = () => Response.json({ verdict: "block", kind: "mood", reason: "leaks nothing" });
    const blocked = await ask({ guardrails: "hook" });
    expect(isBlocked(blocked)).toBe(true);
    expect(blocked.raw).not.toContain("mood");
    expect(blocked.usage.warnings[0]?.reason).toBe("guardrail `hook`: blocked (mood)");
    verdict = ({ texts }) =>
      Response.json({
        verdict: "edit",
        texts: (texts as string[]).map((text) => text.replace("rude", "kind")),
      });
    await ask({ guardrails: "hook", text: "be rude" });
    expect(upstream.asked[0]?.body).toContain("be kind");
  });

  test("that fails blocks, or lets through where that is wished", async () => {
    const failures: (typeof verdict)[] = [
      () => new Response("no", { status: 500 }),
      () => new Response("not JSON"),
      () => Response.json({ verdict: "perhaps" }),
      () => Response.json({ verdict: "edit", texts: [] }),
      () => new Promise<Response>(() => {}),
    ];
    for (const failure of failures) {
      verdict = failure;
      expect(isBlocked(await ask({ guardrails: "shut" }))).toBe(true);
      expect(isBlocked(await ask({ guardrails: "open" }))).toBe(false);
    }
  });

  test("of answers holds a stream until its end, which is kept alive meanwhile", async () => {
    verdict = ({ texts }) =>
      Response.json({
        verdict: "edit",
        texts: (texts as string[]).map((text) => text.replace("Hello", "Howdy")),
      });
    const goOn = Promise.withResolvers<void>();
    upstream.answer = () =>
      new Response(
        (async function* () {
          yield chunkOf("Hel");
          await goOn.promise;
          yield `${chunkOf("lo!")}data: [DONE]\n\n`;
        })(),
        { headers: { "content-type": "text/event-stream" } },
      );
    const answer = await gateway.fetch(
      "/v1/chat/completions",
      post(
        { model: "free", stream: true, messages: [{ role: "user", content: "hi" }] },
        { authorization: "Bearer key-of-plain-0123456789", "x-megallm-guardrails": "after" },
      ),
    );
    let text = "";
    for await (const piece of answer.body ?? []) {
      text += Buffer.from(piece).toString();
      if (!text.includes("Howdy")) expect(text).toMatch(/^(?:: ping\n+)+$/);
      goOn.resolve();
    }
    expect(text).toContain('"Howdy!"');
    expect(text).not.toContain("Hel");
    expect(guard.asked).toHaveLength(1);
  });
});

test("the upstream of an answer that is withheld is cancelled", async () => {
  const left = Promise.withResolvers<void>();
  upstream.answer = (request) => {
    request.signal.addEventListener("abort", () => left.resolve());
    return new Response(
      new ReadableStream({
        start: (controller) =>
          controller.enqueue(Buffer.from(chunkOf("well. ") + chunkOf(`${banned} is`))),
      }),
      { headers: { "content-type": "text/event-stream" } },
    );
  };
  const answer = await gateway.fetch(
    "/v1/chat/completions",
    post(
      { model: "free", stream: true, messages: [{ role: "user", content: "hi" }] },
      { authorization: "Bearer key-of-plain-0123456789", "x-megallm-guardrails": "fish" },
    ),
  );
  const text = await answer.text();
  expect(text).toContain("No fish here.");
  expect(text).not.toContain(banned);
  await left.promise;
});
