// The command line as its first, hostile user meets it: exit codes, what is printed where, and what survives.
import { afterAll, describe, expect, onTestFinished, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary, type Daemon, type DaemonOptions, runCli, startDaemon } from "../support/daemon.ts";

const made: string[] = [];
afterAll(() => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** An empty home, and the executable in it. */
function createHome(): {
  home: string;
  dataDir: string;
  env: Record<string, string>;
  run(...args: string[]): Promise<Result>;
  piped(stdin: string, ...args: string[]): Promise<Result>;
} {
  const home = mkdtempSync(join(tmpdir(), "megallm-cli-"));
  made.push(home);
  const env = { HOME: home, PATH: "/usr/bin:/bin", OLLAMA_HOST: "127.0.0.1:9" };
  const cli = (args: string[], stdin?: string): Promise<Result> =>
    runCli(args, { cwd: home, env, ...(stdin !== undefined && { stdin }) });
  return {
    home,
    dataDir: join(home, ".local/state/megallm"),
    env,
    run: (...args) => cli(args),
    piped: (stdin, ...args) => cli(args, stdin),
  };
}

async function createDaemon(options: DaemonOptions = {}): Promise<Daemon> {
  const daemon = await startDaemon(options);
  onTestFinished(() => daemon.dispose());
  return daemon;
}

const chatBody = (model: string): string =>
  JSON.stringify({ model, messages: [{ role: "user", content: "x" }] });

async function until<T>(busyMs: number, look: () => Promise<T | undefined>): Promise<T> {
  const limitMs = busyMs * 3;
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms`);
    await Bun.sleep(50);
  }
}

/** An OpenAI-like server: bills by the model's name, lists models as Ollama does. */
function createUpstream(): { port: number; stop(): Promise<void>; keys: (string | null)[] } {
  const keys: (string | null)[] = [];
  const bills: Record<string, object> = {
    "gpt-4o": {
      prompt_tokens: 1_000,
      completion_tokens: 100,
      total_tokens: 1_100,
      prompt_tokens_details: { cached_tokens: 400 },
    },
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      keys.push(request.headers.get("authorization"));
      if (request.method === "GET") {
        const data = [{ id: "llama3.2:latest", object: "model", created: 1, owned_by: "library" }];
        return Response.json({ object: "list", data });
      }
      const { model, stream } = (await request.json()) as { model: string; stream?: boolean };
      const head = { id: "c", created: 1, model };
      const bill = bills[model] ?? { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 };
      if (!stream) {
        const message = { role: "assistant", content: "ok" };
        const choices = [{ index: 0, message, finish_reason: "stop" }];
        return Response.json({ ...head, object: "chat.completion", choices, usage: bill });
      }
      const object = "chat.completion.chunk";
      const event = (fields: object): string =>
        `data: ${JSON.stringify({ ...head, object, ...fields })}\n\n`;
      const text = event({
        choices: [{ index: 0, delta: { content: "日本 \u001b]0;evil\u0007" } }],
      });
      if (model === "half") return sse(text);
      const end = event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
      return sse(`${text}${end}${event({ choices: [], usage: bill })}data: [DONE]\n\n`);
    },
  });
  return { port: server.port ?? 0, keys, stop: () => server.stop(true) };
}

const sse = (text: string): Response =>
  new Response(text, { headers: { "content-type": "text/event-stream" } });

const openAiAt = (port: number): string =>
  `openai: { base_url: "http://127.0.0.1:${port}/v1", api_key: k }`;

describe("wrong command lines exit with 2 and say what was meant", () => {
  const { run } = createHome();
  test.each([
    [["statsu"], "Did you mean `status`?"],
    [["frobnicate"], "The commands are serve, init"],
    [["--prot", "1"], "Did you mean --port?"],
    [["serve", "now"], "too many arguments"],
    [["chat"], "missing required argument 'model'"],
    [["chat", "demo/echo", ""], "nothing to say"],
    [["chat", "demo/echo", "x", "--url", "localhost:1"], "--url takes the address"],
    [["usage", "--by", "weather"], "model, provider, day"],
    [["usage", "--since", "yesterday"], "not `yesterday`"],
    [["usage", "--since", "99999999999d"], "--since takes"],
    [["serve", "--port", ""], "not ``"],
    [["serve", "--port", "65536"], "not `65536`"],
    [["serve", "--host", "no.such.host"], "--host: expected an IP address"],
    [["serve", "--log-level", "loud"], "debug, info, warn, error"],
    [["check", "a.yaml", "--config", "b.yaml"], "Name one file"],
  ])("%p", async (args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});

test("help fits 90 columns, goes to standard output and exits with 0", async () => {
  const { run } = createHome();
  const commands = ["serve", "init", "check", "status", "models", "usage", "chat", "version"];
  for (const args of [["--help"], ["help"], ...commands.map((command) => [command, "--help"])]) {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Examples:");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(90);
  }
});

describe("serve does not start, exits with 3 and says why", () => {
  const { home, run } = createHome();

  test("every problem of a configuration", async () => {
    const path = join(home, "bad.yaml");
    writeFileSync(path, "server: { prt: 1 }\nmodels: { a: nobody/x }\n");
    const { code, stderr } = await run("serve", "--config", path);
    expect(code).toBe(3);
    expect(stderr).toContain("bad.yaml:1:11");
    expect(stderr).toContain("did you mean `port`?");
    expect(stderr).toContain("bad.yaml:2:14");
    expect(stderr).toContain("2 problems");
  });

  test("a data folder that cannot be made", async () => {
    writeFileSync(join(home, "file"), "");
    for (const folder of [join(home, "file"), join(home, "file/below"), "/proc/nothing"]) {
      const { code, stderr } = await run("serve", "--port", "0", "--data-dir", folder);
      expect(stderr).toContain(`\`${folder}\` cannot be used`);
      expect(stderr).not.toContain("    at ");
      expect(code).toBe(3);
    }
  });

  test("a data folder of other things, whose permissions stay", async () => {
    const folder = join(home, "shared");
    mkdirSync(folder, { mode: 0o755 });
    writeFileSync(join(folder, "thesis.tex"), "");
    const { code, stderr } = await run("serve", "--port", "0", "--data-dir", folder);
    expect(stderr).toContain("holds other files");
    expect(code).toBe(3);
    expect(statSync(folder).mode & 0o777).toBe(0o755);
  });

  test("an address that is not this machine's, and a public one without keys", async () => {
    const path = join(home, "keys.yaml");
    writeFileSync(path, "keys: { app: 0123456789abcdefg }\n");
    const far = await run("serve", "--config", path, "--host", "192.0.2.1", "--port", "0");
    expect(far.stderr).toContain("192.0.2.1 is not an address of this machine");
    const open = await run("serve", "--host", "0.0.0.0", "--port", "0");
    expect(open.stderr).toContain("no client key is configured");
    expect([far.code, open.code]).toEqual([3, 3]);
  });
});

