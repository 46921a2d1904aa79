// Changing the configuration file: what stays, what is refused, what is undone, what is kept of the past.
import { afterEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  lstatSync,
  renameSync,
} from "node:fs";
import { join } from "node:path";
import { parseText, placeKey } from "../../../src/config/document.ts";
import { editText } from "../../../src/config/edit.ts";
import type { ChangeOrder, Changed } from "../../../src/config/editor.ts";
import type { Path } from "../../../src/lib/json.ts";
import { type EditedFile, editFile } from "../../support/config-file.ts";

const secret = "sk-live-0123456789abcdefWXYZ";
const commented = `# The gateway of the house.
server:
  host: 127.0.0.1 # this machine

providers:
  # for trying out
  demo: {}
  mine:
    type: openai-compatible
    base_url: http://127.0.0.1:9/v1 # in the cellar
    api_key: ${secret}
    headers: { x-team: "blue-team-0042" }
  # old: was too slow, api_key: sk-old-99887766554433

models:
  fast: mine/small
`;

let edited: EditedFile;
afterEach(() => edited.remove());

const order = (over: Partial<ChangeOrder> = {}): Omit<ChangeOrder, "make"> => ({
  expected: undefined,
  by: "admin",
  action: "config.update",
  record: async () => {},
  ...over,
});

/** Puts values at places, all of them typed. */
const put = (values: [Path, unknown][], over: Partial<ChangeOrder> = {}): Promise<Changed> =>
  edited.editor.change({
    ...order(over),
    make: (current) => ({
      text: editText(
        current.text,
        values.map(([path, value]) => ({ path, value })),
        current.format,
      ),
      isTyped: (path) =>
        values.some(([place]) => placeKey(path).startsWith(placeKey(place).slice(0, -1))),
    }),
  });

const putText = (text: string, over: Partial<ChangeOrder> = {}): Promise<Changed> =>
  edited.editor.change({ ...order(over), make: edited.editor.whole(text) });

