// B11: what an acknowledged row survives. The system calls are counted, since a test cannot pull the plug.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { type Daemon, startDaemon } from "../support/daemon.ts";

const requests = 25;
const strace = Bun.which("strace");
if (!strace) console.log("skipped: strace is not installed, so nobody can see the disk flushes");

async function ask(daemon: Daemon): Promise<void> {
  const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "demo/echo", messages: [{ role: "user", content: "hello" }] }),
  });
  expect(answer.status).toBe(200);
  await answer.text();
}

/** Disk flushes that ended while requests were answered one after the other. */
async function flushes(durable: "normal" | "full"): Promise<number> {
  const daemon = await startDaemon({
    config: `providers: { demo: {} }\nledger: { durable: ${durable} }\n`,
  });
  try {
    await ask(daemon);
    const trace = join(daemon.folder, "trace");
    const tracer = Bun.spawn(
      [
        strace ?? "",
        "-f",
        "-e",
        "trace=fsync,fdatasync",
        "-o",
        trace,
        "-p",
        `${daemon.process.pid}`,
      ],
      { stdout: "ignore", stderr: "pipe" },
    );
    // It says so once it is attached.
    const { value } = await tracer.stderr.getReader().read();
    expect(Buffer.from(value ?? []).toString()).toContain("attached");
    for (let count = 0; count < requests; count += 1) await ask(daemon);
    tracer.kill("SIGINT");
    await tracer.exited;
    const lines = (await Bun.file(trace).text()).split("\n");
    return lines.filter((line) => /(?:fsync|fdatasync).*= 0$/.test(line)).length;
  } finally {
    await daemon.dispose();
  }
}

test.skipIf(!strace)("B11 `durable: full` flushes the disk before every answer's end", async () => {
  expect(await flushes("full")).toBeGreaterThanOrEqual(requests);
});

test.skipIf(!strace)(
  "B11 `durable: normal` leaves that to checkpoints, as documented",
  async () => {
    expect(await flushes("normal")).toBeLessThan(requests);
  },
);
