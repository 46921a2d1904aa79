// Hedging under a steady load whose first tokens are late one time in ten: how soon clients see one, and what it costs.
import { type Daemon, startDaemon } from "../test/support/daemon.ts";
import { percentile } from "../test/support/numbers.ts";

export interface HedgeOptions {
  /** How long the load lasts. */
  seconds: number;
}

const perSecond = 60;
const slowShare = 0.1;
const quickMs = 20;
const slowMs = 1_500;
const answerTokens = 200;
const prompt = "Tell me about the weather in a town by the sea. ".repeat(8);

interface Upstream {
  readonly url: string;
  /** Requests that were given up before their first token. */
  readonly aborted: number;
  readonly count: number;
  stop(): Promise<void>;
}

/** Every tenth first token is late, in a fixed pattern that no other upstream shares. */
function startUpstream(phase: number): Upstream {
  let count = 0;
  let aborted = 0;
  const base = { id: "c", object: "chat.completion.chunk", created: 1, model: "m" };
  const event = (value: object): string => `data: ${JSON.stringify({ ...base, ...value })}\n\n`;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch(request) {
      count += 1;
      // Multiplying spreads the late ones evenly without a pattern in time.
      const isSlow = ((count * 7 + phase) % 10) / 10 < slowShare;
      const waitMs = isSlow ? slowMs : quickMs * (0.75 + ((count * 13) % 50) / 100);
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          const encoder = new TextEncoder();
          const wait = Promise.withResolvers<void>();
          const timer = setTimeout(wait.resolve, waitMs);
          request.signal.addEventListener("abort", () => wait.reject(new Error("left")));
          try {
            await wait.promise;
          } catch {
            clearTimeout(timer);
            aborted += 1;
            return;
          }
          const delta = { role: "assistant", content: "It is fine." };
          controller.enqueue(encoder.encode(event({ choices: [{ index: 0, delta }] })));
          controller.enqueue(
            encoder.encode(
              event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }) +
                event({
                  choices: [],
                  usage: {
                    prompt_tokens: Math.ceil(prompt.length / 4),
                    completion_tokens: answerTokens,
                    total_tokens: Math.ceil(prompt.length / 4) + answerTokens,
                  },
                }) +
                "data: [DONE]\n\n",
            ),
          );
          controller.close();
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/v1`,
    get aborted() {
      return aborted;
    },
    get count() {
      return count;
    },
    stop: () => server.stop(true),
  };
}

/** Ms until the first token; null for a stream that failed. */
async function firstToken(daemon: Daemon, model: string): Promise<number | null> {
  const began = performance.now();
  const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: prompt }] }),
  });
  let text = "";
  let at: number | null = null;
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes("It is fine.")) at ??= performance.now() - began;
  }
  return text.includes("[DONE]") && text.split("It is fine.").length === 2 ? at : null;
}

interface Row {
  route: string;
  costNanos: string | null;
  attempts: number;
}

async function rowsOf(daemon: Daemon): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const answer = await fetch(
      `${daemon.url}/admin/requests?limit=1000${cursor ? `&cursor=${cursor}` : ""}`,
      { headers: { authorization: `Bearer ${daemon.adminKey}` } },
    );
    const page = (await answer.json()) as { rows: Row[]; next: string | null };
    rows.push(...page.rows);
    cursor = page.next;
  }
  return rows;
}

export async function runHedgeBench({ seconds }: HedgeOptions) {
  const upstreams = [startUpstream(0), startUpstream(5)];
  const providers = upstreams.map(
    ({ url }, at) =>
      `  p${at}: { type: openai-compatible, base_url: "${url}", api_key: k, prices: { m: { input: 1, output: 4 } } }`,
  );
  const deployments = "deployments: [p0/m, p1/m], policy: round-robin";
  const daemon = await startDaemon({
    config: `discover: { models: false }
affinity: { enabled: false }
providers:
${providers.join("\n")}
models:
  plain: { ${deployments} }
  raced: { ${deployments}, hedge: { after: p95, max_extra_spend: 5% } }
`,
  });
  try {
    const asked: { route: "plain" | "raced"; ms: Promise<number | null> }[] = [];
    const began = performance.now();
    while (performance.now() - began < seconds * 1000) {
      while (asked.length < ((performance.now() - began) * perSecond) / 1000) {
        // Both in one run, in turn; pairs, so that neither has the deployments' late ones to itself.
        const route = asked.length % 4 < 2 ? "plain" : "raced";
        asked.push({ route, ms: firstToken(daemon, route) });
      }
      await Bun.sleep(2);
    }
    const times = { plain: [] as number[], raced: [] as number[] };
    let failed = 0;
    for (const { route, ms } of asked) {
      const found = await ms;
      if (found === null) failed += 1;
      else times[route].push(found);
    }
    await Bun.sleep(slowMs);
    const rows = (await rowsOf(daemon)).filter(({ route }) => route === "raced");
    const spend = rows.reduce((sum, { costNanos }) => sum + Number(costNanos ?? 0), 0);
    const own = rows.length * (Math.ceil(prompt.length / 4) * 1_000 + answerTokens * 4_000);
    const hedged = rows.filter(({ attempts }) => attempts > 1).length;
    const aborted = upstreams.reduce((sum, upstream) => sum + upstream.aborted, 0);
    const line = (name: string, share: number): string => {
      const [plain, raced] = [percentile(times.plain, share), percentile(times.raced, share)];
      return `${name.padEnd(6)} ${plain.toFixed(0).padStart(7)} ms ${raced.toFixed(0).padStart(7)} ms   ${(plain / raced).toFixed(1)} ×`;
    };
    return {
      title: `hedge: ${asked.length} streams in ${seconds} s, ${slowShare * 100} % of first tokens after ${slowMs} ms, the others after about ${quickMs} ms`,
      rows: [
        "first token    plain      raced",
        line("p50", 0.5),
        line("p90", 0.9),
        line("p95", 0.95),
        line("p99", 0.99),
        `failed or doubled answers: ${failed}`,
        `second attempts: ${hedged} of ${rows.length} (${((100 * hedged) / rows.length).toFixed(1)} %); upstreams saw ${aborted} given up before their first token`,
        `extra spend: ${((100 * (spend - own)) / own).toFixed(2)} % (cap 5 %), all of it on record`,
      ],
    };
  } finally {
    await daemon.dispose();
    await Promise.all(upstreams.map((upstream) => upstream.stop()));
  }
}