const failure = (
  work: Promise<unknown>,
): Promise<{ status?: number; code?: string; message: string }> =>
  work.then(
    () => ({ message: "nothing failed" }),
    (error: unknown) => error as { status: number; code: string; message: string },
  );

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe("a change of one entry", () => {
  test("keeps comments, order and everything else; the file is private and replaced at once", async () => {
    edited = editFile(commented);
    chmodSync(edited.path, 0o644);
    const before = statSync(edited.path).ino;
    const done = await put([[["models", "slow"], "demo/echo"]]);
    expect(edited.text()).toBe(`${commented}  slow: demo/echo\n`);
    expect(done).toMatchObject({
      version: 2,
      created: false,
      differences: [{ path: "models.slow", after: "demo/echo" }],
    });
    expect(edited.running().config.routes.has("slow")).toBe(true);
    expect(modeOf(edited.path)).toBe(0o600);
    expect(statSync(edited.path).ino).not.toBe(before);
    expect(readdirSync(join(edited.path, ".."))).toEqual(["data", "megallm.yaml"]);
  });

  test("touches no other line, however the file is laid out", async () => {
    const odd = `server:   {port: 6342,host: "127.0.0.1"}
providers:
    demo:   {}      # free

    mine:
        type:     openai-compatible   # a
        base_url: 'http://127.0.0.1:9'
        models:  [a,  b,c]
        timeouts:
            idle: 1m # last
# between
models: {x: mine/a}
aliases:
- `.replace("aliases:\n- ", "");
    edited = editFile(odd);
    await put([[["providers", "mine", "timeouts", "idle"], "2m"]]);
    expect(edited.text()).toBe(odd.replace("idle: 1m", "idle: 2m"));
    await put([[["providers", "mine", "timeouts", "total"], "5m"]]);
    await put([
      [["providers", "other"], { type: "openai-compatible", base_url: "http://127.0.0.1:8" }],
    ]);
    await put([[["aliases", "y"], "x"]]);
    expect(edited.text()).toBe(
      `${odd
        .replace("idle: 1m # last", "idle: 2m # last\n            total: 5m")
        .replace(
          "total: 5m",
          "total: 5m\n    other:\n      type: openai-compatible\n      base_url: http://127.0.0.1:8",
        )
        .trimEnd()}\naliases:\n  y: x\n`,
    );
    // More than that is laid out anew, and says the same.
    await put([[["models", "z"], "mine/b"]]);
    await put([
      [
        ["providers", "mine", "models"],
        ["a", "b"],
      ],
    ]);
    await put([[["providers", "other"], undefined]]);
    expect(edited.text()).toContain("# between");
    expect(parseText(edited.text()).value).toMatchObject({
      models: { x: "mine/a", z: "mine/b" },
      providers: { mine: { models: ["a", "b"] } },
    });
  });

  test("takes sections that are only comments, and JSON files", async () => {
    edited = editFile("providers:\n  # nothing yet\n");
    await put([[["providers", "demo"], {}]]);
    expect(parseText(edited.text()).value).toEqual({ providers: { demo: {} } });
    expect(edited.text()).toContain("# nothing yet");
    edited.remove();
    edited = editFile('{"providers": {"demo": {}}}', { name: "megallm.json" });
    await put([[["aliases", "a"], "demo/echo"]]);
    expect(JSON.parse(edited.text())).toEqual({
      providers: { demo: {} },
      aliases: { a: "demo/echo" },
    });
  });

  test("follows a symbolic link to the file", async () => {
    edited = editFile(commented);
    const real = join(edited.path, "../real.yaml");
    renameSync(edited.path, real);
    symlinkSync(real, edited.path);
    await put([[["models", "slow"], "demo/echo"]]);
    expect(lstatSync(edited.path).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, "utf8")).toContain("slow: demo/echo");
  });

  test("refuses parts that the file shares by an alias", async () => {
    edited = editFile("timeouts: &t { idle: 1m }\nproviders:\n  demo: { timeouts: *t }\n");
    const refused = await failure(put([[["providers", "demo", "timeouts", "idle"], "2m"]]));
    expect(refused).toMatchObject({ code: "conflict" });
    expect(refused.message).toContain("shared");
  });

  test("that changes nothing leaves file and history alone", async () => {
    edited = editFile(commented);
    const mark = statSync(edited.path).mtimeMs;
    const done = await put([[["models", "fast"], "mine/small"]]);
    expect([done.version, statSync(edited.path).mtimeMs]).toEqual([null, mark]);
    expect(edited.editor.versions()).toEqual([]);
  });
});

