// The reachability probe, against a machine that answers, one that refuses and one that drops (R20).
import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { createEgress } from "../../../src/egress.ts";
import { createReach, type Endpoint } from "../../../src/egress/reach.ts";
import { setClock } from "../../../src/lib/clock.ts";
import { rawServer } from "./raw-server.ts";
import { failureOf, noLimits, toUpstream } from "./request.ts";

test("a listener and a refusal are reachable", async () => {
  const reach = createReach();
  const server = await rawServer(() => {});
  const endpoint = { host: "127.0.0.1", port: server.port };
  expect(await reach.isReachable(endpoint, 1_000)).toBe(true);
  await server[Symbol.asyncDispose]();
  expect(await createReach().isReachable(endpoint, 1_000)).toBe(true);
});

test("askers share one probe, and its answer holds for seconds", async () => {
  let probes = 0;
  let nowMs = 0;
  const restore = setClock({ monotonic: () => nowMs });
  try {
    const reach = createReach(async () => {
      probes += 1;
      await Bun.sleep(5);
      return probes < 3;
    });
    const endpoint: Endpoint = { host: "a", port: 1 };
    const ask = (): Promise<boolean> => reach.isReachable(endpoint, 10);
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([true, true, true]);
    expect([await ask(), probes]).toEqual([true, 1]);
    nowMs = 5_001;
    expect([await ask(), probes]).toEqual([true, 2]);
    nowMs = 10_002;
    expect([await ask(), await ask(), probes]).toEqual([false, false, 4]);
    reach.seen(endpoint);
    expect([await ask(), probes]).toEqual([true, 4]);
  } finally {
    restore();
  }
});

test("R20 a listener that takes no more connections is unreachable, and an exchange says so", async () => {
  // Its queue full and its process asleep, the kernel drops every further SYN: a black hole.
  const script = `
    const server = require("node:net").createServer();
    server.listen(0, "127.0.0.1", () => {
      console.log(server.address().port);
      setTimeout(() => Bun.sleepSync(20_000), 50);
    });`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", timeout: 20_000 });
  const sockets: Socket[] = [];
  try {
    const { value } = await child.stdout.getReader().read();
    const port = Number(Buffer.from(value ?? []).toString());
    await Bun.sleep(150);
    for (let index = 0; index < 1_200; index += 1) {
      sockets.push(connect(port, "127.0.0.1").on("error", () => {}));
    }
    await Bun.sleep(500);
    expect(await createReach().isReachable({ host: "127.0.0.1", port }, 200)).toBe(false);
    const start = performance.now();
    const failure = await failureOf(
      createEgress({ env: {} }).send(
        toUpstream(`http://127.0.0.1:${port}/`, {
          timeouts: { ...noLimits, connectMs: 400, firstByteMs: 10_000 },
        }),
      ),
    );
    expect(failure.code).toBe("upstream_timeout");
    expect(failure.message).toContain("400 ms (connect)");
    expect(performance.now() - start).toBeLessThan(9_000);
  } finally {
    for (const socket of sockets) socket.destroy();
    child.kill();
  }
});
