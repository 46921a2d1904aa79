// The top-level scan against `JSON.parse`, on chat requests of three sizes.
import { scan } from "../src/lib/json.ts";

/**
 * Interleaved rounds, medians in microseconds. The time of `JSON.parse` includes decoding the bytes to text, as
 * routing by parsing would; a factor above 1 means that the scan is faster.
 */
export async function runJsonBench(rounds = 41): Promise<{ title: string; rows: string[] }> {
  const rows = bodies().map(({ name, bytes }) => {
    const repeat = Math.max(1, Math.round(400_000 / bytes.length));
    const scanTimes: number[] = [];
    const parseTimes: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      scanTimes.push(time(repeat, () => scan(bytes)));
      parseTimes.push(time(repeat, () => JSON.parse(Buffer.from(bytes).toString("utf8"))));
    }
    const scanUs = median(scanTimes);
    const parseUs = median(parseTimes);
    return [
      name.padEnd(26),
      `${bytes.length} bytes`.padStart(14),
      `scan ${scanUs.toFixed(1)}`.padStart(12),
      `parse ${parseUs.toFixed(1)}`.padStart(14),
      `× ${(parseUs / scanUs).toFixed(2)}`.padStart(8),
    ].join(" ");
  });
  return { title: "Top-level scan against JSON.parse, µs", rows };
}

function time(repeat: number, run: () => unknown): number {
  const start = performance.now();
  for (let index = 0; index < repeat; index += 1) run();
  return ((performance.now() - start) * 1_000) / repeat;
}

const median = (values: number[]): number =>
  values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0;

const prose = 'The quick brown fox jumps over the lazy dog. It said: "hello",\n\tand left. ';
const code = 'if (a[0] === "x") {\n  return { b: [1, 2, 3] };\n}\n';

function bodies(): { name: string; bytes: Uint8Array }[] {
  const chat = (turns: number, text: (turn: number) => string): Uint8Array =>
    Buffer.from(
      JSON.stringify({
        model: "gpt-4o",
        messages: Array.from({ length: turns }, (_value, turn) => ({
          role: turn % 2 ? "assistant" : "user",
          content: text(turn),
        })),
        tools: Array.from({ length: Math.min(turns, 20) }, (_value, index) => ({
          type: "function",
          function: {
            name: `tool_${index}`,
            parameters: { type: "object", properties: { path: { type: "string" } } },
          },
        })),
        stream: true,
        temperature: 0.7,
      }),
    );
  return [
    { name: "2 KB chat", bytes: chat(6, () => prose.repeat(3)) },
    { name: "100 KB agent turn", bytes: chat(100, (turn) => (turn % 3 ? prose : code).repeat(12)) },
    { name: "1 MB agent turn", bytes: chat(400, (turn) => (turn % 3 ? prose : code).repeat(32)) },
    { name: "1 MB code, many escapes", bytes: chat(40, () => code.repeat(400)) },
    { name: "1 MB one image (base64)", bytes: chat(1, () => "iVBORw0KGgo".repeat(95_000)) },
    {
      name: "1 MB in other letters",
      bytes: chat(100, () => "Привет, мир — 你好世界! ".repeat(260)),
    },
    { name: "1 MB of small values", bytes: chat(20_000, (turn) => String(turn)) },
  ];
}
