// A large upload passes through without being held in memory.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const uploadBytes = 200 * 1024 * 1024;
const mostGrowth = 60 * 1024 * 1024;
let folder: string;
let provider: Bun.Server<undefined>;
const received: { bytes: number; model: string; length: string | null }[] = [];

/** Counts and forgets, so that only the gateway's memory is looked at. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "megallm-upload-"));
  provider = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    maxRequestBodySize: 2 * uploadBytes,
    async fetch(request) {
      let bytes = 0;
      let tail = "";
      for await (const chunk of request.body ?? []) {
        bytes += chunk.length;
        tail = (tail + Buffer.from(chunk.subarray(-300)).toString("latin1")).slice(-300);
      }
      const model = /name="model"\r\n\r\n(.*?)\r\n/.exec(tail)?.[1] ?? "";
      received.push({ bytes, model, length: request.headers.get("content-length") });
      return Response.json({ text: "heard" });
    },
  });
});
afterAll(async () => {
  await provider.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

test("200 MB make the gateway's memory grow by less than 60 MB, and leave nothing behind", async () => {
  const config = join(folder, "megallm.yaml");
  writeFileSync(
    config,
    `providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:${provider.port}/v1", api_key: kkkkkkkk } }\nserver: { port: 0 }\n`,
  );
  const temporary = join(folder, "tmp");
  const script = `
    import { mkdirSync } from "node:fs";
    mkdirSync(${JSON.stringify(temporary)});
    process.env.TMPDIR = ${JSON.stringify(temporary)};
    const { startInProcess } = await import(${JSON.stringify(join(import.meta.dir, "../support/in-process.ts"))});
    const gateway = await startInProcess({ providers: { up: { type: "openai-compatible", base_url: "http://127.0.0.1:${provider.port}/v1", api_key: "kkkkkkkk" } } });
    const { port } = await gateway.listen();
    let most = 0;
    setInterval(() => { most = Math.max(most, process.memoryUsage().rss); }, 5);
    process.stdout.write(port + "\\n");
    for await (const line of console) {
      if (line === "begin") { Bun.gc(true); most = process.memoryUsage().rss; process.stdout.write(most + "\\n"); }
      else { process.stdout.write(Math.max(most, process.memoryUsage().rss) + "\\n"); process.exit(0); }
    }`;
  const daemon = Bun.spawn([process.execPath, "-e", script], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = readLines(daemon.stdout);
  const port = Number((await lines.next()).value);
  const post = (bytes: number): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/v1/audio/transcriptions`, {
      method: "POST",
      headers: { "content-type": "multipart/form-data; boundary=x1" },
      body: form(bytes),
    });
  // What is loaded on first use is not counted.
  expect((await post(2 * 1024 * 1024)).status).toBe(200);
  await daemon.stdin.write("begin\n");
  const before = Number((await lines.next()).value);
  const answer = await post(uploadBytes);
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ text: "heard" });
  await daemon.stdin.write("end\n");
  const most = Number((await lines.next()).value);
  await daemon.exited;
  expect(received.at(-1)).toEqual({
    bytes: lengthOf(uploadBytes) - "up/whisper".length + "whisper".length,
    model: "whisper",
    length: String(lengthOf(uploadBytes) - 3),
  });
  console.log(`RSS before ${before >> 20} MB, at most ${most >> 20} MB`);
  expect(most - before).toBeLessThan(mostGrowth);
  expect(readdirSync(temporary)).toEqual([]);
}, 60_000);

const head = `--x1\r\ncontent-disposition: form-data; name="file"; filename="t.wav"\r\n\r\n`;
const tail = `\r\n--x1\r\ncontent-disposition: form-data; name="model"\r\n\r\nup/whisper\r\n--x1--\r\n`;
const lengthOf = (bytes: number): number => head.length + bytes + tail.length;

/** The model comes last, so that everything before it must be set aside. */
function form(bytes: number): ReadableStream<Uint8Array> {
  const piece = new Uint8Array(256 * 1024).fill(7);
  let left = bytes;
  let state: "head" | "body" | "end" = "head";
  return new ReadableStream({
    pull(controller) {
      if (state === "head") {
        controller.enqueue(Buffer.from(head));
        state = "body";
      } else if (left > 0) {
        controller.enqueue(piece.slice(0, Math.min(left, piece.length)));
        left -= piece.length;
      } else {
        controller.enqueue(Buffer.from(tail));
        controller.close();
        state = "end";
      }
    },
  });
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of stream) {
    text += Buffer.from(chunk).toString();
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n")) {
      yield text.slice(0, at);
      text = text.slice(at + 1);
    }
  }
}
