// Loading: what a configuration becomes, and that every broken one ends in problems and nothing else.
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { LoadOptions, LoadedConfig } from "../../../src/config/load.ts";
import {
  configFromObject,
  defaultConfig,
  loadConfig,
  parseConfig,
} from "../../../src/config/load.ts";
import type { Problem } from "../../../src/config/problems.ts";
import { ConfigError, formatProblem } from "../../../src/config/problems.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { presets } from "./presets.ts";

const env = {
  HOME: "/home/ada",
  OPENAI_API_KEY: "sk-openai-0123456789abcdef",
  ANTHROPIC_API_KEY: "sk-ant-0123456789abcdef",
};

const folder = mkdtempSync(join(tmpdir(), "megallm-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const parse = (text: string, more: Partial<LoadOptions> = {}): LoadedConfig =>
  parseConfig(text, { env, presets, ...more });

/** The problems of text that must be refused. */
function problemsOf(text: string, more: Partial<LoadOptions> = {}): Problem[] {
  try {
    parse(text, more);
  } catch (error) {
    if (error instanceof ConfigError) return [...error.problems];
    throw error;
  }
  throw new Error("the configuration was accepted");
}

const first = (text: string): string => {
  const problem = problemsOf(text)[0];
  if (problem === undefined) throw new Error("no problem");
  return formatProblem(problem);
};

describe("a configuration", () => {
  test("of the shape that users write becomes providers and routes", () => {
    const { config, warnings } = parse(`
server: { host: 127.0.0.1, port: 6342 }
providers:
  openai: { api_key: "\${OPENAI_API_KEY}" }
  claude: { type: anthropic, base_url: "http://127.0.0.1:9000", api_key: k }
  mine: { type: openai-compatible, base_url: "http://10.0.0.5:8000/v1/", api_key: k, headers: { X-Team: a } }
models:
  gpt-4: claude/claude-opus-5-5
  split: { policy: weighted, deployments: [ { model: mine/llama, weight: 70 }, { model: claude/claude-opus-5-5, weight: 20 }, { model: openai/gpt-4o, weight: 10 } ], fallbacks: [openai/gpt-4o-mini] }
`);
    expect(warnings).toEqual([]);
    expect(config.providers.map(({ name, baseUrl }) => [name, baseUrl])).toEqual([
      ["openai", "https://api.openai.test/v1"],
      ["claude", "http://127.0.0.1:9000"],
      ["mine", "http://10.0.0.5:8000/v1"],
    ]);
    expect(config.providers[0]?.keys[0]?.secret.reveal()).toBe(env.OPENAI_API_KEY);
    expect(config.providers[1]?.preset.id).toBe("anthropic");
    expect(config.providers[1]?.customBaseUrl).toBe(true);
    expect(config.providers[2]?.headers).toEqual({ "x-team": "a" });
    expect(config.routes.get("gpt-4")).toEqual({
      name: "gpt-4",
      policy: "first",
      deployments: [
        {
          provider: "claude",
          model: "claude-opus-5-5",
          weight: 1,
          order: 0,
          timeouts: {},
          parameters: {},
        },
      ],
      fallbacks: {},
      timeouts: {},
      retry: {},
    });
    const split = config.routes.get("split");
    expect(split?.policy).toBe("weighted");
    expect(split?.deployments.map(({ weight }) => weight)).toEqual([70, 20, 10]);
    expect(split?.fallbacks).toEqual({ general: ["openai/gpt-4o-mini"] });
  });

  test("that says nothing has the documented defaults (R09: 20 minutes of silence survive)", () => {
    const { config } = parse("{}");
    expect(config.server).toEqual({
      host: "127.0.0.1",
      addresses: ["127.0.0.1", "::1"],
      loopback: true,
      port: 6342,
      allowedHosts: [],
      allowedOrigins: [],
      trustedProxies: [],
      maxBodyBytes: 33_554_432,
      maxUploadBytes: 536_870_912,
      drainTimeoutMs: 30_000,
      requireKey: false,
    });
    expect(config.timeouts.firstByteMs).toBeGreaterThan(20 * 60_000);
    expect(config.timeouts.idleMs).toBeGreaterThan(20 * 60_000);
    expect(config.timeouts.connectMs).toBe(5_000);
    expect(config.discover).toEqual({ environment: false, local: false, models: true });
    expect(config.dataDir).toBe("/home/ada/.local/state/megallm");
  });

  test("reads durations, sizes, flags and numbers from interpolated text too", () => {
    const { config } = parse(
      'server: { port: "${PORT}", max_body: "${SIZE}", drain_timeout: 250ms }\ndiscover: { environment: "${FLAG}" }\ntimeouts: { idle: off, total: 90000 }',
      { env: { PORT: "8080", SIZE: "1mb", FLAG: "true" } },
    );
    expect(config.server.port).toBe(8080);
    expect(config.server.maxBodyBytes).toBe(1_048_576);
    expect(config.server.drainTimeoutMs).toBe(250);
    expect(config.discover.environment).toBe(true);
    expect(config.timeouts.idleMs).toBeNull();
    expect(config.timeouts.totalMs).toBe(90_000);
  });

  test("never reads interpolated text as YAML or for further references", () => {
    const { config } = parse('providers: { openai: { api_key: "${K}" } }\nlog: { level: info }', {
      env: { K: "x}:{${OTHER}#[" },
    });
    expect(config.providers[0]?.keys[0]?.secret.reveal()).toBe("x}:{${OTHER}#[");
  });

  test("may leave sections empty, as when their entries are commented out", () => {
    const { config } = parse("keys:\nmodels:\nproviders:\n  openai:\n  demo:\n");
    expect(config.providers.map(({ name }) => name)).toEqual(["openai", "demo"]);
  });

  test("may be JSON with tabs, with places in its problems", () => {
    expect(parse('{\n\t"log": {\n\t\t"level": "debug"\n\t}\n}').config.log.level).toBe("debug");
    expect(problemsOf('{\n\t"log": {\n\t\t"levle": "debug"\n\t}\n}')[0]).toMatchObject({
      line: 3,
      column: 3,
      path: "log.levle",
      hint: "did you mean `level`?",
    });
  });

  test("may share parts by anchors", () => {
    const { config } = parse(
      "providers:\n  openai: { timeouts: &slow { first_byte: 1h } }\n  anthropic: { timeouts: *slow }\n",
    );
    expect(config.providers[1]?.timeouts).toEqual({ firstByteMs: 3_600_000 });
  });

  test("keeps keys as they are spelled", () => {
    const { config } = parse("providers: { demo: {} }\nmodels:\n  1.10: demo/echo\n  4: demo/echo");
    expect([...config.routes.keys()].toSorted()).toEqual(["1.10", "4"]);
  });

  test("changes its generation with the text, the environment and secret files, and only then", () => {
    const text = 'providers: { openai: { api_key: "${OPENAI_API_KEY}" } }';
    const same = parse(text).generation;
    expect(parse(text).generation).toBe(same);
    expect(parse(`${text} # note`).generation).not.toBe(same);
    expect(parse(text, { env: { ...env, OPENAI_API_KEY: "other" } }).generation).not.toBe(same);
    expect(parse(text, { env: { ...env, UNRELATED: "other" } }).generation).toBe(same);
    const implicit = parse("providers: { openai: {} }").generation;
    const changed = parse("providers: { openai: {} }", { env: { OPENAI_API_KEY: "other" } });
    expect(changed.generation).not.toBe(implicit);
  });
});

describe("problems", () => {
  test("come all at once, sorted, each with its place and what to do", () => {
    const problems = problemsOf(`server:
  port: 70000
  hots: 127.0.0.1
providers:
  openai:
    api_kee: sk-live-0123456789abcdef
  nobody: {}
models:
  a: opnai/gpt-4o
  b: { policy: wieghted, deployments: [] }
`);
    expect(problems.map(({ line, column, path }) => [line, column, path])).toEqual([
      [2, 9, "server.port"],
      [3, 3, "server.hots"],
      [6, 5, "providers.openai.api_kee"],
      [7, 3, "providers.nobody"],
      [9, 6, "models.a"],
      [10, 16, "models.b.policy"],
      [10, 26, "models.b.deployments"],
    ]);
    expect(problems.map(({ hint }) => hint)).toEqual([
      undefined,
      "did you mean `host`?",
      "did you mean `api_key`?",
      expect.stringContaining("type"),
      "did you mean `openai`?",
      "did you mean `weighted`?",
      undefined,
    ]);
  });

  test("print as file:line:column with the line and a caret, the misplaced secret masked (S33)", () => {
    const text =
      "log: {}\nproviders:\n  openai:\n    api_kee: sk-live-0123456789abcdef # old: sk-live-fedcba9876543210\n";
    expect(first(text)).toBe(
      [
        "megallm.yaml:4:5: unknown key `api_kee` in providers.openai — did you mean `api_key`?",
        "      api_kee: *** # old: ***",
        "      ^^^^^^^",
      ].join("\n"),
    );
  });

  test("never show a secret, wherever it stands (S33)", () => {
    const canary = "CANARY7d41secret";
    const texts = [
      `providers: { openai: { api_key: ["${canary}"] } }`,
      `providers: { openai: { api_key: "${canary} x" } }`,
      `providers: { openai: { keys: [{ nam: a, key: ${canary} }] } }`,
      `providers: { openai: { headers: { authorization: { a: ${canary} } } } }`,
      `providers: { openai: { headers: { host: ${canary} } } }`,
      `keys: { app: [${canary}] }`,
      `keys: { app: { kee: ${canary} } }`,
      `admin: ${canary}`,
      canary,
      `api_key: ${canary}`,
      `server: { api_key: ${canary}, port: no }`,
      `providers: { mine: { type: openai-compatible, base_url: "http://user:${canary}@host/v1" } }`,
      `providers: { openai: { proxy: "ftp://user:${canary}@host" } }`,
      `providers: { openai: { api_key: ${canary}`,
      `providers:\n  openai:\n\t api_key: ${canary}`,
      `providers:\n  openai: { api_key: \${NOPE:${canary}}`,
      `keys: { a: ${canary}${canary}, b: ${canary}${canary} }`,
      `models: { a: { deployments: [{ model: openai/x, api_key: ${canary} }] } }`,
      `log: { level: "\${CANARY}", format: "\${CANARY}" }`,
    ];
    for (const text of texts) {
      const problems = problemsOf(text, { env: { ...env, CANARY: canary } });
      const shown = problems.map(formatProblem).join("\n") + JSON.stringify(problems);
      expect(shown).not.toContain(canary);
    }
  });

  test("name the variable that is not set and how to mend it", () => {
    expect(first('admin: { key: "${ADMIN}" }')).toStartWith(
      "megallm.yaml:1:15: the environment variable ADMIN is not set — set ADMIN, or give a default: `${ADMIN:-…}`",
    );
    expect(first("providers: { both: {} }")).toContain(
      "`region` is missing in providers.both — e.g. `region: eu-west-1`, or set BOTH_REGION",
    );
    expect(first("providers: { both: { region: eu-1 } }")).toContain(
      "no key for providers.both: BOTH_KEY or BOTH_TOKEN is not set",
    );
  });

  test("are about one cause once", () => {
    expect(
      problemsOf('providers: { openai: { api_key: "${NOPE}" } }\nmodels: { a: openai/x }'),
    ).toHaveLength(1);
    expect(
      problemsOf("providers: { opnai: {} }\nmodels: { a: opnai/x, b: { deployments: [opnai/y] } }"),
    ).toHaveLength(1);
    expect(
      problemsOf(
        "providers: { mine: { type: openai-compatible, base_url: ftp://x } }\nmodels: { a: mine/x }",
      ),
    ).toHaveLength(1);
    expect(problemsOf("models: { a: { deployments: 5 }, b: a }")).toHaveLength(1);
  });

  const cases: [name: string, text: string, expected: string][] = [
    ["empty", "", "the file is empty"],
    ["only comments", "# nothing\n", "the file is empty"],
    ["a list", "- a", "must be a map"],
    ["a text", "hello", "must be a map"],
    ["a null byte", "\0", "must be a map"],
    ["an open bracket", "a: [1, 2", "not valid YAML"],
    ["a bad indent", "server:\n  host: a\n port: 1", "not valid YAML"],
    ["a tab", "server:\n\tport: 1", "indent with spaces"],
    ["two documents", "server: {}\n---\nserver: {}", "several documents"],
    ["a tag", "server: !!js/function x", "tags"],
    ["YAML 1.1", "%YAML 1.1\n---\nserver: {}", "only YAML 1.2"],
    ["a duplicate key", "server: {}\nserver: {}", "`server` stands twice"],
    ["a key that is a list", "? [a]\n: b", "a key must be plain text"],
    ["an unknown alias", "server: *x", "no anchor"],
    ["an alias of itself", "keys: &a { b: *a }", "contains itself"],
    ["a wrong section", "server: 5", "expected a map, got a number"],
    ["a wrong type", "server: { host: [a] }", "expected a string, got a list"],
    [
      "a number as text",
      "models: { a: { deployments: [5] } }",
      "expected a string or a map, got a number",
    ],
    [
      "a missing field",
      "models: { a: { deployments: [{ weight: 1 }] } }",
      "`model` is missing in models.a.deployments[0]",
    ],
    ["a port", "server: { port: abc }", "expected a whole number from 0 to 65535"],
    ["a duration", "timeouts: { idle: 5 parsecs }", "expected milliseconds, or a duration"],
    ["a duration of nothing", "timeouts: { idle: 0 }", "from 1ms"],
    ["a duration beyond timers", "timeouts: { idle: 25d }", "to 24d"],
    ["a size", "server: { max_body: 1 }", "from 1kb to 1gb"],
    ["a price", "prices: { a: { input: -1, output: 1 } }", "expected US dollars"],
    ["a price too fine", 'prices: { a: { input: "0.0000000001", output: 1 } }', "9 digits"],
    ["a host", "server: { host: example.com }", "expected an IP address"],
    ["an origin", "server: { allowed_origins: ['*'] }", "expected an origin"],
    ["a provider's name", "providers: { Open AI: {} }", "lower-case letters"],
    ["both kinds of keys", "providers: { openai: { api_key: a, keys: [b] } }", "keep one of them"],
    [
      "two keys of one name",
      "providers: { openai: { keys: [{ name: a, key: x }, { name: a, key: y }] } }",
      "two keys are named `a`",
    ],
    [
      "a dialect not spoken",
      "providers: { openai: { dialects: [anthropic-messages] } }",
      "does not speak `anthropic-messages`",
    ],
    [
      "a setting of another preset",
      "providers: { openai: { region: eu } }",
      "`region` is not a setting",
    ],
    ["no address", "providers: { mine: { type: openai-compatible } }", "`base_url` is missing"],
    [
      "a key for an own address",
      "providers: { openai: { base_url: 'http://127.0.0.1:1' } }",
      "`api_key` is missing",
    ],
    [
      "a header of the connection",
      "providers: { openai: { headers: { Host: x } } }",
      "belongs to the connection",
    ],
    [
      "a header with a line break",
      'providers: { openai: { headers: { a: "x\\r\\nb: c" } } }',
      "printable ASCII",
    ],
    ["a key with a line break", 'providers: { openai: { api_key: "x\\ny" } }', "visible ASCII"],
    [
      "a model not listed",
      "providers: { openai: { models: [gpt-4o] } }\nmodels: { a: openai/gpt-4 }",
      "did you mean `gpt-4o`?",
    ],
    [
      "an unknown route",
      "models: { fast: { deployments: [x/y] }, b: fats }",
      "did you mean `fast`?",
    ],
    [
      "a route as deployment",
      "providers: { demo: {} }\nmodels: { a: demo/x, b: { deployments: [a] } }",
      "is a route",
    ],
    ["a preset not listed", "models: { a: openai/x }", "add `openai: {}`"],
    [
      "an unknown key name",
      "providers: { openai: {} }\nmodels: { a: { deployments: [{ model: openai/x, key: b }] } }",
      "no key named `b`",
    ],
    [
      "weights of nothing",
      "providers: { demo: {} }\nmodels: { a: { policy: weighted, deployments: [{ model: demo/x, weight: 0 }] } }",
      "all weights are 0",
    ],
    [
      "a negative weight",
      "providers: { demo: {} }\nmodels: { a: { policy: weighted, deployments: [{ model: demo/x, weight: -1 }] } }",
      "a weight is 0 or more",
    ],
    ["an alias of itself", "models: { a: a }", "circle: `a` → `a`"],
    ["a circle of aliases", "models: { a: b, b: c, c: a }", "circle: `a` → `b` → `c` → `a`"],
    [
      "a circle of fallbacks",
      "providers: { demo: {} }\nmodels: { a: { deployments: [demo/x], fallbacks: [b] }, b: { deployments: [demo/x], fallbacks: [a] } }",
      "circle",
    ],
    ["a relative folder without a file", "data_dir: state", "the path is relative"],
    ["text with no end to `${`", 'data_dir: "/x/${A"', "without a closing"],
    ["nested references", 'data_dir: "${A:-${B}}"', "not understood"],
  ];
  test.each(cases)("are given for %s", (_name, text, expected) => {
    expect(problemsOf(text).map(formatProblem).join("\n")).toContain(expected);
  });

  test("are given for schemes and URLs that could lead elsewhere (S10, S11)", () => {
    const urls = [
      "file:///etc/passwd",
      "data:text/plain,x",
      "s3://bucket",
      "blob:x",
      "unix:/run/x",
      "ftp://h",
      "gopher://h",
      "javascript:alert(1)",
      "//host",
      "http:host",
      "http:///host",
      "http://user:pass@host",
      "http://user@host",
      "http://host/v1?x=1",
      "http://host/v1#x",
      "http://host/../x",
      "http://host/%2e%2e/x",
      "http://ho st",
      "http://host\\@evil",
      "",
    ];
    for (const url of urls) {
      const text = `providers: { mine: { type: openai-compatible, base_url: ${JSON.stringify(url)} } }`;
      expect(problemsOf(text)[0]?.path).toBe("providers.mine.base_url");
    }
    for (const region of ["a/b", "a?b", "a#b", "a@b", "a%2e", "..", "a\\b", "", "a b", "a\nb"]) {
      const text = `providers: { both: { api_key: k, region: ${JSON.stringify(region)} } }`;
      expect(problemsOf(text)[0]?.path).toBe("providers.both.region");
    }
  });

  test("are given for client keys that everybody knows or guesses, and for empty ones (S03, S25)", () => {
    const refused = (key: string): string => first(`keys: { app: ${JSON.stringify(key)} }`);
    expect(refused("sk-mega-example-0123456789")).toContain("printed in the documentation");
    expect(refused("sk-short")).toContain("at least 16 characters");
    expect(refused("aaaaaaaaaaaaaaaaaaaa")).toContain("too easy to guess");
    expect(refused("")).toContain("the secret is empty");
    expect(first('admin: { key: "${EMPTY:-}" }')).toContain("the secret is empty");
    expect(first('admin: { key_secret: "${EMPTY:-}" }')).toContain("the secret is empty");
    expect(first("admin: { key_secret: 0123456789abcdef }")).toContain("at least 32 characters");
    expect(first(`admin: { key_secret: ${"ab".repeat(20)} }`)).toContain("too easy to guess");
    expect(first('providers: { openai: { api_key: "${EMPTY:-}" } }')).toContain(
      "the secret is empty",
    );
    expect(first("keys: { a: 0123456789abcdefg, b: 0123456789abcdefg }")).toContain(
      "same as that of `a`",
    );
    expect(first("keys: { a: 0123456789abcdefg }\nadmin: { key: 0123456789abcdefg }")).toContain(
      "same as `admin.key`",
    );
  });

  test("an address that others reach is never open to requests without keys (S03)", () => {
    for (const host of ["0.0.0.0", "'::'", "192.168.1.5", "'[::]'", "::ffff:10.0.0.1"]) {
      const { config, warnings } = parse(`server: { host: ${host} }`);
      expect(config.server.requireKey).toBe(true);
      const told = warnings.map((warning) => formatProblem(warning)).join();
      expect(told).toContain("requests without a key are refused, and none is configured");
    }
    const { config } = parse(
      "server: { host: 0.0.0.0 }\nkeys: { app: { key: 0123456789abcdefg } }",
    );
    expect(config.server).toMatchObject({
      loopback: false,
      requireKey: true,
      addresses: ["0.0.0.0"],
    });
    for (const host of ["localhost", "127.0.0.2", "'::1'", "::ffff:127.0.0.1"]) {
      expect(parse(`server: { host: ${host} }`).config.server.loopback).toBe(true);
    }
    const { warnings } = parse("{}", { overrides: { host: "0.0.0.0" } });
    expect(warnings.map((warning) => formatProblem(warning)).join()).toContain("--host is 0.0.0.0");
  });

  test("stop hostile texts within seconds (S45)", () => {
    const started = performance.now();
    const levels = Array.from({ length: 9 }, (_, index) =>
      index === 0
        ? "a0: &a0 [x]"
        : `a${index}: &a${index} [${Array(10)
            .fill(`*a${index - 1}`)
            .join(",")}]`,
    );
    expect(problemsOf(levels.join("\n")).map(formatProblem).join("\n")).toContain(
      "repeat too much",
    );
    expect(first("[".repeat(100_000))).toContain("nests too deep");
    const deep = problemsOf(`a: ${"{b: ".repeat(100)}1${"}".repeat(100)}`);
    expect(deep.map(({ message }) => message)).toContain("the text nests too deep");
    expect(first("__proto__: { polluted: 1 }")).toContain("`__proto__` is not allowed");
    expect(first("providers: { constructor: { prototype: { polluted: 1 } } }")).toContain(
      "unknown key `prototype`",
    );
    expect(first('{"models": {"__proto__": {"polluted": 1}}}')).toContain(
      "`__proto__` is not allowed",
    );
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    const chain = Array.from({ length: 20_000 }, (_, index) => `  r${index}: r${index + 1}`);
    expect(problemsOf(`models:\n${chain.join("\n")}\n`).length).toBeGreaterThan(0);
    const nonsense = Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join("\n");
    expect(problemsOf(nonsense).at(-1)?.message).toBe("and 19900 more");
    const seconds = Array.from({ length: 20_000 }, (_, index) => `k${index}: 1\nk${index}: 2`).join(
      "\n",
    );
    expect(problemsOf(seconds)).toHaveLength(101);
    expect(performance.now() - started).toBeLessThan(20_000);
  }, 30_000);

  test("are the only thing that broken text ends in", () => {
    const good = `server: { port: 1 }\nproviders:\n  openai: { api_key: "\${K:-a}", headers: { a: b } }\nmodels:\n  x: { deployments: [openai/a, { model: openai/b, weight: 1 }], fallbacks: [y] }\n  y: openai/c\nprices: { "a*": { input: 1, output: 2 } }\n`;
    const pieces = [
      "${",
      "}",
      "{",
      "[",
      "]",
      ":",
      "&a ",
      "*a",
      "\t",
      "\n",
      "- ",
      "!x ",
      "'",
      '"',
      "|",
      "\0",
      "null",
      "1e999",
      "~",
      "?",
      "%",
      "\u2028",
      "🙂",
    ];
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length), fc.nat(6), fc.constantFrom(...pieces)), {
          minLength: 1,
          maxLength: 6,
        }),
        (edits) => {
          let text = good;
          for (const [at, drop, piece] of edits)
            text = text.slice(0, at) + piece + text.slice(at + drop);
          try {
            parse(text);
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
            expect(error.problems.length).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 1500 },
    );
    fc.assert(
      fc.property(fc.object({ withNullPrototype: true, maxDepth: 4 }), (value) => {
        try {
          configFromObject(value, { env, presets });
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  }, 60_000);
});

describe("providers", () => {
  test("take the vendor's environment variable, but never send it to another address (S14)", () => {
    const { config } = parse("providers: { openai: {} }");
    expect(config.providers[0]?.keys.map(({ name, secret }) => [name, secret.reveal()])).toEqual([
      ["default", env.OPENAI_API_KEY],
    ]);
    expect(first("providers: { evil: { type: openai, base_url: 'https://evil.test' } }")).toContain(
      "must be named",
    );
  });

  test("keep a preset's other addresses away from an own base_url", () => {
    const own = parse("providers: { both: { api_key: k, base_url: 'http://10.1.1.1/v1' } }").config
      .providers[0];
    expect(own?.preset.speaks.chat).toEqual([
      { dialect: "openai-chat", path: "/chat/completions" },
    ]);
    const told = parse(
      "providers: { both: { api_key: k, base_url: 'http://10.1.1.1/v1', dialects: [anthropic-messages] } }",
    ).config.providers[0];
    expect(told?.preset.speaks.chat).toEqual([
      { dialect: "anthropic-messages", path: "/v1/messages" },
    ]);
    const preset = parse("providers: { both: { api_key: k, region: eu-1 } }").config.providers[0];
    expect(preset?.preset.speaks.chat?.[1]?.baseUrl).toBe("https://eu-1.both.test/anthropic");
  });

  test("of a generic type speak the dialects they are told to, each with its own way of signing", () => {
    const chat = (type: string, dialects: string) =>
      parse(
        `providers: { mine: { type: ${type}-compatible, base_url: "http://h/v1", dialects: [${dialects}] } }`,
      ).config.providers[0]?.preset.speaks.chat ?? [];
    const both = chat("openai", "anthropic-messages, openai-chat");
    expect(both.map(({ dialect, path }) => [dialect, path])).toEqual([
      ["anthropic-messages", "/v1/messages"],
      ["openai-chat", "/chat/completions"],
    ]);
    expect(both[0]?.headers).toEqual({ "anthropic-version": "2023-06-01" });
    expect(both[1]?.authorize).toBeUndefined();
    const headers = new Headers();
    const request = { method: "POST", url: new URL("http://h/v1"), headers, body: "{}" };
    const credentials = {
      apiKey: new Secret("k"),
      settings: {},
      secrets: {},
      env: {},
      fetch: () => Promise.reject(new Error("nothing is fetched")),
    };
    void both[0]?.authorize?.(request, credentials);
    expect(headers.get("x-api-key")).toBe("k");
    void chat("anthropic", "openai-chat")[0]?.authorize?.(request, credentials);
    expect(headers.get("authorization")).toBe("Bearer k");
    expect(chat("openai", "openai-chat")).toHaveLength(1);
  });

  test("with several keys, a model list, prices and a proxy", () => {
    const provider = parse(`providers:
  openai:
    keys: [a, { key: b }, { name: c, key: d }]
    models: [gpt-4o]
    prices: { "gpt*": { input: 2.5, output: "10", request: 1e-7 } }
    proxy: none
    timeouts: { total: 1m30s, idle: off }
`).config.providers[0];
    expect(provider?.keys.map(({ name }) => name)).toEqual(["key-1", "key-2", "c"]);
    expect([...(provider?.models ?? [])]).toEqual([["gpt-4o", "gpt-4o"]]);
    expect(provider?.prices[0]?.price).toMatchObject({
      input: 2_500_000_000n,
      output: 10_000_000_000n,
      request: 100n,
    });
    expect(provider?.proxy).toBeNull();
    expect(provider?.timeouts).toEqual({ totalMs: 90_000, idleMs: null });
  });

  test("that are disabled are not there, and routes to them are left out with a warning", () => {
    const { config, warnings } = parse(
      "providers: { anthropic: { enabled: false }, demo: {} }\nmodels: { a: anthropic/x, b: { deployments: [anthropic/x, demo/y] } }",
    );
    expect(config.providers.map(({ name }) => name)).toEqual(["demo"]);
    expect([...config.routes.keys()]).toEqual(["b"]);
    expect(config.routes.get("b")?.deployments).toHaveLength(1);
    expect(warnings.map(({ path }) => path)).toEqual(["models.a", "models.b.deployments[0]"]);
  });

  test("are discovered in the environment when that is asked for", () => {
    const names = (text: string): string[] =>
      parse(text).config.providers.map(({ name, origin }) => `${name}:${origin}`);
    expect(names("discover: { environment: true }\nproviders: { openai: { api_key: k } }")).toEqual(
      ["openai:config", "demo:built-in", "anthropic:environment"],
    );
    expect(names("providers: {}")).toEqual([]);
  });

  test("that are half set in the environment are a warning", () => {
    const { config, warnings } = defaultConfig({ BOTH_KEY: "k" }, presets);
    expect(config.providers.map(({ name }) => name)).toEqual(["demo"]);
    expect(warnings[0]?.message).toContain("no usable `region`");
    const whole = defaultConfig({ BOTH_TOKEN: "k", BOTH_REGION: "eu" }, presets).config
      .providers[1];
    expect(whole?.preset.speaks.chat?.[1]?.baseUrl).toBe("https://eu.both.test/anthropic");
  });
});

describe("routes", () => {
  test("may be aliases of routes, and carry the name of what they point at", () => {
    const { config } = parse(
      "providers: { demo: {} }\nmodels: { a: b, b: { policy: round-robin, deployments: [demo/x, demo/y] }, demo/x: demo/x }",
    );
    expect([...config.routes.keys()]).toEqual(["a", "b", "demo/x"]);
    expect(config.routes.get("a")).toMatchObject({ name: "a", policy: "round-robin" });
  });

  test("may point at a local server that is still to be found", () => {
    const { config } = parse("discover: { local: true }\nmodels: { a: ollama/llama }");
    expect(config.routes.get("a")?.deployments[0]).toMatchObject({ provider: "ollama" });
  });

  test("warn of weights that the policy ignores", () => {
    const { warnings } = parse(
      "providers: { demo: {} }\nmodels: { a: { deployments: [{ model: demo/x, weight: 2 }] }, b: { policy: weighted, deployments: [{ model: demo/x, order: 2 }] } }",
    );
    expect(warnings.map(({ message }) => message)).toEqual([
      "`weight` has no effect under `policy: first`",
    ]);
  });
});

describe("files", () => {
  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const load = (path: string): LoadedConfig => loadConfig({ path, env, presets });

  test("are read with the secrets they include, and both are watched", () => {
    const secret = write("secret", "s3cret-value\r\n");
    write("relative", "relative-value\n");
    const path = write(
      "megallm.yaml",
      `\uFEFFproviders:\n  openai: { api_key: "\${file:${secret}}" }\n  anthropic: { api_key: "\${file:relative}" }\ndata_dir: state\n`,
    );
    const loaded = load(path);
    expect(loaded.path).toBe(path);
    expect([...loaded.watched.keys()]).toEqual([path, secret, join(folder, "relative")]);
    expect(loaded.config.providers.map(({ keys }) => keys[0]?.secret.reveal())).toEqual([
      "s3cret-value",
      "relative-value",
    ]);
    expect(loaded.config.dataDir).toBe(join(folder, "state"));
    const before = loaded.generation;
    write("secret", "another-value");
    expect(load(path).generation).not.toBe(before);
  });

  test("that cannot be used are problems", () => {
    const message = (path: string): string => {
      try {
        load(path);
      } catch (error) {
        if (error instanceof ConfigError) return error.message;
        throw error;
      }
      return "accepted";
    };
    expect(message(join(folder, "none.yaml"))).toContain("does not exist");
    expect(message(folder)).toContain("this is a folder");
    expect(message("/dev/null")).toContain("not a regular file");
    expect(message(write("latin1.yaml", Buffer.from("a: \xe9", "latin1")))).toContain("not UTF-8");
    expect(message(write("utf16.yaml", Buffer.from("\uFEFFa: b", "utf16le")))).toContain(
      "not UTF-8",
    );
    expect(message(write("large.yaml", `# ${"x".repeat(5 * 1024 * 1024)}`))).toContain(
      "larger than 5 MB",
    );
    mkdirSync(join(folder, "dir"), { recursive: true });
    expect(message(write("a.yaml", "admin: { key: '${file:dir}' }"))).toContain(
      "not a regular file",
    );
    expect(message(write("b.yaml", "admin: { key: '${file:gone}' }"))).toContain("does not exist");
    expect(message(write("c.yaml", "admin: { key: '${credential:x}' }"))).toContain(
      "CREDENTIALS_DIRECTORY is not set",
    );
    if (process.getuid?.() !== 0) {
      const locked = write("locked.yaml", "{}");
      chmodSync(locked, 0);
      expect(message(locked)).toContain("cannot be read (EACCES)");
    }
  });

  test("that are refused say what to watch, so that mending a missing secret is noticed", () => {
    const path = write("missing.yaml", "admin: { key: '${file:later}' }");
    try {
      load(path);
      throw new Error("accepted");
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect([...(error as ConfigError).watched.keys()]).toEqual([path, join(folder, "later")]);
    }
  });
});

describe("without a file", () => {
  test("everything found is served", () => {
    const { config, path, watched } = loadConfig({ env, presets });
    expect(path).toBeNull();
    expect([...watched]).toEqual([]);
    expect(config.discover).toEqual({ environment: true, local: true, models: true });
    expect(config.providers.map(({ name, origin }) => [name, origin])).toEqual([
      ["demo", "built-in"],
      ["openai", "environment"],
      ["anthropic", "environment"],
    ]);
  });

  test("the command line and the service manager have their say", () => {
    const { config } = defaultConfig(
      { STATE_DIRECTORY: "/var/lib/megallm:/var/lib/other", XDG_STATE_HOME: "/x" },
      presets,
      { port: 0, logLevel: "debug" },
    );
    expect(config.dataDir).toBe("/var/lib/megallm");
    expect(config.server.port).toBe(0);
    expect(config.log.level).toBe("debug");
    expect(defaultConfig({ XDG_STATE_HOME: "/x" }, presets).config.dataDir).toBe("/x/megallm");
    expect(defaultConfig({}, presets, { dataDir: "/y" }).config.dataDir).toBe("/y");
    expect(() => defaultConfig({}, presets, { port: 70_000 })).toThrow(ConfigError);
  });

  test("an object says the same as a file, and its problems have a path", () => {
    const { config } = configFromObject(
      {
        providers: { openai: { api_key: "k" }, both: { api_key: "k", region: "eu" } },
        models: { a: "openai/x" },
        timeouts: { total: "1m" },
      },
      { env, presets },
    );
    expect(config.timeouts.totalMs).toBe(60_000);
    expect(config.routes.has("a")).toBe(true);
    try {
      configFromObject({ server: { port: -1 } }, { env, presets });
      throw new Error("accepted");
    } catch (error) {
      expect((error as Error).message).toBe(
        "config: server.port: expected a whole number from 0 to 65535",
      );
      expect((error as ConfigError).problems[0]).toMatchObject({ line: 0, path: "server.port" });
    }
  });
});
