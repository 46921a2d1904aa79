// R35, M19: `kill -9` at random moments under load loses nothing that was acknowledged.
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../src/store/store.ts";

const script = join(import.meta.dir, "..", "support", "settle-until-killed.ts");
const kills = Number(process.env["MEGALLM_KILLS"] ?? 5);

test(`${kills} kills: 0 acknowledged rows lost, every begun request accounted for`, async () => {
  const folder = mkdtempSync(join(tmpdir(), "megallm-kill-"));
  const path = join(folder, "megallm.db");
  const acknowledged = new Set<string>();
  let interrupted = 0;
  let slowestOpenMs = 0;
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      for (const id of await liveAndDie(path, `life${kill}`)) acknowledged.add(id);
      const began = performance.now();
      const store = await openStore({ path });
      interrupted += await store.recover();
      slowestOpenMs = Math.max(slowestOpenMs, performance.now() - began);
      await store.close();
    }
    const database = new Database(path, { readonly: true });
    const rows = database.query<{ request_id: string; status: string }, []>(
      "select request_id, status from usage",
    );
    const settled = new Map(rows.all().map((row) => [row.request_id, row.status]));
    const lost = [...acknowledged].filter((id) => settled.get(id) !== "ok");
    const count = (sql: string) => database.query(sql).values()[0]?.[0];
    expect(lost).toEqual([]);
    expect(acknowledged.size).toBeGreaterThan(kills * 100);
    expect(count("select count(*) from usage where status = 'interrupted'")).toBe(interrupted);
    // Each row whole: both attempts with it, no note left.
    expect(count("select count(*) from attempt")).toBe(2 * (settled.size - interrupted));
    expect(count("select count(*) from started")).toBe(0);
    expect(database.query("pragma integrity_check").values()).toEqual([["ok"]]);
    expect(database.query("pragma foreign_key_check").values()).toEqual([]);
    database.close();
    console.log(
      `${kills} kills: ${acknowledged.size} acknowledged rows, ${lost.length} lost, ${interrupted} interrupted; slowest start ${slowestOpenMs.toFixed(0)} ms`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 600_000);

/** Runs the script and kills it at a random moment. Returns the ids it had acknowledged. */
async function liveAndDie(path: string, prefix: string): Promise<string[]> {
  const child = Bun.spawn([process.execPath, script, JSON.stringify({ path }), prefix], {
    stdout: "pipe",
  });
  try {
    let text = "";
    let armed = false;
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      if (armed) continue;
      armed = true;
      setTimeout(() => child.kill("SIGKILL"), 50 + Math.random() * 250);
    }
    // The last line may have been cut by the kill.
    const lines = text.slice(0, text.lastIndexOf("\n")).split("\n");
    return lines.filter((line) => line.startsWith(prefix));
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}
