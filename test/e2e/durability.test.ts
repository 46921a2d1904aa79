// What survives: `kill -9` under load (R35), reloads under load (R32), bad configurations (R33), SIGTERM (R34).
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { repeats } from "../support/numbers.ts";

const ask = (daemon: Daemon, model: string, stream = false): Promise<Response> =>
  fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "a b c d e f" }] }),
  });

test("R35 kill -9 under load loses no acknowledged row", async () => {
  const kills = repeats("KILLS", 10);
  const acknowledged: string[] = [];
  let daemon = await startDaemon();
  const startMs: number[] = [];
  try {
    for (let round = 0; round < kills; round += 1) {
      let running = true;
      const client = async (model: string, stream: boolean): Promise<void> => {
        while (running) {
          try {
            const answer = await ask(daemon, model, stream);
            const text = await answer.text();
            if (answer.status === 200 && (!stream || text.includes("[DONE]"))) {
              acknowledged.push(answer.headers.get("x-request-id")!);
            }
          } catch {
            // The daemon was killed under this request: it was never acknowledged.
          }
        }
      };
      const load = [
        client("demo/echo", false),
        client("demo/echo", false),
        client("demo/echo", true),
        client("demo/slow", true),
      ];
      const enough = acknowledged.length + 20;
      while (acknowledged.length < enough) await Bun.sleep(1);
      await Bun.sleep((round * 37) % 140);
      await daemon.stop("SIGKILL");
      running = false;
      await Promise.all(load);
      const before = performance.now();
      daemon = await startDaemon({ folder: daemon.folder });
      startMs.push(performance.now() - before);
    }
    const database = new Database(join(daemon.dataDir, "megallm.db"), { readonly: true });
    const rows = database.query("select request_id as id, status from usage").all() as {
      id: string;
      status: string;
    }[];
    const ids = new Set(rows.map((row) => row.id));
    const lost = acknowledged.filter((id) => !ids.has(id));
    const interrupted = rows.filter((row) => row.status === "interrupted").length;
    const [{ integrity_check: integrity }] = database.query("pragma integrity_check").all() as [
      { integrity_check: string },
    ];
    database.close();
    console.log(
      `kill -9: ${kills} kills, ${acknowledged.length} acknowledged rows, ${lost.length} lost, ${rows.length - ids.size} doubled, ${interrupted} recorded as interrupted, integrity ${integrity}, slowest restart ${Math.max(...startMs).toFixed(0)} ms`,
    );
    expect(acknowledged.length).toBeGreaterThan(kills);
    expect(lost).toEqual([]);
    // The slow stream is under way at nearly every kill.
    expect(interrupted).toBeGreaterThan(0);
    expect(rows.length).toBe(ids.size);
    expect(integrity).toBe("ok");
  } finally {
    await daemon.dispose();
  }
}, 600_000);

const config = (alias: string): string =>
  `providers: { demo: {} }\nmodels:\n  moving: demo/${alias}\n  steady: demo/echo\n`;

test("R32 reloads under load fail no request", async () => {
  const reloads = repeats("RELOADS", 40);
  const daemon = await startDaemon({ config: config("fixed:0") });
  try {
    let running = true;
    const failures: string[] = [];
    let finished = 0;
    let streams = 0;
    const fire = async (model: string, stream: boolean): Promise<void> => {
      try {
        const answer = await ask(daemon, model, stream);
        const text = await answer.text();
        if (answer.status !== 200 || (stream && !text.includes("[DONE]"))) failures.push(text);
        finished += 1;
        if (stream) streams += 1;
      } catch (error) {
        failures.push(String(error));
      }
    };
    const pending: Promise<void>[] = [];
    const load = (async () => {
      const began = performance.now();
      for (let turn = 0; running; turn += 1) {
        pending.push(fire(turn % 2 ? "moving" : "steady", false));
        if (turn % 20 === 0) pending.push(fire("demo/slow", true));
        // 100 a second, whatever the timer's grain.
        await Bun.sleep(Math.max(0, began + turn * 10 - performance.now()));
      }
    })();
    for (let round = 1; round <= reloads; round += 1) {
      if (round % 3 === 0) {
        // As editors do: a new file takes the old one's place.
        writeFileSync(`${daemon.configPath}.new`, config(`fixed:${round}`));
        renameSync(`${daemon.configPath}.new`, daemon.configPath);
      } else writeFileSync(daemon.configPath, config(`fixed:${round}`));
      daemon.process.kill("SIGHUP");
      await Bun.sleep(50);
    }
    running = false;
    await load;
    await Promise.all(pending);
    await Bun.sleep(300);
    const last = await (await ask(daemon, "moving")).text();
    const applied = daemon.output().match(/config\.applied/g)?.length ?? 0;
    console.log(
      `reloads: ${applied} applied of ${reloads} asked for, ${finished} requests (${streams} streams), ${failures.length} failed`,
    );
    expect(failures).toEqual([]);
    expect(applied).toBeGreaterThanOrEqual(reloads * 0.9);
    expect(last).toContain(`"${reloads}"`);
  } finally {
    await daemon.dispose();
  }
}, 300_000);

