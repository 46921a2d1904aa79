// A port that another process holds on one address only: the message names that process, never our own (S06).
import { expect, test } from "bun:test";
import { listen, ListenError } from "../../src/server/listen.ts";

const squat = `const server = Bun.serve({ hostname: "::1", ipv6Only: true, port: 0, fetch: () => new Response() });
console.log(server.port);`;

test("S06 the holder of [::1] is named although we hold 127.0.0.1 already", async () => {
  const squatter = Bun.spawn([process.execPath, "-e", squat], { stdout: "pipe" });
  try {
    const { value } = await squatter.stdout.getReader().read();
    const port = Number(Buffer.from(value ?? []).toString("utf8"));
    const error = await listen({
      addresses: ["127.0.0.1", "::1"],
      port,
      allowedHosts: [],
      allowedOrigins: [],
      fetch: async () => new Response(),
    }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ListenError);
    const { message } = error as ListenError;
    expect(message).toContain(`[::1]:${port}`);
    // Started by this process, so its pid is the higher one unless the numbers wrapped around.
    expect(message).toContain(`pid ${squatter.pid}`);
    expect(message).not.toContain(`pid ${process.pid})`);
  } finally {
    squatter.kill();
    await squatter.exited;
  }
});
