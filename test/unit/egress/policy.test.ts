// Names, pinning, schemes, headers and redirects: what may leave, and where to (S10, S12, S13, S16).
import { describe, expect, test } from "bun:test";
import { createEgress, type EgressFetch } from "../../../src/egress.ts";
import { failureOf, toUpstream } from "./request.ts";

function fakeUpstream(status = 200, headers: Record<string, string> = {}) {
  const calls: { url: string; init: BunFetchRequestInit; headers: Headers }[] = [];
  const fetch: EgressFetch = async (url, init) => {
    calls.push({ url, init, headers: new Headers(init.headers) });
    return new Response("ok", { status, headers });
  };
  return { calls, fetch };
}

describe("S12 resolved addresses", () => {
  const answers: Record<string, string[]> = {
    "loop.test": ["127.0.0.1"],
    "ten.test": ["10.1.2.3"],
    "meta.test": ["169.254.169.254"],
    "cgnat.test": ["100.64.1.1"],
    "ula.test": ["fd12::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "zero.test": ["0.0.0.0"],
    "mixed.test": ["93.184.216.34", "10.0.0.1"],
    "multi.test": ["224.0.0.1"],
    "public.test": ["2606:2800:220::1", "93.184.216.34"],
  };
  const resolve = async (name: string): Promise<string[]> => answers[name] ?? [];

  test.each(Object.keys(answers).filter((name) => name !== "public.test"))(
    "%s is refused for a public target, with no byte sent",
    async (name) => {
      const { calls, fetch } = fakeUpstream();
      const egress = createEgress({ env: {}, fetch, resolve });
      const failure = await failureOf(
        egress.send(toUpstream(`https://${name}/v1`, { network: "public" })),
      );
      expect(failure.code).toBe("upstream_unavailable");
      expect(failure.message).toContain(`\`${name}\``);
      // The address itself is for the operator's log only.
      expect(failure.message).not.toContain(answers[name]?.[0] ?? "?");
      expect(String(failure.cause)).toContain("BlockedAddressError");
      expect(calls).toEqual([]);
    },
  );

  test("M13 a public name is connected to by the address that was checked, IPv4 first, with its own name", async () => {
    const { calls, fetch } = fakeUpstream();
    const egress = createEgress({ env: {}, fetch, resolve });
    await egress.send(toUpstream("https://public.test:8443/v1?a=%2F#x", { network: "public" }));
    expect(calls[0]?.url).toBe("https://93.184.216.34:8443/v1?a=%2F");
    expect(calls[0]?.headers.get("host")).toBe("public.test:8443");
    expect(calls[0]?.init.tls).toEqual({ serverName: "public.test" });
    expect(calls[0]?.init.proxy).toBe(false);
    expect(calls[0]?.init.redirect).toBe("manual");
  });

  test("a resolver that changes its answer after the check changes nothing", async () => {
    const { calls, fetch } = fakeUpstream();
    let asked = 0;
    const egress = createEgress({
      env: {},
      fetch,
      resolve: async () => [["93.184.216.34"], ["127.0.0.1"]][asked++ % 2] ?? [],
    });
    for (let round = 0; round < 4; round += 1) {
      await egress.send(toUpstream("http://rebind.test/", { network: "public" }));
    }
    expect(calls.every((call) => call.url.startsWith("http://93.184.216.34:80/"))).toBe(true);
  });

  test("private networks are open to configured providers, link-local is not", async () => {
    const { calls, fetch } = fakeUpstream();
    const egress = createEgress({ env: {}, fetch, resolve });
    for (const name of ["loop.test", "ten.test", "cgnat.test", "ula.test", "mapped.test"]) {
      await egress.send(toUpstream(`http://${name}/`));
    }
    expect(calls.length).toBe(5);
    for (const name of ["meta.test", "zero.test", "multi.test"]) {
      expect((await failureOf(egress.send(toUpstream(`http://${name}/`)))).code).toBe(
        "upstream_unavailable",
      );
    }
    // Written out by the operator, the address is what the operator wants.
    await egress.send(toUpstream("http://169.254.169.254/"));
    expect(calls.length).toBe(6);
  });

  test("R19 names that do not resolve say so, and are asked for again next time", async () => {
    const { fetch } = fakeUpstream();
    let asked = 0;
    const egress = createEgress({
      env: {},
      fetch,
      resolve: async () => {
        asked += 1;
        if (asked === 1) throw Object.assign(new Error("x"), { code: "ENOTFOUND" });
        if (asked === 2) return [];
        return ["93.184.216.34"];
      },
    });
    const request = (): ReturnType<typeof toUpstream> => toUpstream("https://flaky.test/");
    expect((await failureOf(egress.send(request()))).message).toContain("could not be resolved");
    expect((await failureOf(egress.send(request()))).message).toContain("could not be resolved");
    expect((await egress.send(request())).status).toBe(200);
    expect((await egress.send(request())).status).toBe(200);
    expect(asked).toBe(3);
  });

  test("R19 a resolver that hangs is cut by the connect deadline", async () => {
    const { fetch } = fakeUpstream();
    const egress = createEgress({ env: {}, fetch, resolve: () => new Promise(() => {}) });
    const failure = await failureOf(
      egress.send(
        toUpstream("https://slow.test/", {
          timeouts: { connectMs: 50, firstByteMs: 0, idleMs: 0, totalMs: 0 },
        }),
      ),
    );
    expect(failure.code).toBe("upstream_timeout");
    expect(failure.message).toContain("(connect)");
  });

  test("R19 one dead address of two: the other answers, and comes first from then on", async () => {
    const tried: string[] = [];
    const egress = createEgress({
      env: {},
      resolve: async () => ["93.184.216.34", "93.184.216.35"],
      fetch: async (url) => {
        tried.push(new URL(url).hostname.slice(-2));
        if (url.includes("216.34"))
          throw Object.assign(new TypeError("x"), { code: "ECONNREFUSED" });
        return new Response("ok");
      },
    });
    await egress.send(toUpstream("http://two.test/"));
    await egress.send(toUpstream("http://two.test/"));
    expect(tried).toEqual(["34", "35", "35"]);
  });

  test("M15 R29 a reset is not tried again, nor is a body that can be read once only", async () => {
    for (const [code, body] of [
      ["ECONNRESET", "x"],
      ["ECONNREFUSED", new Response("x").body],
    ] as const) {
      let tries = 0;
      const egress = createEgress({
        env: {},
        resolve: async () => ["93.184.216.34", "93.184.216.35"],
        fetch: async () => {
          tries += 1;
          throw Object.assign(new TypeError("x"), { code });
        },
      });
      await failureOf(egress.send(toUpstream("http://two.test/", { body: body ?? undefined })));
      expect(tries).toBe(1);
    }
  });
});

describe("S10 schemes", () => {
  test.each([
    "file:///etc/passwd",
    "data:text/plain,x",
    "s3://bucket/key",
    "ftp://h/",
    "gopher://h/",
    "javascript:1",
    "blob:http://h/1",
    "unix:/run/x.sock",
    "ws://h/",
  ])("%s is refused", async (url) => {
    const { calls, fetch } = fakeUpstream();
    const failure = await failureOf(createEgress({ env: {}, fetch }).send(toUpstream(url)));
    expect(failure.message).toContain("scheme");
    expect(calls).toEqual([]);
  });

  test("credentials in the URL are refused and not repeated", async () => {
    const { fetch } = fakeUpstream();
    const failure = await failureOf(
      createEgress({ env: {}, fetch }).send(toUpstream("http://user:hunter2@127.0.0.1/")),
    );
    expect(failure.message).not.toContain("hunter2");
  });
});

describe("S16 headers", () => {
  test("connection, proxy and session headers never leave; identity is asked for", async () => {
    const { calls, fetch } = fakeUpstream();
    await createEgress({ env: {}, fetch }).send(
      toUpstream("http://127.0.0.1:1/", {
        headers: new Headers({
          host: "evil.test",
          connection: "keep-alive, X-Secret",
          "x-secret": "1",
          "keep-alive": "timeout=5",
          "transfer-encoding": "chunked",
          "content-length": "999",
          "proxy-authorization": "Basic x",
          "proxy-anything": "1",
          cookie: "session=1",
          te: "trailers",
          trailer: "x",
          upgrade: "h2c",
          "accept-encoding": "gzip",
          authorization: "Bearer provider-key",
          "x-api-key": "provider-key",
          "content-type": "application/json",
        }),
      }),
    );
    expect(Object.fromEntries(calls[0]?.headers ?? [])).toEqual({
      "accept-encoding": "identity",
      authorization: "Bearer provider-key",
      "content-type": "application/json",
      "user-agent": expect.stringMatching(/^megallm\/\d/),
      "x-api-key": "provider-key",
    });
  });

  test("hop-by-hop headers of the answer stay here", async () => {
    const { fetch } = fakeUpstream(200, {
      connection: "close, x-hop",
      "x-hop": "1",
      "keep-alive": "timeout=5",
      "proxy-authenticate": "Basic",
      "x-request-id": "r1",
    });
    const answer = await createEgress({ env: {}, fetch }).send(toUpstream("http://127.0.0.1:1/"));
    expect(answer.headers.get("x-request-id")).toBe("r1");
    for (const name of ["connection", "x-hop", "keep-alive", "proxy-authenticate"]) {
      expect([name, answer.headers.get(name)]).toEqual([name, null]);
    }
  });
});

describe("S13 M11 redirects", () => {
  test.each([300, 301, 302, 303, 304, 305, 307, 308])("%d is not followed", async (status) => {
    let canary = 0;
    using other = Bun.serve({
      port: 0,
      fetch() {
        canary += 1;
        return new Response("stolen");
      },
    });
    using upstream = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () =>
        new Response(null, {
          status,
          headers: { location: `http://127.0.0.1:${other.port}/secret-path` },
        }),
    });
    const failure = await failureOf(
      createEgress({ env: {} }).send(toUpstream(`http://127.0.0.1:${upstream.port}/`)),
    );
    expect(failure.code).toBe("upstream_invalid");
    expect(failure.message).toContain(String(status));
    expect(failure.message).not.toContain("secret-path");
    expect(canary).toBe(0);
  });
});
