// A fast double of three vendors that keeps a bill in nano-dollars: in this process, or behind a port.
import { estimateRequestTokens } from "../../../src/catalog/estimate.ts";
import { dialects } from "../../../src/dialects/index.ts";
import { createEgress, type Egress } from "../../../src/egress.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import { answerFrames, type Told, wholeAnswer } from "./wires.ts";

/**
 * What a request is to meet, one step for each attempt; the last holds for all that follow. It is written in the
 * request's text: `plan:{"id":"7","say":20,"steps":["500","cut:3","ok"]}`
 *
 * - `ok` · `500` · `429`
 * - `refused`: no connection, so that nothing is sent and nothing billed
 * - `reset`: the connection breaks before a word, and the input is billed
 * - `lost`: the same, when all of the answer was made and is billed
 * - `quiet`: whole, without a word of usage
 * - `cut:n` · `half:n` · `fault:n`: a stream that ends badly after so many words
 * - `slow:ms`: silence first
 * - `drip:ms`: a stream with so long between its words
 * - `hang:n`: so many words, then silence until the client leaves
 * - `late:n`: so many words, a pause, and the rest, whether or not anybody listens: it bills all
 * - `odd:base64`: the usage object as it stands, in JSON
 */
export interface Plan {
  id: string;
  /** Words of the answer, one token each, where the request allows so many. */
  say: number;
  steps: readonly string[];
}

export const planText = (plan: Plan): string => `plan:${JSON.stringify(plan)}`;

/** Nano-dollars for a token. */
export const prices = {
  cheap: { input: 1_000n, output: 4_000n },
  middle: { input: 2_500n, output: 10_000n },
  dear: { input: 15_000n, output: 75_000n },
} as const;
export type Model = keyof typeof prices;

/** What the gateway's configuration says of them. */
export const configuredPrices = Object.fromEntries(
  Object.entries(prices).map(([model, { input, output }]) => [
    model,
    { input: dollarsPerMillion(input), output: dollarsPerMillion(output) },
  ]),
);

function dollarsPerMillion(nanos: bigint): string {
  return String(Number(nanos) / 1_000);
}

export interface Billed {
  id: string;
  model: string;
  input: number;
  output: number;
  nanos: bigint;
  /** The gateway was told what was used. */
  isTold: boolean;
  step: string;
}

export interface MoneyUpstream {
  readonly egress: Egress;
  readonly bill: Billed[];
  /** Bodies as they came, the newest last; only the last hundred. */
  readonly bodies: Record<string, unknown>[];
  /** Requests that came, whatever became of them. */
  readonly count: number;
  /** Streams that are open now. */
  readonly open: number;
  answer(request: Request): Promise<Response>;
  /** Resolves when the first attempt of a request is at work. */
  arrived(id: string): Promise<void>;
  /** Breaks every stream that hangs. */
  breakAll(): void;
  /** Sum of the bill, of one request or of all. */
  total(id?: string): bigint;
  reset(): void;
}

