// The server that every upstream double stands on: records, judges, scripts, bills, notices who leaves.
import { monotonic } from "../../../src/lib/clock.ts";
import { createBill, type Generated } from "./bill.ts";
import { play, playRaw, type Exchange, type PlayHooks } from "./play.ts";
import type {
  Abort,
  Answer,
  ErrorAnswer,
  Fault,
  Recorded,
  Refusal,
  Scenario,
  Upstream,
  UpstreamOptions,
} from "./upstream.ts";

/** What one vendor's double adds: judging requests, and rendering answers and errors. */
export interface Wire {
  /** Path that an SDK's base URL ends with. */
  basePath: string;
  createRequestId(): string;
  judge(request: Recorded): Judgement;
  /** An error as the vendor sends it. */
  renderError(
    refusal: Refusal,
    requestId: string,
  ): { headers: Record<string, string>; body: unknown };
  /** Headers on every answer. */
  headers(requestId: string): Record<string, string>;
  /** The vendor tells in the body how long to wait, and sends no `retry-after`. */
  retriesInBody?: boolean;
  /** Forgets what was learned from requests. */
  reset(): void;
}

export type Judgement = { refusal: Refusal } | Accepted;

export interface Accepted {
  /** Takes the next scripted scenario. */
  scripted: boolean;
  /** Renders an answer; called once. */
  exchange(answer: Answer): Exchange;
}

/** Starts the server. The port is open when the promise resolves. */
export async function serveUpstream(
  wire: Wire,
  key: string,
  options: UpstreamOptions,
): Promise<Upstream> {
  const requests: Recorded[] = [];
  const aborts: Abort[] = [];
  const bill = createBill();
  let queue: Scenario[] = Array.isArray(options.script) ? [...options.script] : [];
  const choose = typeof options.script === "function" ? options.script : undefined;

  async function answer(request: Request): Promise<Response> {
    const recorded = await record(request, wire.createRequestId());
    requests.push(recorded);
    const judgement = wire.judge(recorded);
    if ("refusal" in judgement) {
      recorded.refusal = judgement.refusal;
      recorded.status = judgement.refusal.status;
      options.onRequest?.(recorded);
      return refuse(wire, judgement.refusal, recorded.id);
    }
    const scenario = (judgement.scripted ? queue.shift() : undefined) ?? choose?.(recorded);
    options.onRequest?.(recorded);
    const response = await perform(judgement, scenario, recorded, request.signal);
    recorded.status = response.status;
    return response;
  }

  function perform(
    accepted: Accepted,
    scenario: Scenario | undefined,
    recorded: Recorded,
    signal: AbortSignal,
  ): Promise<Response> | Response {
    if (scenario?.kind === "error") return refuse(wire, toRefusal(scenario), recorded.id, scenario);
    const watched = watch(recorded, signal);
    if (scenario?.kind === "raw") return playRaw(scenario, watched.hooks);
    const { said, fault } = split(scenario);
    const exchange = accepted.exchange(said);
    exchange.headers = { ...wire.headers(recorded.id), ...exchange.headers };
    if (fault === undefined || !answersNothing.has(fault.kind)) watched.bills(exchange);
    return play(exchange, fault, watched.hooks);
  }

  /** Notices the client leaving, and keeps the bill of what it was told until then. */
  function watch(
    recorded: Recorded,
    signal: AbortSignal,
  ): { hooks: PlayHooks; bills(exchange: Exchange): void } {
    let done = false;
    let entry: Exchange["entry"];
    let full: Generated | undefined;
    signal.addEventListener("abort", () => {
      if (done) return;
      done = true;
      if (entry) entry.aborted = true;
      aborts.push({ at: monotonic(), id: recorded.id, path: recorded.path });
    });
    return {
      bills(exchange) {
        entry = exchange.entry;
        if (entry === undefined) return;
        full = { outputTokens: entry.outputTokens, reasoningTokens: entry.reasoningTokens };
        Object.assign(entry, {
          outputTokens: 0,
          reasoningTokens: 0,
          requestId: recorded.id,
          path: recorded.path,
        });
        bill.entries.push(entry);
      },
      hooks: {
        signal,
        onGenerated(generated) {
          if (entry) Object.assign(entry, generated);
        },
        onDone(complete) {
          done = true;
          if (!entry) return;
          entry.complete = complete;
          if (complete && full) Object.assign(entry, full);
        },
      },
    };
  }

  const server = Bun.serve({
    port: options.port ?? 0,
    hostname: options.hostname ?? "127.0.0.1",
    // A double may be silent for as long as a scenario says.
    idleTimeout: 0,
    fetch: answer,
  });
  const port = server.port ?? 0;
  const url = `http://${options.hostname ?? "127.0.0.1"}:${port}`;
  return {
    url,
    baseUrl: url + wire.basePath,
    port,
    key,
    requests,
    bill,
    aborts,
    script(next) {
      queue.push(...(Array.isArray(next) ? (next as readonly Scenario[]) : [next as Scenario]));
    },
    reset() {
      requests.length = 0;
      aborts.length = 0;
      bill.entries.length = 0;
      queue = [];
      wire.reset();
    },
    async stop() {
      await server.stop(true);
    },
  };
}

/** Faults in front of the model: nothing is generated, so nothing is billed. */
const answersNothing: ReadonlySet<Fault["kind"]> = new Set([
  "html",
  "empty",
  "garbage",
  "no-content",
  "reset",
]);

async function record(request: Request, id: string): Promise<Recorded> {
  const at = monotonic();
  const url = new URL(request.url);
  // A body that never arrives whole is judged as the empty one.
  const body = new Uint8Array(await request.arrayBuffer().catch(() => new ArrayBuffer(0)));
  return {
    id,
    method: request.method,
    path: url.pathname,
    query: url.search,
    headers: Object.fromEntries(request.headers),
    body,
    parsed: parse(body),
    status: 0,
    at,
  };
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

function split(scenario: Answer | Fault | undefined): { said: Answer; fault?: Fault } {
  if (scenario === undefined) return { said: { kind: "default" } };
  switch (scenario.kind) {
    case "text":
    case "tool-calls":
    case "echo":
    case "json":
    case "refusal":
    case "default":
      return { said: scenario };
    default:
      return {
        said: ("answer" in scenario ? scenario.answer : undefined) ?? { kind: "default" },
        fault: scenario,
      };
  }
}

const toRefusal = (scenario: ErrorAnswer): Refusal => ({
  status: scenario.status,
  type: scenario.type,
  message: scenario.message,
  code: scenario.code ?? null,
  param: scenario.param ?? null,
  ...(scenario.retryAfter === undefined ? {} : { retryAfter: scenario.retryAfter }),
});

function refuse(wire: Wire, refusal: Refusal, id: string, scenario?: ErrorAnswer): Response {
  const { headers, body } = wire.renderError(refusal, id);
  const retryAfter: Record<string, string> =
    scenario?.retryAfter === undefined || wire.retriesInBody === true
      ? {}
      : { "retry-after": String(scenario.retryAfter) };
  return new Response(JSON.stringify(body), {
    status: refusal.status,
    headers: {
      "content-type": "application/json",
      ...wire.headers(id),
      ...headers,
      ...retryAfter,
      ...scenario?.headers,
    },
  });
}