test("the banner is on standard output and works when pasted; the log is on standard error", async () => {
  const { home, env } = createHome();
  const child = Bun.spawn([binary, "--port", "0"], {
    cwd: home,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  onTestFinished(() => child.kill("SIGKILL"));
  let banner = "";
  for await (const chunk of child.stdout) {
    banner += Buffer.from(chunk).toString("utf8");
    if (banner.includes("SDK")) break;
  }
  const line = (title: string): string =>
    banner
      .split("\n")
      .find((each) => each.startsWith(`  ${title}`))
      ?.slice(2 + title.length)
      .trim() ?? "";

  const curl = Bun.spawn(["sh", "-c", line("try").replace("curl", "curl -sS")], {
    stderr: "inherit",
  });
  expect(await new Response(curl.stdout).json()).toMatchObject({
    choices: [{ message: { content: "hello" } }],
  });
  const sdk = Bun.spawn(["sh", "-c", `${line("SDK")}; echo $OPENAI_BASE_URL $ANTHROPIC_BASE_URL`]);
  const [openai = "", anthropic = ""] = (await new Response(sdk.stdout).text()).trim().split(" ");
  expect((await fetch(`${openai}/models`)).status).toBe(200);
  expect((await fetch(`${anthropic}/v1/models`)).status).toBe(200);

  child.kill("SIGTERM");
  const log = (await new Response(child.stderr).text()).trim().split("\n");
  expect(await child.exited).toBe(0);
  const events = log.map((text) => (JSON.parse(text) as { event: string }).event);
  expect(events).toContain("server.started");
  expect(events).toContain("server.stopped");
});

test("a daemon whose output nobody reads goes on serving", async () => {
  const { home, env, dataDir } = createHome();
  const shell = Bun.spawn(["sh", "-c", `"${binary}" --port 0 2>&1 | head -n 1`], {
    cwd: home,
    env,
    stdout: "ignore",
  });
  const record = await until(10_000, async () => {
    const file = Bun.file(join(dataDir, "daemon.json"));
    return (await file.exists())
      ? ((await file.json()) as { pid: number; urls: string[] })
      : undefined;
  });
  onTestFinished(() => void process.kill(record.pid, "SIGKILL"));
  for (let turn = 0; turn < 3; turn += 1) {
    const answer = await fetch(`${record.urls[0]}/v1/chat/completions`, {
      method: "POST",
      body: chatBody("demo/echo"),
    });
    expect(answer.status).toBe(200);
    await answer.text();
  }
  expect(shell.exitCode).toBeNull();
});

describe("init", () => {
  test("writes what was found; it passes, serves and lists; a second time it refuses", async () => {
    const upstream = createUpstream();
    onTestFinished(() => upstream.stop());
    const { home, env, run } = createHome();
    env["OLLAMA_HOST"] = `127.0.0.1:${upstream.port}`;
    env["OPENAI_API_KEY"] = "sk-test";
    const { code, stdout } = await run("init");
    expect(stdout).toMatch(
      /megallm\.yaml written, with demo, openai, ollama.*\.\nStart with: megallm\n$/,
    );
    expect(code).toBe(0);
    const path = join(home, ".config/megallm/megallm.yaml");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, "utf8")).not.toContain("sk-test");

    const checked = await run("check");
    expect(checked.stdout).toContain(`${path}: ok`);
    const models = await run("models", "--provider", "ollama", "--json");
    expect((JSON.parse(models.stdout) as { id: string }[]).map(({ id }) => id)).toEqual([
      "ollama/llama3.2:latest",
    ]);
    const daemon = await createDaemon({ config: readFileSync(path, "utf8"), env });
    await until(5_000, async () => {
      const list = (await (await fetch(`${daemon.url}/v1/models`)).json()) as {
        data: { id: string }[];
      };
      return list.data.some(({ id }) => id === "ollama/llama3.2:latest") || undefined;
    });

    const again = await run("init");
    expect(again.stderr).toContain("--force");
    expect(again.code).toBe(1);
    const spaced = await run("init", "--output", "my file.yaml");
    expect(spaced.stdout).toEndWith("Start with: megallm --config 'my file.yaml'\n");
  });

  test("a provider that lacks a setting is told of, and left out", async () => {
    const { env, run } = createHome();
    Object.assign(env, { AZURE_API_KEY: "k-azure", AWS_ACCESS_KEY_ID: "a", GROQ_API_KEY: "k" });
    const { code, stdout, stderr } = await run("init");
    expect(stdout).toMatch(/with demo, bedrock.*, groq/);
    expect(stderr).toContain("Azure OpenAI is left out: it has a key, but no usable `resource`");
    expect(code).toBe(0);
    expect((await run("check")).code).toBe(0);
  });

  test("says so when it may not write", async () => {
    const { run } = createHome();
    const { code, stderr } = await run("init", "--output", "/proc/nothing/megallm.yaml");
    expect(stderr).toMatch(/^ENOENT: .*\n$/);
    expect(code).toBe(1);
  });
});

