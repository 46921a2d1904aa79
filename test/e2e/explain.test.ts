// `megallm explain` asks the running daemon: it knows whose turn it is, and asking takes nobody's.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startDaemon } from "../support/daemon.ts";

const config = `
discover: { environment: false, local: false }
providers: { demo: {} }
models:
  turns: { policy: round-robin, deployments: [demo/echo, "demo/fixed:hello"] }
`;

test("the daemon's own turns", async () => {
  const daemon = await startDaemon({ config });
  try {
    const request = { model: "turns", messages: [{ role: "user", content: "Hi" }] };
    const file = join(daemon.folder, "request.json");
    writeFileSync(file, JSON.stringify(request));
    const firstOf = async (): Promise<string> => {
      const off = ["--header", "x-megallm-affinity: off"];
      const args = ["explain", "-f", file, "--config", daemon.configPath, ...off];
      const { code, stdout } = await daemon.cli(...args);
      expect(code).toBe(0);
      expect(stdout).not.toContain("no gateway is running");
      return /^ *1 +(\S+)/m.exec(stdout)?.[1] ?? stdout;
    };
    expect(await firstOf()).toBe("demo/echo");
    expect(await firstOf()).toBe("demo/echo");
    const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    expect(answer.status).toBe(200);
    await answer.text();
    expect(await firstOf()).toBe("demo/fixed:hello");
  } finally {
    await daemon.dispose();
  }
});
