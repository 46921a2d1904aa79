// What translation costs: CPU per request by size and per stream event, for every pair of wires, and step by step.
import { targetOf } from "../scripts/fidelity/bodies.ts";
import { ids } from "../scripts/fidelity/feature.ts";
import { dialects } from "../src/dialects/index.ts";
import type { ChatRequest, ChatResponse, DialectId } from "../src/ir/chat.ts";
import type { ChatEvent } from "../src/ir/event.ts";
import { createUsage } from "../src/ir/usage.ts";
import type { Frame } from "../src/lib/frame.ts";
import { parseObject, scan, splice } from "../src/lib/json.ts";
import { median } from "./measure.ts";

export interface CodecFigures {
  /** CPU µs by wire of the client, then of the provider: median and minimum of the rounds. */
  pairs: Record<string, Record<string, Record<string, Figure>>>;
  /** CPU µs of single steps, by wire. */
  steps: Record<string, Record<string, Figure>>;
}

interface Figure {
  median: number;
  min: number;
}

interface Job {
  /** Which table, row and column. */
  place: readonly [string, string, string];
  /** Operations in one run. */
  per: number;
  run(): unknown;
}

/** All jobs take their turn in each round, so that a noisy moment hits all alike. */
export async function runCodecBench(
  rounds = 9,
): Promise<{ title: string; rows: string[]; data: CodecFigures }> {
  const jobs = [...sizes.flatMap(requestJobs), ...streamJobs(), ...stepJobs()];
  const times = new Map<Job, number[]>(jobs.map((job) => [job, []]));
  const repeats = new Map(jobs.map((job) => [job, repeatsFor(job)]));
  for (let round = 0; round < rounds; round += 1) {
    for (const job of jobs) {
      const repeat = repeats.get(job) ?? 1;
      times.get(job)?.push(cpuOf(() => runTimes(job, repeat)) / repeat / job.per);
    }
    // Lets a shared machine's other work pass between rounds.
    await Bun.sleep(1);
  }
  const data: CodecFigures = { pairs: {}, steps: {} };
  for (const [{ place }, found] of times) {
    const [table, row, column] = place;
    const figure = { median: median(found), min: Math.min(...found) };
    const holder = table === "steps" ? data.steps : (data.pairs[table] ??= {});
    (holder[row] ??= {})[column] = figure;
  }
  return {
    title: `Codecs, CPU µs: median (and least for steps) of ${rounds} interleaved rounds`,
    rows: render(data),
    data,
  };
}

function runTimes(job: Job, repeat: number): void {
  for (let index = 0; index < repeat; index += 1) job.run();
}