test("R32 a reload asked for the moment the daemon can be found does not end it", async () => {
  for (let round = 0; round < 10; round += 1) {
    const daemon = await startDaemon({ config: config("fixed:0") });
    try {
      for (let times = 0; times < 5; times += 1) daemon.process.kill("SIGHUP");
      await Bun.sleep(50);
      expect(daemon.process.signalCode).toBeNull();
      expect((await ask(daemon, "steady")).status).toBe(200);
      expect(daemon.output()).toContain("config.applied");
    } finally {
      await daemon.dispose();
    }
  }
});

test("R33 a bad configuration is refused, told, and survived", async () => {
  const daemon = await startDaemon({ config: config("fixed:one") });
  try {
    const status = async (): Promise<string> =>
      (await daemon.cli("status", "--config", daemon.configPath, "--json")).stdout;
    writeFileSync(daemon.configPath, "providers: { demo: {} }\nmodles:\n  moving: demo/echo\n");
    let rejected: { problems: string[] } | null = null;
    for (let turn = 0; turn < 100 && !rejected; turn += 1) {
      await Bun.sleep(50);
      const answer = await fetch(`${daemon.url}/admin/status`, {
        headers: { authorization: `Bearer ${daemon.adminKey}` },
      });
      rejected = ((await answer.json()) as { config: { rejected: typeof rejected } }).config
        .rejected;
    }
    expect(rejected!.problems.join()).toMatch(/megallm\.yaml:2:1.*modles.*models/s);
    expect(await (await ask(daemon, "moving")).text()).toContain("one");
    expect(daemon.output()).toContain("config.refused");
    writeFileSync(daemon.configPath, config("fixed:two"));
    for (let turn = 0; turn < 100; turn += 1) {
      if ((await (await ask(daemon, "moving")).text()).includes("two")) break;
      await Bun.sleep(50);
    }
    expect(await (await ask(daemon, "moving")).text()).toContain("two");
    expect(JSON.parse(await status()).config.rejected).toBeNull();
  } finally {
    await daemon.dispose();
  }
}, 60_000);

test("R34 SIGTERM lets streams end, then exits 0", async () => {
  const daemon = await startDaemon();
  try {
    const answer = await ask(daemon, "demo/slow", true);
    const text = answer.text();
    await Bun.sleep(100);
    const code = daemon.stop("SIGTERM");
    expect(await text).toContain("[DONE]");
    expect(await code).toBe(0);
  } finally {
    await daemon.dispose();
  }
});

test("R34 a stream that outlasts the drain limit ends with an error event, and its row is there", async () => {
  const daemon = await startDaemon({
    config: "server: { drain_timeout: 300ms }\nproviders: { demo: {} }\n",
  });
  try {
    const long = Array.from({ length: 100 }, (_, index) => `w${index}`).join(" ");
    const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "demo/slow",
        stream: true,
        messages: [{ role: "user", content: long }],
      }),
    });
    const text = answer.text();
    await Bun.sleep(300);
    expect(await daemon.stop("SIGTERM")).toBe(0);
    expect(await text).toContain('"error"');
    expect(await text).not.toContain("[DONE]");
    const database = new Database(join(daemon.dataDir, "megallm.db"), { readonly: true });
    const row = database.query("select status, output_tokens as output from usage").get() as {
      status: string;
      output: number;
    };
    database.close();
    expect(row.status).toBe("error");
    expect(row.output).toBeGreaterThan(0);
  } finally {
    await daemon.dispose();
  }
});

test("R39 a bug outside every request is logged and counted, and the process lives", async () => {
  const preload = join(mkdtempSync(join(tmpdir(), "megallm-preload-")), "bug.js");
  writeFileSync(
    preload,
    `setTimeout(() => { Promise.reject(new Error("a rejected promise")); }, 400);
     setTimeout(() => { throw new Error("a throwing timer"); }, 500);`,
  );
  const daemon = await startDaemon({ env: { BUN_OPTIONS: `--preload ${preload}` } });
  try {
    await Bun.sleep(900);
    expect((await ask(daemon, "demo/echo")).status).toBe(200);
    const status = await daemon.cli("status", "--json");
    expect(JSON.parse(status.stdout).backgroundFailures).toBe(2);
    expect(daemon.output()).toContain("a rejected promise");
    expect(daemon.output()).toContain("a throwing timer");
  } finally {
    await daemon.dispose();
    rmSync(join(preload, ".."), { recursive: true });
  }
});
