// WebSockets to upstreams keep the rules of the egress: addresses, proxies, deadlines, typed failures.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Server, type AddressInfo } from "node:net";
import { createSocketEgress, type SocketRequest } from "../../../src/egress/socket.ts";
import type { GatewayError } from "../../../src/ir/error.ts";

let server: Bun.Server<undefined>;
let silent: Server;
const hosts: (string | null)[] = [];
const lines: string[] = [];

beforeAll(async () => {
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, own) {
      hosts.push(request.headers.get("host"));
      const status = Number(new URL(request.url).searchParams.get("status") ?? 101);
      if (status !== 101) return new Response("no", { status });
      return own.upgrade(request, { data: undefined }) ? undefined : new Response("?");
    },
    websocket: {
      open(socket) {
        socket.send("early");
        socket.send(Buffer.from([1, 2]));
      },
      message(socket, message) {
        if (message === "end") socket.close(4000, "as asked");
        else socket.send(message);
      },
    },
  });
  // Takes connections, and remembers what is said first.
  silent = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      lines.push(String(data).split("\r\n")[0] ?? "");
      if (String(data).startsWith("CONNECT")) socket.end("HTTP/1.1 502 No\r\n\r\n");
    });
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  await server.stop(true);
  silent.close();
});

const silentPort = (): number => (silent.address() as AddressInfo).port;

const ask = (url: string, more: Partial<SocketRequest> = {}): SocketRequest => ({
  url: new URL(url),
  headers: new Headers(),
  protocols: [],
  network: "private-allowed",
  timeoutMs: 5_000,
  signal: new AbortController().signal,
  ...more,
});

const egressTo = (...addresses: string[]) =>
  createSocketEgress({ env: {}, resolve: async () => addresses });

const failureOf = (promise: Promise<unknown>): Promise<GatewayError> =>
  promise.then(
    () => expect.unreachable(),
    (error) => error,
  );

test("what comes before anybody listens is kept, in order, and closes are told", async () => {
  const socket = await egressTo().connect(ask(server.url.href));
  await Bun.sleep(5);
  const seen: unknown[] = [];
  const { promise: closed, resolve } = Promise.withResolvers<[number, string]>();
  socket.listen({
    message: (message) => void seen.push(message),
    close: (code, reason) => resolve([code, reason]),
  });
  socket.send("one");
  socket.send("end");
  expect(await closed).toEqual([4000, "as asked"]);
  expect(seen).toEqual(["early", Buffer.from([1, 2]), "one"]);
  expect(socket.bufferedBytes()).toBe(0);
});

test("connects to the address that was checked, under the name that was asked for", async () => {
  const socket = await egressTo("127.0.0.1").connect(ask(`http://api.test:${server.port}/`));
  socket.close(1000, "");
  expect(hosts.at(-1)).toBe(`api.test:${server.port}`);
});

test("goes on to the next address when one takes no connection", async () => {
  const socket = await egressTo("127.0.0.9", "127.0.0.1").connect(
    ask(`http://api.test:${server.port}/`),
  );
  socket.close(1000, "");
});

test.each([
  ["169.254.169.254", "private-allowed"],
  ["127.0.0.1", "public"],
  ["10.0.0.1", "public"],
] as const)("refuses %s where %s addresses are meant", async (address, network) => {
  const failure = await failureOf(
    egressTo(address).connect(ask(`http://api.test:${server.port}/`, { network })),
  );
  expect(failure).toMatchObject({ code: "upstream_unavailable" });
  expect(failure.message).toContain("not allowed");
});

test.each([
  [401, "upstream_auth", 502],
  [403, "upstream_auth", 502],
  [404, "upstream_rejected", 404],
  [429, "upstream_rate_limited", 429],
  [503, "upstream_unavailable", 502],
])("an upgrade that is answered %d is %s", async (status, code, shown) => {
  const failure = await failureOf(egressTo().connect(ask(`${server.url.href}?status=${status}`)));
  expect(failure).toMatchObject({ code, status: shown, upstream: { status } });
});

test("nobody there is upstream_unavailable, nobody answering upstream_timeout, nobody waiting client_closed", async () => {
  const gone = await failureOf(egressTo().connect(ask("http://127.0.0.1:1/")));
  expect(gone).toMatchObject({ code: "upstream_unavailable" });
  const mute = ask(`http://127.0.0.1:${silentPort()}/`, { timeoutMs: 30 });
  expect(await failureOf(egressTo().connect(mute))).toMatchObject({ code: "upstream_timeout" });
  const left = new AbortController();
  const waiting = egressTo().connect(ask(mute.url.href, { signal: left.signal }));
  left.abort();
  expect(await failureOf(waiting)).toMatchObject({ code: "client_closed" });
});

test("goes through the proxy that the environment or the provider names", async () => {
  const proxy = `http://127.0.0.1:${silentPort()}`;
  lines.length = 0;
  const byEnvironment = createSocketEgress({
    env: { https_proxy: proxy },
    resolve: async () => ["8.8.8.8"],
  });
  await failureOf(
    byEnvironment.connect(ask("https://api.test/v1/realtime", { network: "public" })),
  );
  await failureOf(
    egressTo("8.8.8.8").connect(ask("https://api.test/v1/realtime", { network: "public", proxy })),
  );
  expect(lines).toEqual(["CONNECT api.test:443 HTTP/1.1", "CONNECT api.test:443 HTTP/1.1"]);
});

/** In a process of its own: extra authorities are read at its start only. */
const overTls = `
import { createSocketEgress } from ${JSON.stringify(`${import.meta.dir}/../../../src/egress/socket.ts`)};
const folder = ${JSON.stringify(`${import.meta.dir}/certificates/`)};
const server = (name) => Bun.serve({
  port: 0, hostname: "127.0.0.1",
  tls: { key: Bun.file(folder + name + ".key"), cert: Bun.file(folder + name + ".pem") },
  fetch: (request, own) => (own.upgrade(request, { data: undefined }) ? undefined : new Response("?")),
  websocket: { open(socket) { socket.send("hello"); }, message() {} },
});
const egress = createSocketEgress({ env: {}, resolve: async () => ["127.0.0.1"] });
async function attempt(pem, hostname) {
  const url = new URL("https://" + hostname + ":" + server(pem).port + "/");
  const request = { url, headers: new Headers(), protocols: [], network: "private-allowed", timeoutMs: 2000, signal: new AbortController().signal };
  try {
    const socket = await egress.connect(request);
    await new Promise((resolve) => socket.listen({ message: resolve, close() {} }));
    return "open";
  } catch (error) { return error.code; }
}
console.log(JSON.stringify([
  await attempt("good", "localhost"), await attempt("good", "other.test"), await attempt("wrong", "localhost"),
  await attempt("expired", "localhost"), await attempt("self-signed", "localhost"),
]));
process.exit(0);
`;

test("checks the certificate against the name and not the pinned address", async () => {
  const child = Bun.spawn([process.execPath, "-e", overTls], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: `${import.meta.dir}/certificates/ca.pem` },
    stdout: "pipe",
    stderr: "inherit",
    timeout: 20_000,
  });
  const refused = "upstream_unavailable";
  expect(JSON.parse(await new Response(child.stdout).text())).toEqual([
    "open",
    refused,
    refused,
    refused,
    refused,
  ]);
});
