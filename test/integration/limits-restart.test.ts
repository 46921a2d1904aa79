// What rate limits remember: a gateway that is killed and started again counts on where it was, on either database.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LimitWant } from "../../src/store/limits.ts";
import { openStore } from "../../src/store/store.ts";
import { postgresDatabase } from "../support/postgres-harness.ts";
import { postgresMissing, type PostgresServer, startPostgres } from "../support/postgres.ts";
import { sqliteFile } from "../support/sqlite-harness.ts";
import { locationOf } from "../support/store-location.ts";
import type { StoreHarness } from "../store/contract.ts";

const root = join(import.meta.dir, "..", "..");
const takeUntilKilled = join(root, "test", "support", "take-until-killed.ts");
const key = "key-of-ci-0123456789";

interface Running {
  url: string;
  child: Bun.Subprocess;
}

/** The gateway from its sources, in a process of its own. */
async function serve(folder: string, store: string | null): Promise<Running> {
  const path = join(folder, "megallm.yaml");
  writeFileSync(
    path,
    JSON.stringify({
      providers: { demo: { type: "demo" } },
      discover: { models: false },
      server: { require_key: "always" },
      ...(store !== null && { store }),
      keys: { ci: { key, limits: { requests_per_day: 5, tokens_per_day: 100_000, parallel: 2 } } },
    }),
  );
  const state = join(folder, "state");
  const child = Bun.spawn(
    [process.execPath, join(root, "src", "main.ts"), "serve", "--config", path, "--port", "0"],
    {
      cwd: folder,
      env: { HOME: folder, PATH: "/usr/bin:/bin", XDG_STATE_HOME: state, XDG_CONFIG_HOME: folder },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    },
  );
  const record = join(state, "megallm", "daemon.json");
  for (;;) {
    if (child.exitCode !== null) {
      throw new Error(`it did not start: ${await new Response(child.stderr).text()}`);
    }
    await Bun.sleep(10);
    if (!existsSync(record)) continue;
    const facts = JSON.parse(readFileSync(record, "utf8") || "{}") as {
      pid?: number;
      urls?: string[];
    };
    const [url] = facts.urls ?? [];
    if (facts.pid === child.pid && url !== undefined) return { url, child };
  }
}

async function kill({ child }: Running): Promise<void> {
  child.kill("SIGKILL");
  await child.exited;
}

const ask = (url: string, model = "demo/echo", stream = false): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model,
      stream,
      messages: [{ role: "user", content: "a b c d e f g h" }],
    }),
  });

function restartSuite(name: string, create: () => Promise<StoreHarness>): void {
  describe(`limits over restarts: ${name}`, () => {
    test("5 a day, 3 used, one of them running when it is killed: 2 pass after", async () => {
      const harness = await create();
      const folder = mkdtempSync(join(tmpdir(), "megallm-limits-"));
      const { location } = harness;
      const store = "url" in location ? location.url : null;
      const running: Running[] = [];
      try {
        const first = await serve(folder, store);
        running.push(first);
        for (const left of ["4", "3"]) {
          const answer = await ask(first.url);
          expect([answer.status, answer.headers.get("x-ratelimit-remaining-requests")]).toEqual([
            200,
            left,
          ]);
          await answer.text();
        }
        const slow = await ask(first.url, "demo/slow", true);
        expect(slow.headers.get("x-ratelimit-remaining-requests")).toBe("2");
        const reading = slow.text().catch(() => "cut");
        await kill(first);
        await reading;
        const second = await serve(folder, store);
        running.push(second);
        for (const left of ["1", "0"]) {
          const answer = await ask(second.url);
          expect([answer.status, answer.headers.get("x-ratelimit-remaining-requests")]).toEqual([
            200,
            left,
          ]);
          // What it was expected to say, of the one that was cut, and what the others did say.
          const tokens = Number(answer.headers.get("x-ratelimit-remaining-tokens"));
          expect(tokens).toBeLessThan(100_000 - 500);
          await answer.text();
        }
        const refused = await ask(second.url);
        expect([refused.status, refused.headers.get("x-ratelimit-remaining-requests")]).toEqual([
          429,
          "0",
        ]);
        expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(80_000);
      } finally {
        for (const each of running) await kill(each);
        rmSync(folder, { recursive: true, force: true });
        await harness.dispose();
      }
    }, 120_000);

    test("places of a process that was killed are free for the others", async () => {
      const harness = await create();
      const want: LimitWant = {
        limitId: "limit_p",
        unit: "parallel",
        windowMs: null,
        amount: 7,
        asked: 1,
      };
      const location = locationOf(JSON.stringify(harness.location));
      const child = Bun.spawn(
        [
          process.execPath,
          takeUntilKilled,
          JSON.stringify(harness.location),
          JSON.stringify([want]),
        ],
        { stdout: "pipe", stderr: "inherit" },
      );
      try {
        let said = "";
        for await (const chunk of child.stdout) {
          said += Buffer.from(chunk).toString();
          if (said.includes("full\n")) break;
        }
        expect(said.trim().split("\n")).toHaveLength(8);
        child.kill("SIGKILL");
        await child.exited;
        const store = await openStore({ ...location, leaseMs: 1_000 });
        try {
          const used = async (): Promise<number> =>
            (await store.limits.outlook([want]))[0]?.used ?? 0;
          expect(await used()).toBe(7);
          const began = performance.now();
          while ((await used()) > 0 && performance.now() - began < 60_000) {
            await store.recover();
            await Bun.sleep(100);
          }
          expect(await used()).toBe(0);
        } finally {
          await store.close();
        }
      } finally {
        child.kill("SIGKILL");
        await child.exited;
        await harness.dispose();
      }
    }, 120_000);
  });
}

restartSuite("SQLite", sqliteFile);

describe.skipIf(postgresMissing() !== null)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.dispose(), 60_000);

  restartSuite("PostgreSQL", () => postgresDatabase(server));
});
