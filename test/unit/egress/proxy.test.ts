// Proxies from the environment and from the provider, loopback exempt (R21, M14).
import { describe, expect, test } from "bun:test";
import { createEgress } from "../../../src/egress.ts";
import { createProxyFor } from "../../../src/egress/proxy.ts";
import { rawServer, send } from "./raw-server.ts";
import { failureOf, toUpstream } from "./request.ts";

const proxyOf = (env: Record<string, string>, url: string, configured?: string): string | null =>
  createProxyFor(env)(new URL(url), configured)?.href ?? null;

describe("R21 the choice of proxy", () => {
  const table: [env: Record<string, string>, url: string, proxy: string | null][] = [
    [{}, "http://a.test/", null],
    [{ HTTP_PROXY: "http://p:1" }, "http://a.test/", "http://p:1/"],
    [{ http_proxy: "http://p:1" }, "http://a.test/", "http://p:1/"],
    [{ http_proxy: "http://low:1", HTTP_PROXY: "http://up:1" }, "http://a.test/", "http://low:1/"],
    [{ HTTP_PROXY: "http://p:1" }, "https://a.test/", null],
    [{ HTTPS_PROXY: "http://p:1" }, "https://a.test/", "http://p:1/"],
    [{ HTTPS_PROXY: "http://p:1" }, "http://a.test/", null],
    [{ ALL_PROXY: "http://p:1" }, "http://a.test/", "http://p:1/"],
    [{ ALL_PROXY: "http://all:1", HTTPS_PROXY: "http://p:1" }, "https://a.test/", "http://p:1/"],
    [{ HTTPS_PROXY: "" }, "https://a.test/", null],
    [{ HTTPS_PROXY: "p.test:3128" }, "https://a.test/", "http://p.test:3128/"],
    [{ HTTPS_PROXY: "https://u:s@p:1" }, "https://a.test/", "https://u:s@p:1/"],
    ...[
      "*",
      "a.test",
      ".a.test",
      "*.a.test",
      "A.TEST",
      "b.test, a.test",
      "a.test:443",
      "b a.test",
    ].map((list): [Record<string, string>, string, null] => [
      { HTTPS_PROXY: "http://p:1", NO_PROXY: list },
      "https://x.a.test/",
      null,
    ]),
    ...["b.test", "xa.test", "a.test:8443", "test.a", ",", "10.0.0.0/8"].map(
      (list): [Record<string, string>, string, string] => [
        { HTTPS_PROXY: "http://p:1", NO_PROXY: list },
        "https://a.test/",
        "http://p:1/",
      ],
    ),
    [{ HTTP_PROXY: "http://p:1", no_proxy: "10.0.0.0/8" }, "http://10.1.2.3/", null],
    [{ HTTP_PROXY: "http://p:1", no_proxy: "10.0.0.0/8" }, "http://11.1.2.3/", "http://p:1/"],
    [{ HTTP_PROXY: "http://p:1", no_proxy: "fd00::/8" }, "http://[fd12::1]/", null],
    [{ HTTP_PROXY: "http://p:1", no_proxy: "[fd12::1]:80" }, "http://[fd12::1]/", null],
    [{ HTTP_PROXY: "http://p:1", no_proxy: "10.1.2.3" }, "http://10.1.2.3:8000/", null],
  ];
  test.each(table)("%j %s", (env, url, proxy) => {
    expect(proxyOf(env, url)).toBe(proxy);
  });

  test.each([
    "http://127.0.0.1:1/",
    "http://127.9.9.9/",
    "http://localhost/",
    "http://localhost./",
    "http://x.localhost/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://0/",
    "https://localhost:8443/",
  ])("M14 loopback goes direct: %s", (url) => {
    expect(proxyOf({ ALL_PROXY: "http://p:1" }, url)).toBeNull();
    expect(proxyOf({}, url, "http://configured:1")).toBeNull();
  });

  test("the provider's own proxy wins over the environment and NO_PROXY", () => {
    expect(
      proxyOf({ ALL_PROXY: "http://p:1", NO_PROXY: "*" }, "http://a.test/", "http://own:2"),
    ).toBe("http://own:2/");
  });

  test.each(["socks5://p:1", "http://", "ftp://user:hunter2@p/"])(
    "%s is refused by name",
    (value) => {
      expect(() => proxyOf({ HTTPS_PROXY: value }, "https://a.test/")).toThrow("HTTPS_PROXY");
      try {
        proxyOf({ HTTPS_PROXY: value }, "https://a.test/");
      } catch (error) {
        expect(String(error)).not.toContain("hunter2");
      }
    },
  );
});

describe("R21 M14 on the wire", () => {
  const ok = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nproxy";

  test("a request for a name goes through the proxy whole, with its password, unresolved", async () => {
    await using proxy = await rawServer(send(ok));
    const egress = createEgress({
      env: { HTTP_PROXY: `http://user:s%40cret@127.0.0.1:${proxy.port}` },
      resolve: async () => {
        throw Object.assign(new Error("x"), { code: "ENOTFOUND" });
      },
    });
    const answer = await egress.send(
      toUpstream("http://only-the-proxy-knows.test/v1", { network: "public" }),
    );
    expect(await answer.text(10)).toBe("proxy");
    expect(proxy.received[0]).toStartWith("POST http://only-the-proxy-knows.test/v1 HTTP/1.1\r\n");
    expect(proxy.received[0]).toContain(`Basic ${btoa("user:s@cret")}`);
  });

  test("loopback reaches the upstream itself, whatever environment the process has", async () => {
    await using proxy = await rawServer(send(ok));
    await using upstream = await rawServer(send(ok.replace("proxy", "plain")));
    const variables = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` };
    const before = process.env["HTTP_PROXY"];
    process.env["HTTP_PROXY"] = variables.HTTP_PROXY;
    try {
      const answer = await createEgress({ env: variables }).send(toUpstream(upstream.url));
      expect(await answer.text(10)).toBe("plain");
    } finally {
      if (before === undefined) delete process.env["HTTP_PROXY"];
      else process.env["HTTP_PROXY"] = before;
    }
    expect(proxy.received).toEqual([]);
  });

  test("a public target behind a proxy is still refused when its name is known to be private", async () => {
    await using proxy = await rawServer(send(ok));
    const egress = createEgress({
      env: { ALL_PROXY: `http://127.0.0.1:${proxy.port}` },
      resolve: async () => ["10.0.0.1"],
    });
    for (const host of ["inner.test", "10.0.0.1", "169.254.169.254"]) {
      const failure = await failureOf(
        egress.send(toUpstream(`http://${host}/`, { network: "public" })),
      );
      expect(failure.message).toContain("not allowed");
    }
    expect(proxy.received).toEqual([]);
  });

  test("a proxy that refuses the tunnel, or is not there, is named without its password", async () => {
    await using proxy = await rawServer(
      send("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"),
    );
    const refused = createEgress({
      env: { HTTPS_PROXY: `http://user:hunter2@127.0.0.1:${proxy.port}` },
      resolve: async () => ["93.184.216.34"],
    });
    const failure = await failureOf(refused.send(toUpstream("https://a.test/")));
    expect([failure.code, failure.message]).toEqual([
      "upstream_unavailable",
      "the proxy refused to connect to `a.test`",
    ]);
    const broken = createEgress({ env: { HTTPS_PROXY: "socks5://user:hunter2@p:1" } });
    const unusable = await failureOf(broken.send(toUpstream("https://a.test/")));
    expect(unusable.message).toContain("HTTPS_PROXY");
    expect(unusable.message).not.toContain("hunter2");
  });
});