describe("check", () => {
  const { home, run } = createHome();
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(home, name), content);
    return join(home, name);
  };

  test.each([
    ["nothing", () => join(home, "absent.yaml"), "does not exist"],
    ["a folder", () => home, "this is a folder"],
    ["a device", () => "/dev/zero", "not a regular file"],
    ["an empty file", () => file("empty.yaml", ""), "the file is empty"],
    ["a binary", () => file("binary.yaml", new Uint8Array([0x7f, 0x45, 0xff, 0xfe])), "not UTF-8"],
    ["a huge file", () => file("huge.yaml", new Uint8Array(6_000_000)), "larger than 5 MB"],
    ["broken JSON", () => file("broken.json", '{"server": {}'), "broken.json:1:14"],
  ])("%s is one problem", async (_name, make, message) => {
    const { code, stdout, stderr } = await run("check", make());
    expect(stderr).toContain(message);
    expect(stderr).toEndWith("\n1 problem\n");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  test("--json tells every problem with its place", async () => {
    const path = file("bad.yaml", "server: { prt: 1 }\nproviders: { opnai: {} }\n");
    const { code, stdout, stderr } = await run("check", path, "--json");
    const result = JSON.parse(stdout) as {
      ok: boolean;
      problems: { line: number; path: string }[];
    };
    expect(result.ok).toBe(false);
    expect(result.problems.map(({ line, path: at }) => `${line} ${at}`)).toEqual([
      "1 server.prt",
      "2 providers.opnai",
    ]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
  });

  test("--print gives JSON alone on standard output, without secrets", async () => {
    const path = file("good.yaml", 'providers: { openai: { api_key: "sk-secret" } }\n');
    const { code, stdout, stderr } = await run("check", "--config", path, "--print");
    expect(JSON.parse(stdout)).toHaveProperty("providers.openai");
    expect(stdout).not.toContain("sk-secret");
    expect(stderr).toContain("ok, 1 provider (openai), 0 routes");
    expect(code).toBe(0);
  });
});

describe("the daemon is found, or known to be gone", () => {
  test("a refused configuration hides nothing", async () => {
    const daemon = await createDaemon({
      config: "data_dir: ./state/megallm\nproviders: { demo: {} }\n",
    });
    writeFileSync(daemon.configPath, "data_dir: ./state/megallm\nserver: { prt: 1 }\n");
    const asked = (): Promise<Result> => daemon.cli("status", "--config", daemon.configPath);
    const { stdout } = await until(5_000, async () => {
      const result = await asked();
      return result.stdout.includes("was refused at") ? result : undefined;
    });
    expect(stdout).toContain(`pid ${daemon.process.pid}`);
    expect(stdout).toContain("megallm.yaml:2:11: unknown key `prt`");
    const chat = await daemon.cli("chat", "--config", daemon.configPath, "demo/echo", "still here");
    expect(chat).toEqual({ code: 0, stdout: "still here\n", stderr: "" });
    const usage = await daemon.cli("usage", "--config", daemon.configPath, "--by", "provider");
    expect(usage.stdout).toContain("demo");
    rmSync(daemon.configPath);
    expect((await daemon.cli("status", "--data-dir", daemon.dataDir)).code).toBe(0);
  });

  test("kill -9 leaves nothing that is believed: its port gets no key, chat goes on alone", async () => {
    const daemon = await createDaemon();
    await daemon.stop("SIGKILL");
    const stolen: string[] = [];
    const thief = Bun.serve({
      hostname: "127.0.0.1",
      port: Number(new URL(daemon.url).port),
      fetch(request) {
        stolen.push(`${request.url} ${request.headers.get("authorization")}`);
        return Response.json({});
      },
    });
    onTestFinished(() => thief.stop(true));
    const status = await daemon.cli("status");
    expect(status.stderr).toContain("No gateway is running");
    expect(status.code).toBe(4);
    const chat = await daemon.cli("chat", "demo/echo", "alone");
    expect(chat).toEqual({ code: 0, stdout: "alone\n", stderr: "" });
    const usage = await daemon.cli("usage", "--by", "status", "--json");
    expect(JSON.parse(usage.stdout)).toMatchObject({ groups: [{ group: "ok", requests: 1 }] });
    expect(stolen).toEqual([]);
  });

  test("a taken port names its holder; another data folder is another daemon", async () => {
    const daemon = await createDaemon();
    const { run, dataDir } = createHome();
    const second = await run("serve", "--port", new URL(daemon.url).port);
    expect(second.stderr).toContain(`(pid ${daemon.process.pid})`);
    expect(second.code).toBe(3);
    const status = await run("status");
    expect(status.stderr).toContain(dataDir);
    expect(status.code).toBe(4);
    expect((await run("status", "--data-dir", daemon.dataDir)).code).toBe(0);
  });

  test("behind every address, with keys and named hosts", async () => {
    const daemon = await createDaemon({
      config: `server: { host: 0.0.0.0, allowed_hosts: [gw.example.com] }
keys: { app: 0123456789abcdefg }
providers: { demo: {} }
`,
    });
    const at = ["--config", daemon.configPath];
    expect((await daemon.cli("status", ...at)).stdout).toContain("http://127.0.0.1:");
    expect((await daemon.cli("chat", ...at, "demo/echo", "hi")).stdout).toBe("hi\n");
    const wrong = await daemon.cli("chat", ...at, "--key", "wrong", "demo/echo", "hi");
    expect(wrong).toEqual({ code: 1, stdout: "", stderr: "401: The API key is not known here.\n" });
    expect(daemon.output()).toContain("OPENAI_API_KEY=YOUR_KEY");
  });

  test("local servers come and go", async () => {
    const upstream = createUpstream();
    onTestFinished(() => upstream.stop());
    const env = { OLLAMA_HOST: `127.0.0.1:${upstream.port}` };
    const daemon = await createDaemon({ env });
    const offers = async (): Promise<boolean> => {
      const list = (await (await fetch(`${daemon.url}/v1/models`)).json()) as {
        data: { id: string }[];
      };
      return list.data.some(({ id }) => id === "ollama/llama3.2:latest");
    };
    await until(5_000, async () => (await offers()) || undefined);
    expect((await daemon.cli("models")).stdout).toContain("ollama/llama3.2:latest");
    const chat = await daemon.cli("chat", "llama3.2:latest", "hi");
    expect(chat.stdout).toContain("日本");
    await upstream.stop();
    await until(15_000, async () => !(await offers()) || undefined);
    expect(daemon.output()).toContain('"event":"provider.gone","provider":"ollama"');
  });
});

test("models: an unknown provider is an error; the table fits 80 columns", async () => {
  const { env, run } = createHome();
  env["OPENAI_API_KEY"] = "k";
  const unknown = await run("models", "--provider", "opneai");
  expect(unknown.stderr).toContain("Did you mean `openai`?");
  expect(unknown.code).toBe(1);
  const { stdout } = await run("models");
  expect(stdout).toMatch(/^openai\/gpt-4o +128k +16k +tv +2\.50 +10\.00$/m);
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

describe("usage", () => {
  test("without a ledger there is nothing, and that is said", async () => {
    const { dataDir, run } = createHome();
    const { code, stdout } = await run("usage");
    expect(stdout).toContain(`no ledger in ${dataDir} yet`);
    expect(code).toBe(0);
    expect(JSON.parse((await run("usage", "--json")).stdout)).toMatchObject({ groups: [] });
  });

  test("sums are right and aligned; an unknown price is not free; names are harmless", async () => {
    const upstream = createUpstream();
    onTestFinished(() => upstream.stop());
    const daemon = await createDaemon({ config: `providers:\n  ${openAiAt(upstream.port)}\n` });
    const long = `openai/${"x".repeat(200)}`;
    for (const model of [
      "openai/gpt-4o",
      "openai/gpt-4o",
      "openai/日本語",
      "openai/\u001b[31m",
      long,
    ]) {
      const url = `${daemon.url}/v1/chat/completions`;
      await (await fetch(url, { method: "POST", body: chatBody(model) })).text();
    }
    const { stdout } = await daemon.cli("usage", "--since", "1h");
    const lines = stdout.trimEnd().split("\n");
    // 600 tokens at 2.50, 400 cached at 1.25, 100 at 10.00 dollars a million, twice.
    expect(lines[1]).toMatch(/^gpt-4o +2 +2,000 +800 +200 +0\.006000000 +0$/);
    expect(stdout).toMatch(/^日本語 +1 +5 +0 +5 +unknown +1$/m);
    expect(lines.at(-1)).toMatch(/^total +5 +2,015 +800 +215 +0\.006000000 +3$/);
    expect(new Set(lines.map((line) => Bun.stringWidth(line))).size).toBe(1);
    expect(stdout).not.toContain("\u001b");

    for (const by of ["provider", "day", "key", "route", "status"]) {
      const grouped = JSON.parse((await daemon.cli("usage", "--by", by, "--json")).stdout) as {
        groups: { requests: number; costNanos: string }[];
      };
      const total = grouped.groups.reduce((sum, group) => sum + BigInt(group.costNanos), 0n);
      expect(total).toBe(6_000_000n);
      expect(grouped.groups.reduce((sum, group) => sum + group.requests, 0)).toBe(5);
    }
    const future = await daemon.cli("usage", "--since", "2999-01-01");
    expect(future.stdout).toBe("No requests since 2999-01-01T00:00Z.\n");
  });
});

describe("chat", () => {
  test("piped text follows the prompt, or is the prompt", async () => {
    const { piped } = createHome();
    const both = await piped("the text\n", "chat", "demo/echo", "summarise:");
    expect(both).toEqual({ code: 0, stdout: "summarise:\n\nthe text\n", stderr: "" });
    expect((await piped("only this\n", "chat", "demo/echo")).stdout).toBe("only this\n");
    const json = await piped("", "chat", "demo/fixed:hello", "x", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ choices: [{ message: { content: "hello" } }] });
  });

  test("an error is one line and exit code 1", async () => {
    const { run } = createHome();
    const unknown = await run("chat", "demo2/echo", "x");
    expect(unknown.stderr).toMatch(/^404: The model `demo2\/echo` is not served here\..*\n$/);
    const failing = await run("chat", "demo/error-429", "x");
    expect(failing.stderr).toMatch(/^429: .*\n$/);
    expect([unknown.code, failing.code, unknown.stdout]).toEqual([1, 1, ""]);
    const nobody = await run("chat", "demo/echo", "x", "--url", "http://127.0.0.1:9");
    expect(nobody.stderr).toContain("No gateway answers at http://127.0.0.1:9");
    expect(nobody.code).toBe(4);
  });

  test("an answer that breaks off is not taken for a whole one", async () => {
    const upstream = createUpstream();
    onTestFinished(() => upstream.stop());
    const { home, run } = createHome();
    const path = join(home, "megallm.yaml");
    writeFileSync(path, `providers:\n  ${openAiAt(upstream.port)}\n`);
    const { code, stdout, stderr } = await run("chat", "--config", path, "openai/half", "x");
    expect(stdout).toContain("日本");
    expect(stderr).not.toBe("");
    expect(code).toBe(1);
  });

  test("another gateway is not sent this one's key", async () => {
    const upstream = createUpstream();
    onTestFinished(() => upstream.stop());
    const { home, env, run } = createHome();
    env["MEGALLM_CONFIG"] = join(home, "megallm.yaml");
    writeFileSync(env["MEGALLM_CONFIG"], "keys: { app: 0123456789abcdefg }\n");
    const url = `http://127.0.0.1:${upstream.port}/v1`;
    expect((await run("chat", "m", "x", "--url", url)).code).toBe(0);
    expect((await run("chat", "m", "x", "--url", url, "--key", "theirs")).code).toBe(0);
    expect(upstream.keys).toEqual([null, "Bearer theirs"]);
  });

  test("a reader that leaves ends it quietly; a full disk does not", async () => {
    const { home, env } = createHome();
    const shell = (command: string): Promise<Result> => {
      const child = Bun.spawn(["sh", "-c", command.replace("megallm", binary)], {
        cwd: home,
        env,
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      return Promise.all([
        child.exited,
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]).then(([code, stdout, stderr]) => ({ code, stdout, stderr }));
    };
    const left = await shell("(megallm chat demo/slow 'a b c d e f g h'; echo $? >&2) | head -c 3");
    expect(left).toEqual({ code: 0, stdout: "a b", stderr: "0\n" });
    const full = await shell("megallm models > /dev/full");
    expect(full.stderr).toContain("Standard output cannot be written: ENOSPC");
    expect(full.code).toBe(1);
  });

  test("a conversation: turns, a paste, Ctrl-C amid an answer, an error, Ctrl-D", async () => {
    const { home, env } = createHome();
    let screen = "";
    const child = Bun.spawn([binary, "chat", "demo/slow"], {
      cwd: home,
      env: { ...env, TERM: "xterm", NO_COLOR: "1" },
      terminal: {
        cols: 80,
        rows: 24,
        data(_terminal, bytes) {
          screen += Buffer.from(bytes).toString("utf8");
        },
      },
    });
    onTestFinished(() => child.kill("SIGKILL"));
    const { terminal } = child;
    if (!terminal) throw new Error("no terminal");
    const say = async (keys: string, expected: RegExp): Promise<void> => {
      screen = "";
      terminal.write(keys);
      await until(5_000, async () => expected.test(screen) || undefined).catch((error: unknown) => {
        throw new Error(`${String(expected)} is not in ${JSON.stringify(screen)}`, {
          cause: error,
        });
      });
    };
    await until(5_000, async () => screen.includes("> ") || undefined);
    await say("one two\r", /\none two\r?\n.*> /s);
    await say("three\rfour\r", /\nthree\r?\nfour\r?\n.*> /s);
    await say("a b c d e f g h i j k l m n o p q r s t u v w x y z\r", /\na b c /);
    await say("\u0003", /\(stopped\)\r?\n.*> /s);
    screen = "";
    terminal.write("\u0004");
    expect(await child.exited).toBe(0);
    const rows = await runCli(["usage", "--by", "status", "--json"], { env });
    const { groups } = JSON.parse(rows.stdout) as { groups: { group: string; requests: number }[] };
    expect(Object.fromEntries(groups.map(({ group, requests }) => [group, requests]))).toEqual({
      ok: 2,
      client_closed: 1,
    });
  });
});

test("the first things a person pokes at with curl answer helpfully", async () => {
  const daemon = await createDaemon();
  const get = async (path: string, body?: string): Promise<string> => {
    const answer = await fetch(
      `${daemon.url}${path}`,
      body === undefined ? {} : { method: "POST", body },
    );
    return `${answer.status} ${await answer.text()}`;
  };
  expect(await get("/")).toMatch(/^200 .*"models":"\/v1\/models"/);
  expect(await get("/health")).toBe('200 {"status":"ok"}');
  expect(await get("/v1/chat/completion", "{}")).toMatch(/^404 .*POST \/v1\/chat\/completions/);
  expect(await get("/v1/chat/completions")).toMatch(/^405 .*takes POST, not GET/);
  expect(await get("/v1/chat/completions", '{"model": demo}')).toMatch(/^400 .*expected a value/);
  expect(await get("/v1/chat/completions", "{}")).toMatch(
    /^400 .*`model` is missing.*GET \/v1\/models/,
  );
  expect(await get("/v1/chat/completions", chatBody("dmo/echo"))).toMatch(/^404 .*Did you mean/);
});