/** User and system time of this process, its collector's threads included, µs. */
function cpuOf(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Long enough to be measured, after a moment of warming up. */
function repeatsFor(job: Job): number {
  runTimes(job, 3);
  const once = Math.max(1, cpuOf(() => runTimes(job, 5)) / 5);
  return Math.max(1, Math.min(400, Math.round(4_000 / once)));
}

const sizes = [
  { name: "2 KB", turns: 6, words: 3 },
  { name: "100 KB", turns: 100, words: 12 },
  { name: "1 MB", turns: 400, words: 32 },
] as const;

const prose = 'The quick brown fox jumps over the lazy dog. It said: "hello",\n\tand left. ';
const code = 'if (a[0] === "x") {\n  return { b: [1, 2, 3] };\n}\n';

/** An agent's conversation: texts, calls and results, and tools. */
function conversation({ turns, words }: { turns: number; words: number }): ChatRequest {
  const messages = Array.from(
    { length: turns },
    (_value, turn): ChatRequest["messages"][number] => {
      const text = (turn % 3 ? prose : code).repeat(words);
      const callId = `call_${turn - (turn % 2)}`;
      if (turn === 0) return { role: "user", parts: [{ type: "text", text }] };
      return turn % 2
        ? {
            role: "assistant",
            parts: [
              { type: "text", text },
              {
                type: "tool-call",
                id: `call_${turn + 1}`,
                name: "tool_0",
                args: '{"path":"src/a.ts","lines":[1,2]}',
                executor: "client",
              },
            ],
          }
        : {
            role: "user",
            parts: [
              { type: "tool-result", callId, isError: false, parts: [{ type: "text", text }] },
            ],
          };
    },
  );
  return {
    model: "some-model",
    messages: messages.slice(0, turns - 1 + (turns % 2)),
    tools: Array.from({ length: Math.min(turns, 20) }, (_value, index) => ({
      type: "function",
      name: `tool_${index}`,
      description: "Reads a file",
      parameters: { type: "object", properties: { path: { type: "string" } } },
    })),
    settings: { maxOutputTokens: 4_000, temperature: 0.7 },
    stream: true,
    ext: {},
  };
}

/** The same request in a wire's own words, as a client would post it. */
const bytesIn = (id: DialectId, request: ChatRequest): Uint8Array => {
  const { body } = dialects[id].request.encode(request, targetOf(id, false));
  return Buffer.from(JSON.stringify({ ...parseObject(body), model: "some-model" }));
};

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

const decodeBytes = (id: DialectId, bytes: Uint8Array) => {
  const text = textOf(bytes);
  return dialects[id].request.decode({ json: parseObject(text), text }, "chat");
};

function requestJobs(size: (typeof sizes)[number]): Job[] {
  const request = conversation(size);
  return ids.flatMap((from) => {
    const bytes = bytesIn(from, request);
    return ids.map((to): Job => {
      const target = targetOf(to, false);
      return {
        place: [`request of ${size.name}`, from, to],
        per: 1,
        run:
          from === to
            ? () => {
                const member = scan(bytes).get("model");
                return splice(bytes, member ? [{ ...member.value, text: '"other"' }] : []);
              }
            : () => {
                scan(bytes);
                const { value } = decodeBytes(from, bytes);
                return Buffer.from(dialects[to].request.encode(value, target).body);
              },
      };
    });
  });
}

const context = { model: "m", includeUsage: true, warn: () => {} };
const originOf = (dialect: DialectId) => ({ dialect, provider: "p", model: "m" });

/** An answer as models stream it: a few characters at a time. */
function answerEvents(): ChatEvent[] {
  const delta = (index: number, of: "text" | "args", text: string): ChatEvent => ({
    type: "part-delta",
    candidate: 0,
    index,
    delta: of === "text" ? { type: "text", text } : { type: "args", args: text },
  });
  const words = Array.from({ length: 400 }, (_value, at) => delta(0, "text", ` word${at % 10}`));
  const args = Array.from({ length: 40 }, (_value, at) =>
    delta(1, "args", at === 0 ? '{"path":"' : at === 39 ? '"}' : "abc"),
  );
  const usage = { ...createUsage({ total: 900 }, { total: 440 }) };
  return [
    { type: "start", id: "a1", model: "m" },
    { type: "part-start", candidate: 0, index: 0, part: { type: "text", text: "" } },
    ...words,
    { type: "part-end", candidate: 0, index: 0 },
    {
      type: "part-start",
      candidate: 0,
      index: 1,
      part: { type: "tool-call", id: "c1", name: "read", args: "", executor: "client" },
    },
    ...args,
    { type: "part-end", candidate: 0, index: 1 },
    { type: "usage", usage },
    { type: "finish", candidate: 0, finish: { reason: "tool-calls" } },
    { type: "end" },
  ];
}

interface Stream {
  events: number;
  pieces: Uint8Array[];
  frames: Frame[];
}

/** The answer in a wire's own stream, in pieces as a network gives them. */
function streamIn(id: DialectId): Stream {
  const { encoder, framing } = dialects[id].stream;
  const encode = encoder(context);
  const writer = framing.createWriter();
  const frames = answerEvents().flatMap((event) => encode.push(event));
  const bytes = Buffer.concat([...frames.map((frame) => writer.write(frame)), writer.end()]);
  const size = 1_400;
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_value, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
  return { events: frames.length, pieces, frames };
}

function splitFrames(id: DialectId, { pieces }: Stream): Frame[] {
  const { framing } = dialects[id].stream;
  const splitter = framing.createSplitter();
  const blocks = pieces.flatMap((piece) => splitter.push(piece));
  const rest = splitter.end();
  return [...blocks, ...(rest ? [rest] : [])].flatMap((block) => framing.parse(block) ?? []);
}

function decodeFrames(id: DialectId, frames: readonly Frame[]): ChatEvent[] {
  const decoder = dialects[id].stream.decoder(originOf(id));
  return [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
}

function encodeEvents(id: DialectId, events: readonly ChatEvent[]): number {
  const { encoder, framing } = dialects[id].stream;
  const encode = encoder(context);
  const writer = framing.createWriter();
  let size = 0;
  for (const event of events) {
    for (const frame of encode.push(event)) size += writer.write(frame).length;
  }
  return size + writer.end().length;
}

/** A relayed stream is read all the same, for its usage and its end. */
function streamJobs(): Job[] {
  return ids.flatMap((from) => {
    const stream = streamIn(from);
    return ids.map((to): Job => ({
      place: ["stream event", from, to],
      per: stream.events,
      run: () => {
        const events = decodeFrames(from, splitFrames(from, stream));
        return from === to ? events.length : encodeEvents(to, events);
      },
    }));
  });
}

/** Single steps, at 100 KB and per event. */
function stepJobs(): Job[] {
  const request = conversation(sizes[1]);
  return ids.flatMap((id): Job[] => {
    const bytes = bytesIn(id, request);
    const text = textOf(bytes);
    const json = parseObject(text);
    const { value: decoded } = dialects[id].request.decode({ json, text }, "chat");
    // As another wire's client would have asked it.
    const foreign: ChatRequest = { ...decoded, ext: {} };
    const stream = streamIn(id);
    const events = decodeFrames(id, stream.frames);
    const answer: ChatResponse = {
      id: "a",
      model: "m",
      candidates: [{ parts: [{ type: "text", text: prose }], finish: { reason: "stop" } }],
    };
    const step = (name: string, per: number, run: () => unknown): Job => ({
      place: ["steps", id, name],
      per,
      run,
    });
    return [
      step("scan", 1, () => scan(bytes)),
      step("parse", 1, () => parseObject(textOf(bytes))),
      step("decode", 1, () => dialects[id].request.decode({ json, text }, "chat")),
      step("encode", 1, () => dialects[id].request.encode(foreign, targetOf(id, false))),
      step("answer", 1, () => dialects[id].response.encode(answer, context)),
      step("split", stream.events, () => splitFrames(id, stream)),
      step("event decode", stream.events, () => decodeFrames(id, stream.frames)),
      step("event encode", stream.events, () => encodeEvents(id, events)),
    ];
  });
}

const shown = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(value >= 10 ? 1 : 2);

function render({ pairs, steps }: CodecFigures): string[] {
  const width = 19;
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(width) : cell.padStart(17))).join("");
  const rows: string[] = [];
  for (const [name, table] of Object.entries(pairs)) {
    rows.push(
      "",
      `${name}: client or provider of the row, to the column (the same: relayed)`,
      line(["", ...ids]),
      ...ids.map((from) =>
        line([from, ...ids.map((to) => shown(table[from]?.[to]?.median ?? Number.NaN))]),
      ),
    );
  }
  const names = Object.keys(Object.values(steps)[0] ?? {});
  rows.push(
    "",
    "single steps: request of 100 KB, answer of 75 characters, stream per event; median/least",
    line(["", ...names]),
    ...ids.map((id) =>
      line([
        id,
        ...names.map((name) => {
          const figure = steps[id]?.[name];
          return figure ? `${shown(figure.median)}/${shown(figure.min)}` : "";
        }),
      ]),
    ),
  );
  return rows;
}