describe("secrets", () => {
  test("are masked in the text, comments included, and the masked text put back changes nothing", async () => {
    edited = editFile(commented);
    const shown = edited.editor.shown(edited.text());
    expect(shown).not.toContain(secret);
    expect(shown).not.toContain("sk-old-99887766554433");
    expect(shown).not.toContain("blue-team");
    expect(shown).toContain('api_key: "***…WXYZ"');
    expect(shown).toContain("# in the cellar");
    expect((await putText(shown)).version).toBeNull();
    expect(edited.text()).toContain(secret);
    // A change beside them leaves them, and the comments, as they were.
    await putText(shown.replace("fast: mine/small", "fast: mine/large"));
    expect(edited.text()).toBe(commented.replace("fast: mine/small", "fast: mine/large"));
  });

  test("that are typed go into private files, and references to them into the text", async () => {
    edited = editFile(commented);
    await put([[["providers", "mine", "api_key"], "sk-new-secret-0123456789"]]);
    expect(edited.text()).not.toContain("sk-new-secret");
    const file = /\$\{file:([^}]+)\}/.exec(edited.text())?.[1] ?? "";
    expect(readFileSync(file, "utf8")).toBe("sk-new-secret-0123456789");
    expect([modeOf(file), modeOf(join(file, ".."))]).toEqual([0o600, 0o700]);
    const provider = edited.running().config.providers.find(({ name }) => name === "mine");
    expect(provider?.keys[0]?.secret.reveal()).toBe("sk-new-secret-0123456789");
    // The next one makes the old file superfluous only when no version refers to it any more.
    await put([[["providers", "mine", "api_key"], "sk-newer-secret-0123456789"]]);
    expect(existsSync(file)).toBe(true);
    rmSync(join(edited.dataDir, "config-history"), { recursive: true });
    await put([[["models", "slow"], "demo/echo"]]);
    await put([[["models", "slow"], "mine/x"]]);
    expect(existsSync(file)).toBe(false);
  });

  test("`$${` in a typed secret is a literal `${`", async () => {
    edited = editFile(commented);
    await put([[["providers", "mine", "api_key"], "sk-$${odd}-0123456789"]]);
    const provider = edited.running().config.providers.find(({ name }) => name === "mine");
    expect(provider?.keys[0]?.secret.reveal()).toBe("sk-${odd}-0123456789");
  });

  test("a mask that was never shown there is refused", async () => {
    edited = editFile(commented);
    const moved = await failure(putText("providers:\n  other: { api_key: '***…WXYZ' }\n"));
    expect(moved).toMatchObject({ code: "invalid_request", param: "providers.other.api_key" });
  });

  test("a credentials file given as a map becomes one file", async () => {
    edited = editFile("providers:\n  demo: {}\n");
    const credentials = {
      type: "authorized_user",
      client_secret: "k".repeat(40),
      refresh_token: "r",
    };
    await put([[["providers", "v"], { type: "vertex", project: "p-123456", credentials }]]);
    expect(edited.text()).not.toContain("kkkk");
    const file = /\$\{file:([^}]+)\}/.exec(edited.text())?.[1] ?? "";
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(credentials);
    expect(readdirSync(join(edited.dataDir, "secrets"))).toHaveLength(1);
  });
});