export function createMoneyUpstream(): MoneyUpstream {
  let bill: Billed[] = [];
  let bodies: Record<string, unknown>[] = [];
  let count = 0;
  let open = 0;
  let breaking = Promise.withResolvers<void>();
  const attempts = new Map<string, number>();
  const awaited = new Map<string, () => void>();

  const answer = async (request: Request): Promise<Response> => {
    count += 1;
    const { pathname } = new URL(request.url);
    const text = await request.text();
    const wire = wireOf(pathname);
    if (!wire) return flat(pathname);
    const body = JSON.parse(text) as Record<string, unknown>;
    bodies = [...bodies.slice(-99), body];
    const model = modelOf(pathname, body);
    const stream = body["stream"] === true || pathname.includes(":stream");
    const { value } = dialects[wire].request.decode({
      json: { ...body, model, ...(wire === "gemini" && { stream }) },
      text,
    });
    const { id, say, steps } = planIn(text);
    const turn = attempts.get(id) ?? 0;
    attempts.set(id, turn + 1);
    awaited.get(id)?.();
    awaited.delete(id);
    const step = steps[Math.min(turn, steps.length - 1)] ?? "ok";
    const [kind = "ok", ...rest] = step.split(":");
    const detail = rest.join(":");
    if (kind === "500" || kind === "429" || kind === "400") return refusal(Number(kind));
    if (kind === "refused") throw unreachable();
    const input = await estimateRequestTokens(value);
    const most = value.settings.maxOutputTokens ?? Number.POSITIVE_INFINITY;
    const answers = value.settings.candidateCount ?? 1;
    const output = Math.min(say, most);
    const price = prices[model as Model] ?? prices.cheap;
    const charge = (words: number, isTold: boolean): void => {
      const nanos = BigInt(input) * price.input + BigInt(words * answers) * price.output;
      bill.push({ id, model, input, output: words * answers, nanos, isTold, step });
    };
    if (kind === "reset" || kind === "lost") {
      charge(kind === "lost" ? output : 0, false);
      throw broken();
    }
    const told: Told = {
      id: `answer-${count}`,
      model,
      words: output,
      isCut: output < say,
      usage: kind === "quiet" ? null : { input, output: output * answers },
      answers,
      ...(kind === "odd" && { raw: JSON.parse(atob(detail)) as unknown }),
    };
    if (!stream) {
      if (kind === "hang" || kind === "late") {
        await left(request.signal);
        charge(kind === "late" ? output : 0, false);
        throw broken();
      }
      charge(output, told.usage !== null);
      return Response.json(wholeAnswer(wire, told));
    }
    const frames = answerFrames(wire, told);
    if (kind === "slow" && !(await isPatient(request.signal, Number(detail)))) {
      charge(0, false);
      throw broken();
    }
    const isWhole = kind === "ok" || kind === "quiet" || kind === "odd" || kind === "slow";
    const words = isWhole ? output : Math.min(Number(detail), output);
    open += 1;
    const done = (spoken: number, isTold: boolean): void => {
      open -= 1;
      charge(spoken, isTold);
    };
    const headers = { "content-type": "text/event-stream" };
    if (kind === "drip") {
      const ms = Number(detail);
      const slowly = async function* () {
        let spoken = 0;
        try {
          yield Buffer.from(frames.start.join(""));
          for (const each of frames.words) {
            await Bun.sleep(ms);
            spoken += 1;
            yield Buffer.from(each);
          }
          yield Buffer.from(frames.end.join(""));
        } finally {
          done(spoken, spoken === output);
        }
      };
      return new Response(slowly(), { headers });
    }
    if (isWhole) {
      const whole = [...frames.start, ...frames.words, ...frames.end].join("");
      let isBilled = false;
      // Billed when it is read: who leaves before that has had the input alone.
      const unread = (): void => {
        if (isBilled) return;
        isBilled = true;
        done(0, false);
      };
      if (request.signal.aborted) unread();
      else request.signal.addEventListener("abort", unread, { once: true });
      const lazy = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            if (isBilled) return;
            isBilled = true;
            done(output, told.usage !== null);
            controller.enqueue(Buffer.from(whole));
            controller.close();
          },
          cancel: unread,
        },
        { highWaterMark: 0 },
      );
      return new Response(lazy, { headers });
    }
    const first = [...frames.start, ...frames.words.slice(0, words)].join("");
    const body$ = new ReadableStream<Uint8Array>({
      async start(controller) {
        const send = (what: string): void => controller.enqueue(Buffer.from(what));
        send(first);
        switch (kind) {
          case "cut":
            done(words, false);
            // What was sent is to arrive before the break.
            await Bun.sleep(0);
            controller.error(broken());
            return;
          case "half":
            done(words, false);
            controller.close();
            return;
          case "fault":
            done(words, false);
            send(frames.fault);
            controller.close();
            return;
          case "late": {
            await isPatient(request.signal, 60);
            done(output, true);
            try {
              send([...frames.words.slice(words), ...frames.end].join(""));
              controller.close();
            } catch {
              // Nobody listens any more; it bills all the same.
            }
            return;
          }
          default:
            await Promise.race([left(request.signal), breaking.promise]);
            done(words, false);
            controller.error(broken());
        }
      },
    });
    return new Response(body$, { headers });
  };

  return {
    egress: createEgress({
      env: {},
      resolve: async () => ["127.0.0.1"],
      fetch: async (url, { proxy: _proxy, ...init }) => answer(new Request(url, init)),
    }),
    get bill() {
      return bill;
    },
    get bodies() {
      return bodies;
    },
    get count() {
      return count;
    },
    get open() {
      return open;
    },
    answer,
    breakAll() {
      breaking.resolve();
      breaking = Promise.withResolvers<void>();
    },
    arrived: (id) => new Promise((resolve) => awaited.set(id, resolve)),
    total: (id) =>
      bill.reduce((sum, each) => (id === undefined || each.id === id ? sum + each.nanos : sum), 0n),
    reset() {
      bill = [];
      bodies = [];
      count = 0;
      attempts.clear();
      awaited.clear();
    },
  };
}

function wireOf(pathname: string): DialectId | null {
  if (pathname.endsWith("/chat/completions")) return "openai-chat";
  if (pathname.endsWith("/messages")) return "anthropic-messages";
  return /:(?:stream)?[gG]enerateContent$/.test(pathname) ? "gemini" : null;
}

const modelOf = (pathname: string, body: Record<string, unknown>): string =>
  /\/models\/([^:]+):/.exec(pathname)?.[1] ?? String(body["model"]);

/** A request without a plan is answered with three words. */
function planIn(text: string): Plan {
  const [, plan] = /plan:(\{.*?\]\})/.exec(text.replaceAll('\\"', '"')) ?? [];
  return plan ? (JSON.parse(plan) as Plan) : { id: "none", say: 3, steps: ["ok"] };
}

/** Whatever else there is: media, embeddings. */
const flat = (pathname: string): Response =>
  Response.json(
    pathname.endsWith("/embeddings")
      ? {
          object: "list",
          model: "cheap",
          data: [{ object: "embedding", index: 0, embedding: [0.5] }],
          usage: { prompt_tokens: 2, total_tokens: 2 },
        }
      : { id: "thing-1", object: "thing", data: [] },
  );

const refusal = (status: number): Response =>
  Response.json(
    { error: { message: `as planned: ${status}`, type: "server_error", code: null } },
    { status },
  );

const broken = (): Error =>
  Object.assign(new Error("The socket connection was closed unexpectedly."), {
    code: "ECONNRESET",
  });

const unreachable = (): Error =>
  Object.assign(new Error("Unable to connect."), { code: "ConnectionRefused" });

async function left(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** False: the client left before the time was up. */
async function isPatient(signal: AbortSignal, ms: number): Promise<boolean> {
  const gone = left(signal);
  await Promise.race([gone, Bun.sleep(ms)]);
  return !signal.aborted;
}
