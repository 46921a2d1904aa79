// The front guard: Host, Origin and method (faults S01, S02, S05, M03, M04).
import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../../src/ir/error.ts";
import { createGuard, type GuardOptions } from "../../../src/server/guard.ts";

const local: GuardOptions = { hostname: "127.0.0.1", allowedHosts: [], allowedOrigins: [] };

/** The status a request would get, 200 when it passes. */
function verdict(
  headers: Record<string, string>,
  options: Partial<GuardOptions> = {},
  method = "POST",
): number {
  const url = `http://${headers["host"] ?? "127.0.0.1:6342"}/v1/models`;
  const request = { method, url, headers: new Headers(headers) } as unknown as Request;
  try {
    createGuard({ ...local, ...options })(request);
    return 200;
  } catch (error) {
    return error instanceof GatewayError ? error.status : 0;
  }
}

describe("S01 a rebound name does not reach a loopback daemon", () => {
  test.each([
    "localhost",
    "localhost:6342",
    "LOCALHOST:6342",
    "localhost.:6342",
    "127.0.0.1:6342",
    "[::1]:6342",
    "127.0.0.1:9",
  ])("%s passes", (host) => {
    expect(verdict({ host })).toBe(200);
  });

  test.each([
    "evil.test",
    "evil.test:6342",
    "EVIL.TEST:6342",
    "evil.test.:6342",
    "127.0.0.1.evil.test",
    "localhost.evil.test:6342",
    "10.0.0.1:6342",
    "[::2]:6342",
    "0.0.0.0:6342",
  ])("%s is refused", (host) => {
    expect(verdict({ host })).toBe(403);
  });

  test("a configured name passes, and only that", () => {
    const options = { allowedHosts: ["Gateway.corp"] };
    expect(verdict({ host: "gateway.corp:443" }, options)).toBe(200);
    expect(verdict({ host: "other.corp" }, options)).toBe(403);
  });

  test("the address itself passes, and on a public listener the loopback names too", () => {
    expect(verdict({ host: "127.0.0.5:6342" }, { hostname: "127.0.0.5" })).toBe(200);
    const named = { hostname: "10.0.0.5", allowedHosts: ["gw.example"] };
    for (const host of ["10.0.0.5:6342", "127.0.0.1:6342", "gw.example"]) {
      expect(verdict({ host }, named)).toBe(200);
    }
    expect(verdict({ host: "other.example" }, named)).toBe(403);
  });

  test("a public listener takes any name unless the names are configured", () => {
    expect(verdict({ host: "gw.example" }, { hostname: "0.0.0.0" })).toBe(200);
    const named = { hostname: "0.0.0.0", allowedHosts: ["gw.example"] };
    expect(verdict({ host: "gw.example" }, named)).toBe(200);
    expect(verdict({ host: "evil.test" }, named)).toBe(403);
  });
});

describe("S05 a Host that would change the path is malformed", () => {
  test.each([
    "",
    "a/b",
    "a?b",
    "a#b",
    "a@b",
    String.raw`a\b`,
    "a b",
    "localhost, evil.test",
    "user@localhost",
    "localhost:",
    "localhost:99999",
    "localhost:12x",
    "[::1",
    "::1",
    "%6cocalhost",
    "localhost%00",
    "-localhost",
    "loc_alhost..",
    "localhost:6342:6342",
    "localhost/",
  ])("%j", (host) => {
    expect(verdict({ host })).toBe(400);
  });

  test("no Host at all", () => {
    const request = { method: "GET", url: "/v1/models", headers: new Headers() };
    expect(() => createGuard(local)(request as unknown as Request)).toThrow(GatewayError);
  });

  test("a target whose authority is not the Host", () => {
    const headers = new Headers({ host: "localhost:6342" });
    const request = { method: "GET", url: "http://evil.test/v1/models", headers };
    expect(() => createGuard(local)(request as unknown as Request)).toThrow(/Host/);
  });
});

describe("S02 a foreign web page is refused", () => {
  const host = "localhost:6342";
  test.each([
    [{ origin: "https://evil.test" }, 403],
    [{ origin: "null" }, 403],
    [{ origin: "http://localhost:3000" }, 403],
    [{ origin: "http://localhost:6342" }, 200],
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "sec-fetch-site": "same-origin" }, 200],
    [{ "sec-fetch-site": "none" }, 200],
    [{ "sec-fetch-mode": "cors", "accept-language": "*" }, 200],
    [{}, 200],
  ])("%j → %d", (headers, status) => {
    expect(verdict({ host, ...headers })).toBe(status);
  });

  test("an allowed origin passes, its neighbours do not", () => {
    const options = { allowedOrigins: ["https://app.example"] };
    expect(verdict({ host, origin: "https://app.example" }, options)).toBe(200);
    expect(verdict({ host, origin: "https://app.example.evil.test" }, options)).toBe(403);
    expect(verdict({ host, origin: "http://app.example" }, options)).toBe(403);
  });
});

test.each(["TRACE", "CONNECT", "PROPFIND"])("M04 %s is answered 405", (method) => {
  expect(verdict({ host: "localhost" }, {}, method)).toBe(405);
});