describe("S14: secrets go where they were entered for", () => {
  const address = ["providers", "mine", "base_url"];

  test.each([
    ["base_url", [[address, "http://evil.example/v1"]]],
    ["type", [[["providers", "mine", "type"], "anthropic-compatible"]]],
    ["proxy", [[["providers", "mine", "proxy"], "http://evil.example:3128"]]],
    ["headers", [[["providers", "mine", "headers", "x-target-url"], "http://evil.example"]]],
    ["dialects", [[["providers", "mine", "dialects"], ["openai-chat"]]]],
    ["extra_headers", [[["providers", "mine", "extra_headers"], { "x-target": "evil" }]]],
    ["no base_url", [[address, undefined]]],
  ] as [string, [Path, unknown][]][])(
    "a change of %s asks for them anew",
    async (_what, values) => {
      edited = editFile(commented);
      const refused = await failure(put(values));
      expect(refused).toMatchObject({ code: "conflict", status: 409 });
      expect(refused.message).toContain("enter `api_key`");
      expect(edited.text()).toBe(commented);
    },
  );

  test("with all of them entered it goes through", async () => {
    edited = editFile(commented);
    await put([
      [address, "http://127.0.0.1:8/v1"],
      [["providers", "mine", "api_key"], "sk-for-the-new-place-1"],
      [["providers", "mine", "headers", "x-team"], "green-team-0043"],
    ]);
    expect(edited.running().config.providers.find(({ name }) => name === "mine")?.baseUrl).toBe(
      "http://127.0.0.1:8/v1",
    );
  });

  test("what does not say where they go is changed without them", async () => {
    edited = editFile(commented);
    await put([
      [["providers", "mine", "max_concurrent"], 4],
      [["providers", "mine", "enabled"], false],
      [["providers", "mine", "models"], ["small"]],
      [["models", "fast"], "demo/echo"],
    ]);
    await put([[["providers", "mine", "enabled"], true]]);
    expect(edited.text()).toContain(secret);
  });

  test("not by way of a disabled entry, a second entry, an alias of YAML or a deletion either", async () => {
    edited = editFile(commented.replace("fast: mine/small", "fast: demo/echo"));
    const shown = edited.editor.shown(edited.text());
    await put([[["providers", "mine", "enabled"], false]]);
    expect(await failure(put([[address, "http://evil.example/v1"]]))).toMatchObject({
      status: 409,
    });
    const copied = shown.replace(
      "  demo: {}",
      "  demo: {}\n  evil: { type: openai-compatible, base_url: http://evil.example, api_key: '***…WXYZ' }",
    );
    expect(await failure(putText(copied))).toMatchObject({ status: 400 });
    const shared = shown
      .replace('api_key: "***…WXYZ"', 'api_key: &k "***…WXYZ"')
      .replace("  demo: {}", "  demo: {}")
      .replace(
        "models:",
        "  evil: { type: openai-compatible, base_url: http://evil.example, api_key: *k }\n\nmodels:",
      );
    expect((await failure(putText(shared))).status).toBeGreaterThanOrEqual(400);
    await put([[["providers", "mine"], undefined]]);
    const again = { type: "openai-compatible", base_url: "http://evil.example/v1" };
    await put([[["providers", "mine"], again]]);
    expect(edited.running().config.providers.find(({ name }) => name === "mine")?.keys).toEqual([]);
  });

  test("references: those of the file stay, new ones are not taken over HTTP", async () => {
    const env = {
      MY_KEY: "sk-of-the-environment-1",
      OPENAI_API_KEY: "sk-openai-0123456789",
      ADMIN: "x",
    };
    edited = editFile(
      "providers:\n  mine: { type: openai-compatible, base_url: 'http://127.0.0.1:9', api_key: '${MY_KEY}' }\n",
      { env },
    );
    await put([[["providers", "mine", "max_concurrent"], 3]]);
    expect(
      await failure(put([[["providers", "mine", "base_url"], "http://evil.example"]])),
    ).toMatchObject({
      status: 409,
    });
    const evil = (api_key: string) => ({
      type: "openai-compatible",
      base_url: "http://evil.example",
      api_key,
    });
    for (const [place, value] of [
      [["providers", "evil"], evil("${MY_KEY}")],
      [["providers", "evil"], evil("${file:/etc/hostname}")],
      [["providers", "evil"], evil("${credential:admin}")],
      [["providers", "evil"], evil("x${ADMIN:-y}")],
      [["providers", "mine", "base_url"], "http://evil.example/${MY_KEY}"],
      [["providers", "openai"], { base_url: "http://evil.example", api_key: "${OPENAI_API_KEY}" }],
      [["models", "leak"], { deployments: ["mine/x"], description: "${MY_KEY}" }],
      [["keys", "app"], "${MY_KEY}"],
    ] as [Path, unknown][]) {
      const refused = await failure(put([[place, value]]));
      expect([403, 409]).toContain(refused.status ?? 0);
    }
    // The vendor's own variable for the vendor's own address.
    await put([[["providers", "openai"], { api_key: "${OPENAI_API_KEY}" }]]);
    const moved = await failure(
      put([[["providers", "openai", "base_url"], "http://evil.example"]]),
    );
    expect(moved.status).toBe(409);
  });

  test("credentials that only the environment holds do not follow a new setting or address", async () => {
    const env = {
      AZURE_API_KEY: "azure-key-of-the-environment",
      GROQ_API_KEY: "gsk-0123456789abcdef",
    };
    edited = editFile("providers:\n  demo: {}\n", { env });
    for (const entry of [
      { type: "azure", resource: "evil" },
      { type: "azure", base_url: "http://evil.example" },
      { type: "vertex", base_url: "http://evil.example", project: "p" },
      { type: "bedrock", region: "eu-central-1" },
      { type: "groq", proxy: "http://evil.example:3128" },
      { type: "groq", headers: { "x-target": "http://evil.example" } },
    ]) {
      const refused = await failure(put([[["providers", "x"], entry]]));
      // The headers are typed, the key is not.
      expect([entry, refused.status]).toEqual([entry, 409]);
      expect(refused.message).toContain("environment");
    }
    // Where the vendor's own address is meant, its variable may be.
    await put([[["providers", "groq"], {}]]);
    await put([
      [["providers", "a"], { type: "azure", resource: "mine", api_key: "azure-0123456789" }],
    ]);
    expect(edited.running().config.providers.map(({ name }) => name)).toEqual([
      "demo",
      "groq",
      "a",
    ]);
  });
});

