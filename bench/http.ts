// What the gateway adds to a request: against nginx as a bare proxy, in one interleaved run.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDaemon } from "../test/support/daemon.ts";
import { cpuSeconds, median } from "./measure.ts";

const rounds = 3;
const seconds = 4;
const ports = { upstream: 19_311, proxy: 19_312 };

const openAiAnswer = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1_700_000_000,
  model: "m",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: "x".repeat(700) },
      finish_reason: "stop",
    },
  ],
  usage: { prompt_tokens: 100, completion_tokens: 100, total_tokens: 200 },
});

const nginxConfig = (folder: string): string => `
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000;
  client_max_body_size 64m;
  client_body_buffer_size 2m;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream fixed { server 127.0.0.1:${ports.upstream}; keepalive 256; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${ports.proxy};
    location / { proxy_pass http://fixed; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
  server {
    listen 127.0.0.1:${ports.upstream};
    location / { default_type application/json; return 200 '${openAiAnswer}'; }
  }
}`;

interface Sample {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

async function wrk(url: string, script: string): Promise<Sample> {
  const child = Bun.spawn(["wrk", "-t1", "-c8", `-d${seconds}s`, "--latency", "-s", script, url], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const text = await new Response(child.stdout).text();
  const time = (label: string): number => {
    const match = new RegExp(`${label}\\s+([\\d.]+)(us|ms|s)`).exec(text);
    const scale = { us: 0.001, ms: 1, s: 1000 }[match?.[2] as "us" | "ms" | "s"] ?? Number.NaN;
    return Number(match?.[1]) * scale;
  };
  if (/Non-2xx/.test(text)) throw new Error(`the load met errors:\n${text}`);
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]),
    p50Ms: time("50%"),
    p99Ms: time("99%"),
  };
}

export async function runHttpBench(): Promise<{ title: string; rows: string[] }> {
  if (!Bun.which("nginx") || !Bun.which("wrk")) {
    return {
      title: "HTTP",
      rows: ["skipped: needs nginx and wrk (Debian packages of these names)"],
    };
  }
  const folder = mkdtempSync(join(tmpdir(), "megallm-bench-"));
  writeFileSync(join(folder, "nginx.conf"), nginxConfig(folder));
  const nginx = Bun.spawn(["nginx", "-c", join(folder, "nginx.conf"), "-p", folder], {
    stdout: "ignore",
    stderr: "ignore",
  });
  const daemon = await startDaemon({
    config: `log: { level: warn }\nproviders:\n  up: { type: openai-compatible, base_url: "http://127.0.0.1:${ports.upstream}/v1", api_key: k }\n`,
  });
  await Bun.sleep(300);
  const nginxPids = [nginx.pid, ...childrenOf(nginx.pid)];
  const rows: string[] = [];
  try {
    for (const size of [2_000, 100_000, 1_000_000]) {
      const openai = { model: "up/m", messages: [{ role: "user", content: "a".repeat(size) }] };
      const anthropic = { ...openai, max_tokens: 100 };
      const cases = [
        {
          name: "nginx",
          url: `http://127.0.0.1:${ports.proxy}/v1/chat/completions`,
          body: openai,
          pids: nginxPids,
        },
        {
          name: "relay",
          url: `${daemon.url}/v1/chat/completions`,
          body: openai,
          pids: [daemon.process.pid],
        },
        {
          name: "translation",
          url: `${daemon.url}/v1/messages`,
          body: anthropic,
          pids: [daemon.process.pid],
        },
      ];
      const samples = new Map(
        cases.map(({ name }) => [name, [] as (Sample & { cpuMicros: number })[]]),
      );
      for (let round = 0; round <= rounds; round += 1) {
        for (const { name, url, body, pids } of cases) {
          const script = join(folder, `${name}.lua`);
          writeFileSync(
            script,
            `wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = [==[${JSON.stringify(body)}]==]\n`,
          );
          const before = cpuSeconds(pids);
          const sample = await wrk(url, script);
          const cpuMicros =
            ((cpuSeconds(pids) - before) * 1e6) / (sample.requestsPerSecond * seconds);
          if (round > 0) samples.get(name)!.push({ ...sample, cpuMicros });
        }
      }
      const reference = samples.get("nginx")!.map((sample) => sample.cpuMicros);
      for (const [name, list] of samples) {
        const ratio = median(list.map((sample, index) => sample.cpuMicros / reference[index]!));
        rows.push(
          `${String(size).padStart(8)} B  ${name.padEnd(12)} ${median(
            list.map((each) => each.requestsPerSecond),
          )
            .toFixed(0)
            .padStart(7)} req/s  CPU ${median(list.map((each) => each.cpuMicros))
            .toFixed(0)
            .padStart(
              6,
            )} µs  ${ratio.toFixed(1).padStart(5)} × nginx  p50 ${median(list.map((each) => each.p50Ms)).toFixed(2)} ms  p99 ${median(list.map((each) => each.p99Ms)).toFixed(2)} ms`,
        );
      }
    }
  } finally {
    await daemon.dispose();
    nginx.kill("SIGTERM");
    await nginx.exited;
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    title: `HTTP, closed loop of 8 connections, ${rounds} × ${seconds} s each, interleaved; every request writes its usage row`,
    rows,
  };
}

function childrenOf(pid: number): number[] {
  const { stdout } = Bun.spawnSync(["ps", "-o", "pid=", "--ppid", String(pid)]);
  return stdout
    .toString()
    .split("\n")
    .map(Number)
    .filter((child) => child > 0);
}
