// Plays an answer as the scenario says: whole, slowly, broken, or not at all.
import { gzipSync } from "node:zlib";
import type { Generated } from "./bill.ts";
import type { BillEntry, Fault, RawAnswer } from "./upstream.ts";

/** An answer, rendered in the vendor's wire. */
export interface Exchange {
  headers: Record<string, string>;
  /** A stream of events; otherwise one frame that is the whole body. */
  stream: boolean;
  frames: Frame[];
  /** How many frames at the end tell a client that the stream is complete. */
  terminalFrames: number;
  /** What is billed when all frames are told. */
  entry?: BillEntry;
  /** An error in the middle of a 200: an event of the stream, or a body. */
  errorFrame(type?: string, message?: string): string | Uint8Array;
}

export interface Frame {
  text: string;
  /** What is sent instead of the text: a binary frame. */
  bytes?: Uint8Array;
  /** Output told by this frame and those before it. */
  generated?: Generated;
}

/** What the player tells while it plays. */
export interface PlayHooks {
  /** Aborts when the client leaves. */
  signal: AbortSignal;
  /** Some output went to the connection. */
  onGenerated(generated: Generated): void;
  /** The answer is complete, as far as it was to be told. */
  onDone(complete: boolean): void;
}

type Step =
  | { do: "send"; bytes: Uint8Array; generated?: Generated }
  | { do: "wait"; ms: number }
  | { do: "hang" }
  | { do: "break" };

interface Score {
  status: number;
  headers: Record<string, string>;
  steps: Step[];
  complete: boolean;
}

/** Plays `exchange`, whole or with `fault`. */
export function play(
  exchange: Exchange,
  fault: Fault | undefined,
  hooks: PlayHooks,
): Promise<Response> {
  return perform(fault ? faulty(exchange, fault) : whole(exchange), hooks);
}

export function playRaw(answer: RawAnswer, hooks: PlayHooks): Promise<Response> {
  const parts = Array.isArray(answer.body)
    ? (answer.body as readonly (string | Uint8Array | number)[])
    : [answer.body as string | Uint8Array | undefined];
  const steps = parts.flatMap((part): Step[] => {
    if (part === undefined) return [];
    return [
      typeof part === "number" ? { do: "wait", ms: part } : { do: "send", bytes: toBytes(part) },
    ];
  });
  return perform(
    { status: answer.status, headers: answer.headers ?? {}, steps, complete: true },
    hooks,
  );
}

function whole(exchange: Exchange): Score {
  return {
    status: 200,
    headers: exchange.headers,
    steps: exchange.frames.map((frame) => send(frame)),
    complete: true,
  };
}

/** A moment for the bytes before a break to arrive: a reset throws away what the peer has not read. */
const settleMs = 20;

function faulty(exchange: Exchange, fault: Fault): Score {
  const score = whole(exchange);
  const all = score.steps;
  const upTo = (count: number): Step[] =>
    exchange.stream ? all.slice(0, count) : count === 0 ? [] : [half(exchange)];
  const broken = (part: Partial<Score>): Score => ({ ...score, complete: false, ...part });
  switch (fault.kind) {
    case "cut":
      return broken({
        steps: [
          ...upTo(fault.afterFrames),
          { do: "wait", ms: fault.pauseMs ?? settleMs },
          { do: "break" },
        ],
      });
    case "half-stream":
      return broken({
        steps: [
          ...upTo(fault.afterFrames ?? all.length - exchange.terminalFrames),
          { do: "wait", ms: fault.pauseMs ?? settleMs },
        ],
      });
    case "hang":
      return broken({ steps: [...upTo(fault.afterFrames ?? 0), { do: "hang" }] });
    case "drip":
      return {
        ...score,
        steps: all.flatMap((step) => drip(step, fault.bytes ?? 1, fault.delayMs ?? 0)),
      };
    case "slow": {
      const between: Step = { do: "wait", ms: fault.betweenFramesMs ?? 0 };
      const paced = all.flatMap((step, index) => (index === 0 ? [step] : [between, step]));
      return { ...score, steps: [{ do: "wait", ms: fault.firstByteMs }, ...paced] };
    }
    case "html":
      return broken({
        status: fault.status ?? 502,
        headers: { "content-type": "text/html", server: "nginx" },
        steps: [
          text(
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
          ),
        ],
      });
    case "empty":
      return broken({ status: fault.status ?? 200, steps: [] });
    case "garbage":
      return broken({
        status: fault.status ?? 200,
        steps: [text('\u0001\u0002{"choices":[{]}\n\nnot an event\n\ndata: {"half\n\n')],
      });
    case "error-in-stream": {
      const error = exchange.errorFrame(fault.type, fault.message);
      return broken({
        steps: exchange.stream
          ? [
              ...upTo(fault.afterFrames ?? 1),
              { do: "wait", ms: fault.pauseMs ?? settleMs },
              { do: "send", bytes: toBytes(error) },
            ]
          : [{ do: "send", bytes: toBytes(error) }],
      });
    }
    case "wrong-content-type":
      return {
        ...score,
        headers: {
          ...score.headers,
          "content-type": fault.contentType ?? (exchange.stream ? "application/json" : "text/html"),
        },
      };
    case "gzip": {
      const bytes = gzipSync(Buffer.concat(exchange.frames.map(bytesOf)));
      const coding: Record<string, string> =
        fault.declared === false ? {} : { "content-encoding": "gzip" };
      const generated = exchange.frames.at(-1)?.generated;
      return {
        ...score,
        headers: { ...score.headers, ...coding },
        steps: [{ do: "send", bytes, generated }],
      };
    }
    case "no-content":
      return broken({ status: 204, headers: {}, steps: [] });
    case "reset":
      return broken({ steps: [{ do: "break" }] });
    default:
      return fault satisfies never;
  }
}