describe("two at once", () => {
  test("whoever names the hash of an older text is told, and so is one who edits a file that changed by hand", async () => {
    edited = editFile(commented);
    const { hash } = edited.editor.current();
    const first = await put([[["models", "one"], "demo/echo"]], { expected: hash });
    expect(
      await failure(put([[["models", "two"], "demo/echo"]], { expected: hash })),
    ).toMatchObject({
      code: "precondition_failed",
    });
    edited.write(edited.text().replace("fast:", "quick:"));
    expect(
      await failure(put([[["models", "two"], "demo/echo"]], { expected: first.hash })),
    ).toMatchObject({ code: "precondition_failed" });
    // Without a hash what was written by hand stays, and is in the history.
    await put([[["models", "two"], "demo/echo"]]);
    expect(edited.text()).toContain("quick: mine/small");
    expect(edited.editor.versions().map(({ by }) => by)).toEqual([
      "admin",
      "file",
      "admin",
      "file",
    ]);
  });

  test("20 changes at once all arrive, one after the other", async () => {
    edited = editFile(commented);
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => put([[["aliases", `a${index}`], "demo/echo"]])),
    );
    expect(edited.running().config.aliases.size).toBe(20);
  });

  test("an editor that saves while a change is checked is not overwritten", async () => {
    edited = editFile(commented);
    const refused = await failure(
      edited.editor.change({
        ...order(),
        make(current) {
          const text = editText(
            current.text,
            [{ path: ["aliases", "a"], value: "demo/echo" }],
            "yaml",
          );
          edited.write(`${commented}# saved by hand\n`);
          return { text, isTyped: () => true };
        },
      }),
    );
    expect(refused).toMatchObject({ code: "precondition_failed" });
    expect(edited.text()).toEndWith("# saved by hand\n");
  });
});

describe("what goes wrong leaves everything as it was", () => {
  const nothingLeft = (): void => {
    expect(edited.text()).toBe(commented);
    const left = readdirSync(edited.dataDir).flatMap((folder) =>
      readdirSync(join(edited.dataDir, folder)).filter(
        (name) => folder === "secrets" || !name.startsWith("000001"),
      ),
    );
    expect(left).toEqual([]);
    expect(edited.editor.versions().every(({ by }) => by === "file")).toBe(true);
  };
  const typed: [Path, unknown][] = [
    [["providers", "mine", "api_key"], "sk-new-secret-0123456789"],
    [["models", "x"], "demo/echo"],
  ];

  test("a text with problems: told with their places", async () => {
    edited = editFile(commented);
    const refused = await failure(put([[["models", "x"], "nowhere/echo"]]));
    expect(refused).toMatchObject({ status: 422 });
    expect(refused.message).toMatch(/megallm\.yaml:\d+:\d+: .*nowhere/);
    const broken = await failure(putText("providers: ["));
    expect(broken.status).toBe(422);
    nothingLeft();
  });

  test("a reload that refuses, and a record that cannot be kept", async () => {
    edited = editFile(commented);
    let reloads = 0;
    edited.onReload = () => ((reloads += 1) === 1 ? ["the provider is upside down"] : []);
    const refused = await failure(put(typed));
    expect(refused).toMatchObject({ status: 422 });
    expect(refused.message).toContain("upside down");
    expect(reloads).toBe(2);
    nothingLeft();
    const unrecorded = await failure(
      put(typed, { record: () => Promise.reject(new Error("no database")) }),
    );
    expect(unrecorded.message).toBe("no database");
    expect(edited.running().config.routes.has("x")).toBe(false);
    nothingLeft();
  });

  test("a file that cannot be written says why", async () => {
    edited = editFile(commented);
    const folder = join(edited.path, "..");
    if (process.getuid?.() === 0) {
      rmSync(edited.path);
      const gone = await failure(put(typed));
      expect(gone).toMatchObject({ code: "conflict" });
      expect(gone.message).toContain("ENOENT");
      return;
    }
    chmodSync(folder, 0o500);
    const refused = await failure(put(typed));
    chmodSync(folder, 0o700);
    expect(refused).toMatchObject({ code: "conflict" });
    expect(refused.message).toContain("EACCES");
    nothingLeft();
  });
});

