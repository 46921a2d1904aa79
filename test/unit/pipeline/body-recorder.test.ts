// Bodies on record: what passes stays as it is, what is kept is bounded, redacted and written once.
import { describe, expect, test } from "bun:test";
import { createLogger } from "../../../src/lib/log.ts";
import { createBodyRecorder, wantsBodies } from "../../../src/pipeline/body-recorder.ts";
import type { Bodies, Body } from "../../../src/store/bodies.ts";

type Kept = Omit<Body, "atMs">;

function recorder(options: Parameters<typeof createBodyRecorder>[2] = {}, fails = false) {
  const kept: Kept[][] = [];
  const lines: string[] = [];
  const bodies: Bodies = {
    put: async (some) => {
      if (fails) throw new Error("the disk is full");
      kept.push([...some]);
    },
    get: async () => [],
    remove: async () => 0,
  };
  const log = createLogger({ write: (line) => lines.push(line) });
  return { kept, lines, recorder: createBodyRecorder(bodies, log, options) };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await Bun.sleep(0);
};

const streamOf = (...pieces: string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(bytes(piece));
      controller.close();
    },
  });

describe("a recording", () => {
  test("keeps both bodies without credentials; the client gets every byte", async () => {
    const { kept, recorder: recording } = recorder();
    const one = recording.begin("req_1");
    one.request(bytes('{"api_key":"abc","q":1}'), "application/json");
    const answer = one.response(
      new Response(streamOf("data: a\n\n", "data: Bearer abcdefghijklmnopq\n\n"), {
        status: 201,
        headers: { "content-type": "text/event-stream", "x-a": "b" },
      }),
    );
    expect(kept).toEqual([]);
    expect([answer.status, answer.headers.get("x-a")]).toEqual([201, "b"]);
    expect(await answer.text()).toBe("data: a\n\ndata: Bearer abcdefghijklmnopq\n\n");
    await settled();
    expect(kept).toHaveLength(1);
    expect(kept[0]).toEqual([
      {
        requestId: "req_1",
        part: "request",
        contentType: "application/json",
        size: 23,
        isCut: false,
        text: '{"api_key":"***","q":1}',
      },
      {
        requestId: "req_1",
        part: "response",
        contentType: "text/event-stream",
        size: 41,
        isCut: false,
        text: "data: a\n\ndata: Bearer ***\n\n",
      },
    ]);
  });

  test("keeps the beginning of what is long, and nothing of media", async () => {
    const { kept, recorder: recording } = recorder({ maxBytes: 10 });
    const one = recording.begin("req_1");
    one.request(bytes("PNG bytes"), "image/png");
    const answer = one.response(new Response(streamOf("12345678", "90abc", "def")));
    expect(await answer.text()).toBe("1234567890abcdef");
    await settled();
    expect(kept[0]?.map(({ size, isCut, text }) => [size, isCut, text])).toEqual([
      [9, true, ""],
      [16, true, "1234567890"],
    ]);
  });

  test("all recordings together stay within their memory, and give it back", async () => {
    const { kept, recorder: recording } = recorder({ maxHeldBytes: 15 });
    const [one, two] = [recording.begin("req_1"), recording.begin("req_2")];
    one.request(bytes("0123456789"), null);
    two.request(bytes("0123456789"), null);
    one.finish();
    two.finish();
    two.finish();
    await settled();
    const three = recording.begin("req_3");
    three.request(bytes("0123456789"), null);
    three.finish();
    await settled();
    expect(kept.map(([body]) => [body?.text, body?.isCut])).toEqual([
      ["0123456789", false],
      ["01234", true],
      ["0123456789", false],
    ]);
  });

  test("ends when the client leaves, and when the answer breaks off", async () => {
    const { kept, recorder: recording } = recorder();
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytes("x")),
      cancel() {
        isCancelled = true;
      },
    });
    const reader = recording.begin("req_1").response(new Response(endless)).body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect(isCancelled).toBe(true);
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error("reset"));
      },
    });
    const answer = recording.begin("req_2").response(new Response(broken));
    expect(answer.text()).rejects.toThrow("reset");
    await settled();
    expect(kept.map(([body]) => body?.requestId)).toEqual(["req_1", "req_2"]);
  });

  test("an answer without a body ends it; a failure is logged and harms nobody", async () => {
    const { lines, recorder: recording } = recorder({}, true);
    const answer = recording.begin("req_1").response(new Response(null, { status: 204 }));
    expect(answer.status).toBe(204);
    await settled();
    expect(lines.join()).toContain("bodies.not_kept");
  });
});

test("a route, a key or a key's metadata asks for it", () => {
  expect(wantsBodies({})).toBe(false);
  expect(wantsBodies({ route: {}, key: {}, metadata: { store_bodies: "yes" } })).toBe(false);
  expect(wantsBodies({ route: { storeBodies: true } })).toBe(true);
  expect(wantsBodies({ key: { storeBodies: true } })).toBe(true);
  expect(wantsBodies({ metadata: { store_bodies: true } })).toBe(true);
});
