// TLS: every fault named, the certificate checked against the name and not the pinned address (R18, M13).
import { describe, expect, test } from "bun:test";

const here = new URL(".", import.meta.url).pathname;

/** Each case in one process that trusts the test authority through NODE_EXTRA_CA_CERTS, which is read at start only. */
const script = `
import { readFileSync } from "node:fs";
import { createServer as createTcp } from "node:net";
import { createServer } from "node:tls";
import { createEgress } from ${JSON.stringify(`${here}../../../src/egress.ts`)};
const egress = createEgress({ env: {}, resolve: async () => ["127.0.0.1"] });
const certificate = (name) => ({
  key: readFileSync(${JSON.stringify(`${here}certificates/`)} + name + ".key"),
  cert: readFileSync(${JSON.stringify(`${here}certificates/`)} + name + ".pem"),
});
const listen = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
async function attempt(name, port, hostname) {
  try {
    const answer = await egress.send({
      url: new URL("https://" + hostname + ":" + port + "/"), method: "GET", headers: new Headers(),
      signal: new AbortController().signal, network: "private-allowed",
      timeouts: { connectMs: 0, firstByteMs: 500, idleMs: 0, totalMs: 0 } });
    console.log(JSON.stringify([name, await answer.text(10)]));
  } catch (error) { console.log(JSON.stringify([name, error.code, error.message])); }
}
let connections = 0;
async function tls(name, pem, options, hostname = "localhost") {
  const server = createServer({ ...certificate(pem), ...options }, (socket) => {
    connections += 1;
    socket.on("error", () => {});
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok"));
  });
  server.on("tlsClientError", () => {});
  const port = await listen(server);
  await attempt(name, port, hostname);
  return port;
}
const port = await tls("good", "good");
await attempt("again", port, "localhost");
console.log(JSON.stringify(["connections", connections]));
await attempt("other name, same address", port, "other.test");
await tls("wrong name", "wrong");
await tls("right name for the other certificate", "wrong", {}, "other.test");
await tls("expired", "expired");
await tls("missing intermediate", "orphan");
await tls("self-signed", "self-signed");
await tls("TLS 1.1 only", "good", { minVersion: "TLSv1", maxVersion: "TLSv1.1" });
await attempt("plain HTTP", await listen(createTcp((s) => { s.on("error", () => {}); s.once("data", () => s.end("HTTP/1.1 400 Bad\\r\\n\\r\\n")); })), "localhost");
await attempt("closed in the handshake", await listen(createTcp((s) => { s.on("error", () => {}); s.once("data", () => s.end()); })), "localhost");
await attempt("stalled handshake", await listen(createTcp((s) => { s.on("error", () => {}); })), "localhost");
process.exit(0);
`;

async function run(env: Record<string, string>): Promise<Map<string, unknown[]>> {
  const child = Bun.spawn([process.execPath, "-e", script], {
    env: { ...process.env, ...env },
    stdout: "pipe",
    stderr: "inherit",
    timeout: 20_000,
  });
  const lines = (await new Response(child.stdout).text()).trim().split("\n");
  expect(await child.exited).toBe(0);
  return new Map(
    lines.map((line) => {
      const [name, ...result] = JSON.parse(line) as [string, ...unknown[]];
      return [name, result];
    }),
  );
}

describe("R18 TLS", () => {
  test("faults are named, an extra authority is honoured, pinned names are checked", async () => {
    const results = await run({ NODE_EXTRA_CA_CERTS: `${here}certificates/ca.pem` });
    const fails = (words: string): unknown[] => [
      "upstream_unavailable",
      expect.stringContaining(words),
    ];
    expect(results.get("good")).toEqual(["ok"]);
    expect(results.get("again")).toEqual(["ok"]);
    expect(results.get("connections")).toEqual([1]);
    expect(results.get("other name, same address")).toEqual(fails("for another name"));
    expect(results.get("wrong name")).toEqual(fails("for another name"));
    expect(results.get("right name for the other certificate")).toEqual(["ok"]);
    expect(results.get("expired")).toEqual(fails("has expired"));
    expect(results.get("missing intermediate")).toEqual(fails("intermediate certificate"));
    expect(results.get("self-signed")).toEqual(fails("self-signed"));
    expect(results.get("TLS 1.1 only")).toEqual(fails("handshake"));
    expect(results.get("plain HTTP")).toEqual(fails("does the server speak TLS"));
    expect(results.get("closed in the handshake")).toEqual(fails("closed"));
    expect(results.get("stalled handshake")).toEqual([
      "upstream_timeout",
      expect.stringContaining("(first_byte)"),
    ]);
    // Messages name the host as configured, never the address that was connected to.
    for (const [, message] of results.values()) {
      if (typeof message === "string") expect(message).not.toContain("127.0.0.1");
    }
  }, 30_000);

  test("an authority that nobody added is not trusted", async () => {
    const results = await run({ NODE_EXTRA_CA_CERTS: "" });
    expect(results.get("good")?.[0]).toBe("upstream_unavailable");
    expect(results.get("good")?.[1]).toContain("not trusted");
  }, 30_000);
});