describe("older versions", () => {
  test("are numbered, private and bounded; rollback takes one back, with its secrets", async () => {
    edited = editFile(commented);
    await put([[["providers", "mine", "api_key"], "sk-second-0123456789"]]);
    await put([[["providers", "mine", "api_key"], "sk-third-0123456789"]]);
    const folder = join(edited.dataDir, "config-history");
    expect(modeOf(folder)).toBe(0o700);
    for (const name of readdirSync(folder)) expect(modeOf(join(folder, name))).toBe(0o600);
    const keyNow = (): string | undefined =>
      edited
        .running()
        .config.providers.find(({ name }) => name === "mine")
        ?.keys[0]?.secret.reveal();
    await edited.editor.rollback(2, order());
    expect(keyNow()).toBe("sk-second-0123456789");
    await edited.editor.rollback(1, order());
    expect([keyNow(), edited.text()]).toEqual([secret, commented]);
    expect(edited.editor.versions()[0]).toMatchObject({ version: 5, by: "admin" });
    expect(await failure(edited.editor.rollback(99, order()))).toMatchObject({ code: "not_found" });
    for (let at = 0; at < 60; at += 1) await put([[["aliases", "a"], `demo/echo${at}`]]);
    expect(edited.editor.versions().length).toBe(50);
    expect(edited.editor.versions()[0]?.version).toBe(65);
  });

  test("a rollback to what no longer works is refused", async () => {
    edited = editFile(commented);
    await put([[["providers", "mine", "api_key"], "sk-second-0123456789"]]);
    await put([[["providers", "mine", "api_key"], "sk-third-0123456789"]]);
    const text = edited.text();
    const old = /\$\{file:([^}]+)\}/.exec(edited.editor.version(2)?.text ?? "")?.[1] ?? "";
    rmSync(old);
    expect(await failure(edited.editor.rollback(2, order()))).toMatchObject({ status: 422 });
    expect(edited.text()).toBe(text);
  });
});

describe("without a file", () => {
  test("one is made in the data folder that says what held before, and is found at the next start", async () => {
    edited = editFile(null);
    const { hash, path } = edited.editor.current();
    expect(path).toBeNull();
    const done = await put([[["aliases", "a"], "demo/echo"]], { expected: hash });
    expect(done).toMatchObject({ created: true, path: edited.path });
    expect(modeOf(edited.path)).toBe(0o600);
    expect(edited.running().config.discover).toMatchObject({ environment: true, local: true });
    expect(edited.running().path).toBe(edited.path);
    const { locateConfig } = await import("../../../src/config/locate.ts");
    const home = join(edited.dataDir, "nobody");
    const found = locateConfig({ env: {}, cwd: home, home, dataDir: edited.dataDir });
    if (!existsSync("/etc/megallm")) expect(found.path).toBe(edited.path);
  });

  test("a failure takes it away again", async () => {
    edited = editFile(null);
    edited.onReload = () => (existsSync(edited.path) ? ["no"] : []);
    expect(await failure(put([[["aliases", "a"], "demo/echo"]]))).toMatchObject({ status: 422 });
    expect([existsSync(edited.path), edited.file.path]).toEqual([false, null]);
  });
});
