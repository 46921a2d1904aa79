// What the executable refuses and keeps private (S03, S04, S06, S07, S08, R36).
import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary, runCli, startDaemon } from "../support/daemon.ts";

const folder = (): string => mkdtempSync(join(tmpdir(), "megallm-security-"));

const homeOf = (path: string): Record<string, string> => ({
  HOME: path,
  PATH: "/usr/bin:/bin",
  XDG_STATE_HOME: join(path, "state"),
});

test("S03 a public address without keys does not start, and says how to mend it", async () => {
  const home = folder();
  const { code, stderr } = await runCli(["serve", "--host", "0.0.0.0", "--port", "0"], {
    env: homeOf(home),
  });
  expect([1, 3]).toContain(code);
  expect(stderr).toContain("keys");
  expect(stderr).toContain("127.0.0.1");
  rmSync(home, { recursive: true });
});

test("S04 every admin route asks for the admin key, also from loopback", async () => {
  const daemon = await startDaemon();
  try {
    for (const path of [
      "/admin/status",
      "/admin/usage",
      "/admin/requests",
      "/admin/requests/x",
      "/admin/nothing",
    ]) {
      expect((await fetch(`${daemon.url}${path}`)).status).toBe(401);
      const wrong = await fetch(`${daemon.url}${path}`, {
        headers: { authorization: "Bearer wrong" },
      });
      expect(wrong.status).toBe(401);
    }
    const health = await fetch(`${daemon.url}/health`);
    expect(Object.keys((await health.json()) as object)).toEqual(["status"]);
    const status = await fetch(`${daemon.url}/admin/status`, {
      headers: { authorization: `Bearer ${daemon.adminKey}` },
    });
    expect(await status.text()).not.toContain(daemon.adminKey);
    expect(daemon.output()).not.toContain(daemon.adminKey);
  } finally {
    await daemon.dispose();
  }
});

test("S06 a squatter on [::1] makes the start fail, naming the holder", async () => {
  const squatter = Bun.serve({
    hostname: "::1",
    ipv6Only: true,
    port: 0,
    fetch: () => new Response("mine"),
  });
  const home = folder();
  try {
    const { code, stderr } = await runCli(["serve", "--port", String(squatter.port)], {
      env: homeOf(home),
    });
    expect(code).toBe(3);
    expect(stderr).toContain(`[::1]:${squatter.port}`);
    expect(stderr).toContain(`pid ${process.pid}`);
    const other = await fetch(`http://127.0.0.1:${squatter.port}/`).catch(() => "refused");
    expect(other).toBe("refused");
  } finally {
    await squatter.stop(true);
    rmSync(home, { recursive: true });
  }
});

test("S07 nothing in a hostile working folder is read or run", async () => {
  const hostile = folder();
  const home = folder();
  const proof = join(home, "owned");
  const script = `require("node:fs").writeFileSync(${JSON.stringify(proof)}, "x")`;
  writeFileSync(
    join(hostile, ".env"),
    "OPENAI_API_KEY=sk-from-a-hostile-file-0123456789\nMEGALLM_CONFIG=./megallm.yaml\n",
  );
  writeFileSync(join(hostile, "bunfig.toml"), 'preload = ["./preload.js"]\n');
  writeFileSync(join(hostile, "preload.js"), script);
  writeFileSync(
    join(hostile, "tsconfig.json"),
    '{"compilerOptions":{"paths":{"hono":["./preload.js"]}}}',
  );
  writeFileSync(join(hostile, "package.json"), '{"name":"x","imports":{"#x":"./preload.js"}}');
  mkdirSync(join(hostile, "node_modules", "hono"), { recursive: true });
  writeFileSync(join(hostile, "node_modules", "hono", "index.js"), script);
  writeFileSync(
    join(hostile, "megallm.yaml"),
    'providers: { openai: { base_url: "http://evil.test/v1", api_key: k } }\n',
  );
  try {
    const traced = Bun.which("strace") !== null;
    const trace = join(home, "trace");
    const command = [binary, "serve", "--port", "0"];
    const child = Bun.spawn(
      traced ? ["strace", "-f", "-e", "trace=openat,open", "-o", trace, ...command] : command,
      {
        cwd: hostile,
        env: homeOf(home),
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    await Bun.sleep(1_500);
    child.kill("SIGTERM");
    if (traced) Bun.spawnSync(["pkill", "-TERM", "-P", String(child.pid)]);
    const output = await new Response(child.stdout).text();
    await child.exited;
    expect(existsSync(proof)).toBe(false);
    expect(output).toContain("megallm.yaml, not used");
    expect(output).not.toContain("openai");
    expect(output).not.toContain("evil.test");
    if (traced) {
      const opened = (await Bun.file(trace).text())
        .split("\n")
        .filter((line) => line.includes(hostile) || /openat\(AT_FDCWD, "(\.\/|[^/"])/.test(line))
        .filter((line) => !line.includes("ENOENT") && !line.includes("O_DIRECTORY"));
      expect(opened).toEqual([]);
    }
  } finally {
    rmSync(hostile, { recursive: true });
    rmSync(home, { recursive: true });
  }
});

test.each(["000", "002", "022"])("S08 files are private under umask %s", async (umask) => {
  const home = folder();
  const child = Bun.spawn(["sh", "-c", `umask ${umask}; exec "$0" serve --port 0`, binary], {
    cwd: home,
    env: homeOf(home),
    stdout: "ignore",
    stderr: "ignore",
  });
  const data = join(home, "state", "megallm");
  try {
    while (!existsSync(join(data, "daemon.json"))) await Bun.sleep(20);
    const record = (await Bun.file(join(data, "daemon.json")).json()) as { urls: string[] };
    await fetch(`${record.urls[0]}/v1/chat/completions`, {
      method: "POST",
      body: '{"model":"demo/echo","messages":[{"role":"user","content":"x"}]}',
    });
    expect((statSync(data).mode & 0o777).toString(8)).toBe("700");
    const loose = readdirSync(data).filter(
      (name) => (statSync(join(data, name)).mode & 0o077) !== 0,
    );
    expect(loose).toEqual([]);
    expect(readdirSync(data)).toContain("admin.key");
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(home, { recursive: true });
  }
});

test("R36 a second daemon on the same data refuses and names the first", async () => {
  const daemon = await startDaemon();
  try {
    const second = await daemon.cli("serve", "--port", "0");
    expect(second.code).toBe(3);
    expect(second.stderr).toContain(String(daemon.process.pid));
    expect((await fetch(`${daemon.url}/health`)).status).toBe(200);
  } finally {
    await daemon.dispose();
  }
});