const encoder = new TextEncoder();
const toBytes = (part: string | Uint8Array): Uint8Array =>
  typeof part === "string" ? encoder.encode(part) : part;
const text = (content: string): Step => ({ do: "send", bytes: encoder.encode(content) });
const bytesOf = (frame: Frame): Uint8Array => frame.bytes ?? encoder.encode(frame.text);
const send = (frame: Frame): Step => ({
  do: "send",
  bytes: bytesOf(frame),
  generated: frame.generated,
});

function half(exchange: Exchange): Step {
  const bytes = Buffer.concat(exchange.frames.map(bytesOf));
  return { do: "send", bytes: bytes.subarray(0, bytes.length >> 1) };
}

function drip(step: Step, size: number, delayMs: number): Step[] {
  if (step.do !== "send") return [step];
  const steps: Step[] = [];
  for (let at = 0; at < step.bytes.length; at += size) {
    const last = at + size >= step.bytes.length;
    steps.push(
      {
        do: "send",
        bytes: step.bytes.subarray(at, at + size),
        generated: last ? step.generated : undefined,
      },
      { do: "wait", ms: delayMs },
    );
  }
  return steps;
}

/** Waits and silences before the first byte hold the status line back too. */
async function perform(score: Score, hooks: PlayHooks): Promise<Response> {
  const queue = [...score.steps];
  while (queue[0]?.do === "wait" || queue[0]?.do === "hang") {
    const first = queue.shift();
    await (first?.do === "wait" ? pause(first.ms, hooks.signal) : forever(hooks.signal));
    if (hooks.signal.aborted) return new Response(null, { status: 499 });
  }
  const init = { status: score.status, headers: score.headers };
  const only = queue[0];
  if (only === undefined) {
    hooks.onDone(score.complete);
    return new Response(null, init);
  }
  if (queue.length === 1 && only.do === "send") {
    if (only.generated) hooks.onGenerated(only.generated);
    hooks.onDone(score.complete);
    return new Response(only.bytes, init);
  }
  return new Response(streamOf(queue, score.complete, hooks), init);
}

function streamOf(queue: Step[], complete: boolean, hooks: PlayHooks): ReadableStream<Uint8Array> {
  let isTold = false;
  const done = (isComplete: boolean): void => {
    if (isTold) return;
    isTold = true;
    hooks.onDone(isComplete);
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          if (hooks.signal.aborted) return;
          const step = queue.shift();
          if (step === undefined) {
            done(complete);
            return controller.close();
          }
          if (step.do === "wait") await pause(step.ms, hooks.signal);
          else if (step.do === "hang") return forever(hooks.signal);
          else if (step.do === "break") {
            done(false);
            // Without a reason, so that the runtime resets the connection and prints nothing.
            return controller.error();
          } else {
            if (step.generated) hooks.onGenerated(step.generated);
            // A client that has the last byte may leave before it sees the end.
            if (queue.every((left) => left.do === "wait")) done(complete);
            return controller.enqueue(step.bytes);
          }
        }
      },
    },
    { highWaterMark: 0 },
  );
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}

function forever(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
