// `megallm ledger verify`, `reconcile`, `requests show` and `data` on a ledger of their own: what they print, and their exit codes.
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { acquireLock, openStore } from "../../src/store/store.ts";
import { attemptOf, usageOf } from "../support/store-rows.ts";

const main = join(import.meta.dir, "..", "..", "src", "main.ts");
const day = Date.parse("2026-03-01");

let folder: string;
/** Ends the gateway that a test has started. */
let stop: () => Promise<void>;
let path: string;

const tokens = {
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  inputAudioTokens: 0,
  reasoningTokens: 0,
  outputAudioTokens: 0,
};

beforeEach(async () => {
  stop = async () => {};
  folder = mkdtempSync(join(tmpdir(), "megallm-commands-"));
  path = join(folder, "megallm.db");
  const store = await openStore({ path });
  for (let index = 0; index < 10; index += 1) {
    const requestId = `req_${index}`;
    const used = { ...tokens, inputTokens: 100, outputTokens: 10, costNanos: 1_000_000n };
    await store.settle(
      usageOf(requestId, { ...used, atMs: day + index * 3_600_000, attempts: 1, user: "end-1" }),
      [attemptOf(requestId, 0, { ...used, provider: "openai", model: "gpt-4o-2024-08-06" })],
    );
  }
  await store.bodies.put([
    {
      requestId: "req_3",
      part: "request",
      contentType: "application/json",
      size: 7,
      isCut: false,
      text: '{"a":1}',
    },
  ]);
  await store.rollups.roll();
  await store.close();
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

async function megallm(...argv: string[]) {
  const child = Bun.spawn([process.execPath, main, ...argv, "--data-dir", folder], {
    env: {
      ...process.env,
      MEGALLM_CONFIG: "",
      NO_COLOR: "1",
      HOME: folder,
      XDG_CONFIG_HOME: folder,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

const run = (sql: string): void => {
  const database = new Database(path);
  database.run(sql);
  database.close();
};

/** A gateway on the ledger's folder, until the test is over. */
async function serve(): Promise<void> {
  const config = join(folder, "serve.yaml");
  writeFileSync(config, "ledger: { keep: { rows: forever, hours: forever, days: forever } }\n");
  const own = ["--config", config, "--port", "0", "--data-dir", folder];
  const child = Bun.spawn([process.execPath, main, "serve", ...own], {
    env: { PATH: "/usr/bin:/bin", HOME: folder, XDG_CONFIG_HOME: folder },
    stdout: "ignore",
    stderr: "ignore",
  });
  stop = async () => {
    child.kill();
    await child.exited;
  };
  const record = join(folder, "daemon.json");
  while (!existsSync(record)) {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`);
    await Bun.sleep(5);
  }
}

const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

describe("ledger verify", () => {
  test("all adds up; what does not is named; --rebuild mends sums", async () => {
    const right = await megallm("ledger", "verify");
    expect([right.code, right.out]).toEqual([0, expect.stringContaining("10 requests")]);
    run(
      `update rollup set requests = 77 where span_ms = 3600000 and start_ms = ${day} and requests = 1`,
    );
    const wrong = await megallm("ledger", "verify");
    expect(wrong.code).toBe(1);
    expect(wrong.out).toContain("hour 2026-03-01T00: requests of");
    expect(wrong.err).toContain("--rebuild");
    expect(json((await megallm("ledger", "verify", "--json")).out)).toMatchObject({
      ok: false,
      rows: 10,
    });
    const lock = acquireLock(folder);
    const locked = await megallm("ledger", "verify", "--rebuild");
    lock.release();
    expect([locked.code, locked.err]).toEqual([1, expect.stringContaining("is using")]);
    const mended = await megallm("ledger", "verify", "--rebuild");
    expect([mended.code, mended.out]).toEqual([0, expect.stringContaining("Mended: 0 accounts")]);
    run("update attempt set output_tokens = 9 where request_id = 'req_4'");
    const attempt = await megallm("ledger", "verify");
    expect([attempt.code, attempt.out]).toEqual([
      1,
      expect.stringContaining("request req_4: its attempts say outputTokens 9, its row says 10"),
    ]);
  }, 30_000);
});

test("a gateway that is at work on the file mends it", async () => {
  run(
    `update rollup set requests = 77 where span_ms = 3600000 and start_ms = ${day} and requests = 1`,
  );
  run("update attempt set output_tokens = 9 where request_id = 'req_4'");
  await serve();
  const wrong = await megallm("ledger", "verify");
  expect([wrong.code, wrong.out]).toEqual([1, expect.stringContaining("hour 2026-03-01T00")]);
  const mended = await megallm("ledger", "verify", "--rebuild");
  const left = "request req_4: its attempts say outputTokens 9, its row says 10";
  expect([mended.code, mended.out]).toEqual([1, expect.stringContaining(left)]);
  expect(mended.out).toMatch(/^Mended: 0 accounts, the sums of [1-9]\d* hours and days\./);
  expect(mended.out).not.toContain("hour 2026");
  expect(mended.err).toContain("1 differences in 10 requests");
  const again = json((await megallm("ledger", "verify", "--rebuild", "--json")).out);
  expect(again).toMatchObject({
    ok: false,
    rows: 10,
    mended: { accounts: 0, sums: 0 },
    differences: [{ kind: "attempts", requestId: "req_4", found: "9", expected: "10" }],
  });
}, 60_000);

describe("reconcile", () => {
  const head = "start_time,end_time,amount_value,amount_currency,line_item\n";
  const costs = (amount: string): string => {
    const file = join(folder, "costs.csv");
    writeFileSync(
      file,
      `${head}${day / 1000},${day / 1000 + 86_400},${amount},usd,"gpt-4o-2024-08-06, input"\n`,
    );
    return file;
  };

  test("equal to the nano-dollar, within the tolerance, and beyond it", async () => {
    const equal = await megallm("reconcile", "openai", costs("0.010000000"), "--json");
    expect(equal.code).toBe(0);
    expect(json(equal.out)).toMatchObject({
      ok: true,
      format: "OpenAI costs",
      models: [
        { model: "gpt-4o", deviation: 0, costNanos: { billed: "10000000", difference: "0" } },
      ],
    });
    expect((await megallm("reconcile", "openai", costs("0.010050000"))).code).toBe(0);
    const beyond = await megallm("reconcile", "openai", costs("0.020000000"));
    expect(beyond.code).toBe(1);
    expect(beyond.out).toContain("+0.010000000");
    expect(beyond.err).toContain("1 of 1 differ by more than 1%: gpt-4o");
    expect((await megallm("reconcile", "openai", costs("0.02"), "--tolerance", "60%")).code).toBe(
      0,
    );
  }, 30_000);

  /** A request whose end nobody saw: $0.05 are charged. */
  const lose = async (): Promise<void> => {
    const store = await openStore({ path });
    const account = { accountId: "b@0", budgetId: "b", windowStartMs: 0, windowEndMs: null };
    await store.accounts.hold({
      requestId: "req_lost",
      holdId: "h",
      costNanos: 50_000_000n,
      expiresMs: day,
      accounts: [{ ...account, limitNanos: 1_000_000_000n }],
      deployment: "openai/gpt-4o-2024-08-06",
    });
    const row = { ...tokens, inputTokens: 0, outputTokens: 0, costNanos: null, attempts: 0 };
    await store.settle(usageOf("req_lost", { ...row, atMs: day + 7_200_000 }), [], {
      nanos: null,
      accounts: [account],
    });
    await store.rollups.roll();
    await store.close();
  };
  const spent = async (): Promise<bigint | undefined> => {
    const store = await openStore({ path, readOnly: true });
    const [state] = await store.accounts.states(["b@0"]);
    await store.close();
    return state?.spentNanos;
  };

  test.each([false, true])(
    "--resolve shows what it would correct, --yes corrects it; a gateway at work does it itself: %p",
    async (isServed) => {
      await lose();
      if (isServed) await serve();
      // The ledger knows of $0.01; the bill has $0.0123456 more.
      const file = costs("0.022345600");
      const shown = await megallm("reconcile", "openai", file, "--resolve");
      expect([shown.code, shown.err]).toEqual([0, expect.stringContaining("--yes")]);
      expect(shown.out).toMatch(/req_lost +b@0 +0\.050000000 +0\.012345600/);
      expect(await spent()).toBe(50_000_000n);
      const differs = await megallm("reconcile", "openai", file);
      expect([differs.code, differs.err]).toEqual([
        1,
        expect.stringMatching(/difference 0\.012345600\..* 1 request of these days is unresolved/),
      ]);
      const done = await megallm("reconcile", "openai", file, "--resolve", "--yes", "--json");
      expect(json(done.out)).toMatchObject({
        resolved: true,
        changed: 1,
        charges: [{ requestId: "req_lost", chargedNanos: "50000000", nanos: "12345600" }],
        left: [],
      });
      expect(await spent()).toBe(12_345_600n);
      const again = await megallm("reconcile", "openai", file, "--resolve", "--yes");
      expect([again.code, again.out]).toEqual([
        0,
        expect.stringContaining("Nothing of `openai` is unresolved"),
      ]);
      const even = await megallm("reconcile", "openai", file);
      expect([even.code, even.err]).toEqual([
        0,
        expect.stringMatching(/difference 0\.000000000\.(?!.*unresolved)/),
      ]);
      expect((await megallm("ledger", "verify")).code).toBe(0);
      await stop();
      stop = async () => {};
      const store = await openStore({ path });
      const { rows } = await store.audit.list({});
      expect(rows).toMatchObject([
        { action: "ledger.resolve", kind: "charge", subjectId: "req_lost" },
      ]);
      expect((await store.audit.verify()).ok).toBe(true);
      await store.close();
    },
    60_000,
  );

  test("--yes without --resolve, and an export without money, are refused", async () => {
    await lose();
    expect((await megallm("reconcile", "openai", costs("0.01"), "--yes")).code).toBe(2);
    const usage = join(folder, "usage.csv");
    writeFileSync(usage, `start_time,model,input_tokens,output_tokens\n${day / 1000},gpt-4o,1,2\n`);
    const refused = await megallm("reconcile", "openai", usage, "--resolve");
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("export the costs")]);
  }, 30_000);

  test("another provider, a file that is none, options that are none", async () => {
    const other = await megallm("reconcile", "nobody", costs("0.010000000"));
    expect([other.code, other.err]).toEqual([1, expect.stringContaining("nothing of `nobody`")]);
    const file = join(folder, "other.csv");
    writeFileSync(file, "when,what\n1,2\n");
    const unknown = await megallm("reconcile", "openai", file);
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("Found: when, what")]);
    expect((await megallm("reconcile", "openai", join(folder, "gone.csv"))).code).toBe(1);
    expect((await megallm("reconcile", "openai", file, "--tolerance", "much")).code).toBe(2);
  }, 30_000);
});

describe("requests show", () => {
  test("facts, attempts, and bodies where they were kept", async () => {
    const shown = await megallm("requests", "show", "req_3", "--bodies");
    expect(shown.code).toBe(0);
    for (const part of ["req_3", "openai/gpt-4o-2024-08-06", "0.001000000", '{"a":1}']) {
      expect(shown.out).toContain(part);
    }
    expect((await megallm("requests", "show", "req_4", "--bodies")).out).toContain(
      "No bodies are kept",
    );
    expect(json((await megallm("requests", "show", "req_3", "--json")).out)).toMatchObject({
      costNanos: "1000000",
      attempts: [{ provider: "openai" }],
    });
    expect((await megallm("requests", "show", "req_none")).code).toBe(1);
  }, 30_000);
});

describe("data", () => {
  test("is handed out line by line, counted, and taken away only with --yes", async () => {
    const exported = await megallm("data", "export", "--end-user", "end-1");
    const lines = exported.out.trim().split("\n").map(json);
    expect(lines.filter(({ type }) => type === "request")).toHaveLength(10);
    expect(lines.find(({ requestId }) => requestId === "req_3")).toMatchObject({
      bodies: [{ text: '{"a":1}' }],
    });
    const counted = await megallm("data", "delete", "--end-user", "end-1");
    expect([counted.code, counted.err]).toEqual([0, expect.stringContaining("--yes")]);
    expect(counted.out).toContain("10  requests");
    const deleted = await megallm("data", "delete", "--end-user", "end-1", "--yes", "--json");
    expect(json(deleted.out)).toMatchObject({ deleted: true, counts: { requests: 10, bodies: 1 } });
    expect((await megallm("data", "export", "--end-user", "end-1")).out).toBe("");
    expect((await megallm("ledger", "verify")).code).toBe(0);
    const usage = json((await megallm("usage", "--since", "2026-02-01", "--json")).out);
    expect(usage).toMatchObject({
      groups: [{ group: "gpt-4o-2024-08-06", requests: 0, attempts: 10 }, {}],
    });
  }, 30_000);

  test("is taken away by the gateway that is at work on the file", async () => {
    await serve();
    const counted = await megallm("data", "delete", "--end-user", "end-1", "--json");
    expect(json(counted.out)).toMatchObject({ deleted: false, counts: { requests: 10 } });
    const deleted = await megallm("data", "delete", "--end-user", "end-1", "--yes", "--json");
    expect([deleted.code, json(deleted.out)]).toMatchObject([
      0,
      { deleted: true, counts: { requests: 10, bodies: 1, directory: 0 } },
    ]);
    expect((await megallm("data", "export", "--end-user", "end-1")).out).toBe("");
    const unknown = await megallm("data", "delete", "--user", "who@example.com", "--yes");
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("no user")]);
    const audit = await megallm("audit", "--json");
    expect(audit.out).toContain('"data.erase"');
  }, 60_000);

  test("needs one subject, and a user that there is", async () => {
    expect((await megallm("data", "export")).code).toBe(2);
    expect((await megallm("data", "export", "--user", "a", "--key", "b")).code).toBe(2);
    const unknown = await megallm("data", "delete", "--user", "who@example.com");
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("no user")]);
  }, 30_000);
});
