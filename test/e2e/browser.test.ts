// A hostile web page in a real browser cannot drive the daemon (S02); one of an allowed origin can.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { type Daemon, startDaemon } from "../support/daemon.ts";

const executable = process.env["CHROMIUM"] ?? Bun.which("chromium") ?? Bun.which("google-chrome");
if (!executable) console.log("browser tests skipped: no Chromium here (Debian package `chromium`)");

/** What a page can try without being allowed to; each resolves with what the page got to see. */
const attempts: Readonly<Record<string, string>> = {
  "fetch with JSON": `fetch(target + "/v1/chat/completions", { method: "POST", headers: { "content-type": "application/json" }, body })`,
  "no-cors fetch with text/plain": `fetch(target + "/v1/chat/completions", { method: "POST", mode: "no-cors", headers: { "content-type": "text/plain" }, body })`,
  "no-cors GET": `fetch(target + "/v1/models", { mode: "no-cors" })`,
  image: `new Promise((resolve) => { const image = new Image(); image.onload = image.onerror = (event) => resolve(event.type); image.src = target + "/v1/models"; })`,
  script: `new Promise((resolve) => { const script = document.createElement("script"); script.onload = script.onerror = (event) => resolve(event.type); script.src = target + "/v1/models"; document.head.append(script); })`,
  "event source": `new Promise((resolve) => { const source = new EventSource(target + "/v1/models"); source.onopen = source.onerror = (event) => { source.close(); resolve(event.type); }; })`,
  "web socket": `new Promise((resolve) => { const socket = new WebSocket(target.replace("http", "ws") + "/v1/responses"); socket.onopen = socket.onerror = (event) => resolve(event.type); })`,
  form: `new Promise((resolve) => { const frame = document.createElement("iframe"); frame.name = "f"; frame.onload = () => resolve("sent"); document.body.append(frame); const form = document.createElement("form"); form.method = "post"; form.enctype = "text/plain"; form.target = "f"; form.action = target + "/v1/chat/completions"; const input = document.createElement("input"); input.name = body.slice(0, -1) + ',"x":"'; input.value = '"}'; form.append(input); document.body.append(form); form.submit(); })`,
};

const body = JSON.stringify({
  model: "demo/echo",
  messages: [{ role: "user", content: "from a web page" }],
});

describe.skipIf(!executable)("S02 web pages", () => {
  let daemon: Daemon;
  let browser: Browser;
  let pages: Bun.Server<undefined>;

  beforeAll(async () => {
    pages = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () =>
        new Response("<!doctype html><body>", { headers: { "content-type": "text/html" } }),
    });
    daemon = await startDaemon({
      config: `providers: { demo: {} }\nserver: { allowed_origins: ["http://friend.localhost:${pages.port}"] }\n`,
    });
    browser = await chromium.launch({
      executablePath: executable ?? "",
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
    });
  });
  afterAll(async () => {
    await browser?.close();
    await daemon?.dispose();
    await pages?.stop(true);
  });

  const visit = async (host: string): Promise<Page> => {
    const page = await browser.newPage();
    await page.goto(`http://${host}:${pages.port}/`);
    return page;
  };

  const run = async (page: Page, code: string, target: string): Promise<string> =>
    page.evaluate(
      `(async () => { const target = ${JSON.stringify(target)}; const body = ${JSON.stringify(body)};
        try { const got = await (${code}); return typeof got === "string" ? got : "status " + got.status + " " + (await got.text()); }
        catch (error) { return "blocked: " + error.message; } })()`,
    );

  const requestsOnRecord = async (): Promise<number> => {
    const usage = await daemon.cli("usage", "--config", daemon.configPath, "--json");
    const { groups } = JSON.parse(usage.stdout) as { groups: { requests: number }[] };
    return groups.reduce((sum, group) => sum + group.requests, 0);
  };

  test("of a foreign origin get nothing and change nothing, by any means and any name of the daemon", async () => {
    const { port } = new URL(daemon.url);
    const page = await visit("evil.localhost");
    for (const target of [
      daemon.url,
      `http://localhost:${port}`,
      `http://[::1]:${port}`,
      `http://0.0.0.0:${port}`,
    ]) {
      for (const [name, code] of Object.entries(attempts)) {
        const seen = await run(page, code, target);
        expect(`${name}: ${seen}`).not.toContain("from a web page");
        expect(`${name}: ${seen}`).not.toContain("demo/echo");
        expect(`${name}: ${seen}`).not.toMatch(/: (load|open)$/);
      }
    }
    expect(await requestsOnRecord()).toBe(0);
    await page.close();
  }, 60_000);

  test("S01 through a rebound name reach nothing", async () => {
    const { port } = new URL(daemon.url);
    const rebound = await chromium.launch({
      executablePath: executable ?? "",
      args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP rebound.test 127.0.0.1"],
    });
    try {
      const page = await rebound.newPage();
      const answer = await page.goto(`http://rebound.test:${port}/v1/models`);
      expect(answer?.status()).toBe(403);
      const seen = await run(
        page,
        attempts["fetch with JSON"] ?? "",
        `http://rebound.test:${port}`,
      );
      expect(seen).toContain("status 403");
      expect(await requestsOnRecord()).toBe(0);
    } finally {
      await rebound.close();
    }
  }, 30_000);

  test("of an allowed origin pass", async () => {
    const page = await visit("friend.localhost");
    const seen = await run(page, attempts["fetch with JSON"] ?? "", daemon.url);
    expect(seen).toContain("status 200");
    expect(seen).toContain("from a web page");
    expect(await requestsOnRecord()).toBe(1);
    await page.close();
  }, 30_000);
});
