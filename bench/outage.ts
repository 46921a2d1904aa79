// An outage of the primary provider under steady load: what clients see of it, and what it costs in attempts.
import { type Daemon, startDaemon } from "../test/support/daemon.ts";
import { percentile } from "../test/support/numbers.ts";

/** `refused`: nobody listens. `500`: it answers every request with that. */
export type OutageFault = "refused" | "500";

export interface OutageOptions {
  /** How long the primary is out. */
  seconds: number;
  faults: readonly OutageFault[];
}

const perSecond = 100;
const warmUpMs = 5_000;
/** Health rests for 30 s at most, then needs two probes. */
const recoveryMs = 40_000;
const deployment = "primary/m";

interface Upstream {
  readonly count: number;
  readonly url: string;
  broken: boolean;
  /** Nobody listens any more. */
  leave(): Promise<void>;
  comeBack(): void;
}

function startUpstream(): Upstream {
  let count = 0;
  const base = { id: "c", object: "chat.completion", created: 1, model: "m" };
  const whole = {
    ...base,
    choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  };
  const chunk = {
    ...base,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
  };
  const upstream = {
    broken: false,
    get count() {
      return count;
    },
  };
  const listen = (port: number) =>
    Bun.serve({
      hostname: "127.0.0.1",
      port,
      async fetch(request) {
        count += 1;
        const { stream } = (await request.json()) as { stream?: boolean };
        if (upstream.broken) {
          return Response.json(
            { error: { message: "out of order", type: "server_error" } },
            { status: 500 },
          );
        }
        return stream
          ? new Response(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`, {
              headers: { "content-type": "text/event-stream" },
            })
          : Response.json(whole);
      },
    });
  let server = listen(0);
  const { port = 0 } = server;
  return Object.assign(upstream, {
    url: `http://127.0.0.1:${port}/v1`,
    leave: () => server.stop(true),
    comeBack() {
      server = listen(port);
    },
  });
}

type Phase = "before" | "outage" | "after";

interface Answer {
  phase: Phase;
  ok: boolean;
  attempts: number;
  ms: number;
}

async function ask(daemon: Daemon, phase: Phase, stream: boolean): Promise<Answer> {
  const began = performance.now();
  const done = (ok: boolean, attempts: number): Answer => ({
    phase,
    ok,
    attempts,
    ms: performance.now() - began,
  });
  try {
    const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "main", stream, messages: [{ role: "user", content: "Hi" }] }),
    });
    const text = await answer.text();
    const isWhole = text.includes(stream ? "data: [DONE]" : '"content":"ok"');
    return done(answer.ok && isWhole, Number(answer.headers.get("x-megallm-attempts") ?? 0));
  } catch {
    return done(false, 0);
  }
}

/** Whether the primary's breaker is closed. */
async function isClosed(daemon: Daemon): Promise<boolean> {
  const answer = await fetch(`${daemon.url}/admin/health`, {
    headers: { authorization: `Bearer ${daemon.adminKey}` },
  });
  const { deployments } = (await answer.json()) as {
    deployments: { id: string; state: string }[];
  };
  const row = deployments.find(({ id }) => id.startsWith(deployment));
  return row === undefined || row.state === "closed";
}

async function runOutage(fault: OutageFault, seconds: number): Promise<string[]> {
  const primary = startUpstream();
  const backup = startUpstream();
  const provider = ({ url }: Upstream): string =>
    `{ type: openai-compatible, base_url: "${url}", api_key: k }`;
  const daemon = await startDaemon({
    config: `log: { level: info, format: json }
discover: { models: false }
providers:
  primary: ${provider(primary)}
  backup: ${provider(backup)}
models:
  main: { deployments: [${deployment}], fallbacks: [backup/m] }
`,
  });
  const outageMs = seconds * 1000;
  const asked: Promise<Answer>[] = [];
  let openedMs: number | null = null;
  let closedMs: number | null = null;
  try {
    let phase: Phase = "before";
    const atPrimary = { outage: 0, recovery: 0 };
    const began = performance.now();
    const since = (): number => performance.now() - began - warmUpMs;
    let lastLook = 0;
    while (since() < outageMs + recoveryMs) {
      if (phase === "before" && since() >= 0) {
        phase = "outage";
        atPrimary.outage = primary.count;
        if (fault === "refused") await primary.leave();
        else primary.broken = true;
      }
      if (phase === "outage" && since() >= outageMs) {
        phase = "after";
        atPrimary.recovery = primary.count;
        primary.broken = false;
        if (fault === "refused") primary.comeBack();
      }
      // A steady rate, whatever the answers do.
      while (asked.length < ((performance.now() - began) * perSecond) / 1000) {
        asked.push(ask(daemon, phase, asked.length % 2 === 1));
      }
      if (phase !== "before" && performance.now() - lastLook >= 100) {
        lastLook = performance.now();
        const closed = await isClosed(daemon);
        if (phase === "outage" && !closed) openedMs ??= since();
        if (phase === "after" && closed) closedMs ??= since() - outageMs;
      }
      await Bun.sleep(2);
    }
    const answers = await Promise.all(asked);
    const events = (name: string): number => daemon.output().split(`"health.${name}"`).length - 1;
    return report({
      fault,
      seconds,
      answers,
      openedMs,
      closedMs,
      reached: atPrimary.recovery - atPrimary.outage,
      openings: events("opened"),
      closings: events("closed"),
    });
  } finally {
    await daemon.dispose();
    await Promise.allSettled([primary.leave(), backup.leave()]);
  }
}

interface Outcome {
  fault: OutageFault;
  seconds: number;
  answers: readonly Answer[];
  openedMs: number | null;
  closedMs: number | null;
  /** Requests that the primary got during its outage. */
  reached: number;
  openings: number;
  closings: number;
}

function report({ fault, seconds, answers, ...outcome }: Outcome): string[] {
  const rows = (["before", "outage", "after"] as const).map((phase) => {
    const own = answers.filter((answer) => answer.phase === phase);
    const attempts = own.reduce((sum, answer) => sum + answer.attempts, 0);
    const times = own.map(({ ms }) => ms);
    return [
      phase.padEnd(7),
      `${own.length} requests`.padStart(14),
      `${own.filter(({ ok }) => !ok).length} failed`.padStart(9),
      `${(attempts / own.length).toFixed(4)} attempts each`,
      `p50 ${percentile(times, 0.5).toFixed(1)} ms`,
      `p99 ${percentile(times, 0.99).toFixed(1)} ms`,
    ].join("  ");
  });
  const time = (ms: number | null): string =>
    ms === null ? "never" : `${(ms / 1000).toFixed(1)} s`;
  return [
    `${fault === "refused" ? "connections refused" : "answers with 500"} for ${seconds} s`,
    ...rows.map((row) => `  ${row}`),
    `  breaker opened ${time(outcome.openedMs)} into the outage, closed ${time(outcome.closedMs)} after its end; opened ${outcome.openings} ×, closed ${outcome.closings} ×${
      fault === "500" ? `; the primary got ${outcome.reached} requests meanwhile` : ""
    }`,
  ];
}

export async function runOutageBench({
  seconds,
  faults,
}: OutageOptions): Promise<{ title: string; rows: string[] }> {
  const rows: string[] = [];
  for (const fault of faults) rows.push(...(await runOutage(fault, seconds)));
  return {
    title: `Outage of the primary at ${perSecond} requests/s, half of them streams, with one fallback`,
    rows,
  };
}
