// One answer for several readers: the same bytes for each, an end that waits for its record, and a bound.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type CopyEnd, createAnswerCopy } from "../../../src/pipeline/answer-copy.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** A body that is asked for one piece at a time. */
function bodyOf(pieces: readonly string[], broken?: Error) {
  let taken = 0;
  const state = { cancelled: false, taken: () => taken };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces[taken];
        taken += 1;
        if (piece !== undefined) controller.enqueue(bytes(piece));
        else if (broken) controller.error(broken);
        else controller.close();
      },
      cancel() {
        state.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return Object.assign(state, { body });
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of chunks) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const failureOf = (chunks: AsyncIterable<Uint8Array>): Promise<unknown> =>
  textOf(chunks).catch((error: unknown) => error);

const ends: CopyEnd[] = [];
const ended = async (end: CopyEnd): Promise<void> => void ends.push(end);
const lastEnd = (): string => {
  const [end] = ends.splice(0);
  return end?.type === "whole" ? Buffer.from(end.bytes).toString() : (end?.type ?? "none");
};

describe("an answer for several", () => {
  test("each has all bytes, whenever it comes and however fast it reads", async () => {
    const readers = fc.array(fc.record({ after: fc.nat(5), steps: fc.nat(8) }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ minLength: 1 }), { maxLength: 6 }),
        readers,
        async (pieces, plans) => {
          const copy = createAnswerCopy(bodyOf(pieces).body, { maxBytes: 1_000, ended });
          const whole = pieces.join("");
          const slow = async ({ after, steps }: { after: number; steps: number }) => {
            for (let turn = 0; turn < after; turn += 1) await Promise.resolve();
            const read: Uint8Array[] = [];
            for await (const piece of copy.follow()) {
              read.push(piece);
              for (let turn = 0; turn < steps; turn += 1) await Promise.resolve();
            }
            return Buffer.concat(read).toString();
          };
          const [first, ...others] = await Promise.all([textOf(copy.first()), ...plans.map(slow)]);
          expect(first).toBe(Buffer.from(whole).toString());
          for (const other of others) expect(other).toBe(first ?? "");
          expect(await textOf(copy.follow())).toBe(first ?? "");
          expect([ends.length, lastEnd()]).toEqual([1, first ?? ""]);
        },
      ),
    );
  });

  test("nobody sees the end before it is on record", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const copy = createAnswerCopy(bodyOf(["a"]).body, { maxBytes: 10, ended: () => promise });
    const reader = copy.first();
    expect((await reader.next()).value).toEqual(Buffer.from("a"));
    const last = reader.next();
    expect(await Promise.race([last, Bun.sleep(10).then(() => "waiting")])).toBe("waiting");
    resolve();
    expect((await last).done).toBe(true);
  });

  test("an answer without a body is whole at once", async () => {
    const copy = createAnswerCopy(null, { maxBytes: 10, ended });
    expect(await textOf(copy.first())).toBe("");
    expect(ends.splice(0)).toEqual([{ type: "whole", bytes: Buffer.alloc(0) }]);
  });

  test("it is read to its end though its reader reads nothing, or has left", async () => {
    const unread = bodyOf(["a", "b", "c"]);
    createAnswerCopy(unread.body, { maxBytes: 10, ended });
    await Bun.sleep(1);
    expect(lastEnd()).toBe("abc");
    const source = bodyOf(["a", "b", "c"]);
    const copy = createAnswerCopy(source.body, { maxBytes: 10, ended });
    const reader = copy.first();
    await reader.next();
    await reader.return(undefined);
    copy.leave();
    expect(await textOf(copy.follow())).toBe("abc");
    expect([lastEnd(), source.cancelled]).toEqual(["abc", false]);
  });

  test("one that breaks off breaks off for all", async () => {
    const cause = new Error("reset");
    const copy = createAnswerCopy(bodyOf(["a"], cause).body, { maxBytes: 10, ended });
    expect(await failureOf(copy.first())).toBe(cause);
    expect(await failureOf(copy.follow())).toBe(cause);
    expect(lastEnd()).toBe("broken");
  });
});

describe("an answer that is too large to be held", () => {
  test("its own reader has it all, a piece at a time; others have none of it", async () => {
    const pieces = Array.from({ length: 50 }, (_, index) => `piece ${index};`);
    const source = bodyOf(pieces);
    const copy = createAnswerCopy(source.body, { maxBytes: 30, ended });
    const reader = copy.first();
    let read = "";
    for (let taken = 0; ; taken += 1) {
      const { done, value } = await reader.next();
      if (done) break;
      read += Buffer.from(value).toString();
      // Nothing is read ahead.
      expect(source.taken()).toBeLessThanOrEqual(Math.max(taken + 2, 4));
    }
    expect(read).toBe(pieces.join(""));
    expect(String(await failureOf(copy.follow()))).toContain("larger than 30 bytes");
    expect([ends.length, lastEnd()]).toEqual([1, "too-large"]);
  });

  test("exactly the most is held", async () => {
    const copy = createAnswerCopy(bodyOf(["12345", "67890"]).body, { maxBytes: 10, ended });
    expect(await textOf(copy.first())).toBe("1234567890");
    expect(lastEnd()).toBe("1234567890");
  });

  test("is given up when its reader has left", async () => {
    const source = bodyOf(Array.from({ length: 50 }, () => "0123456789"));
    createAnswerCopy(source.body, { maxBytes: 30, ended }).leave();
    for (let turn = 0; turn < 100 && !source.cancelled; turn += 1) await Bun.sleep(1);
    expect([source.cancelled, source.taken() < 10, lastEnd()]).toEqual([true, true, "too-large"]);
  });

  test("is given up when its reader leaves midway", async () => {
    const source = bodyOf(Array.from({ length: 50 }, () => "0123456789"));
    const copy = createAnswerCopy(source.body, { maxBytes: 30, ended });
    const reader = copy.first();
    for (let taken = 0; taken < 10; taken += 1) await reader.next();
    expect(source.cancelled).toBe(false);
    copy.leave();
    for (let turn = 0; turn < 100 && !source.cancelled; turn += 1) await Bun.sleep(1);
    expect([source.cancelled, source.taken() < 15, lastEnd()]).toEqual([true, true, "too-large"]);
  });

  test("that breaks off is told to its reader", async () => {
    const cause = new Error("reset");
    const copy = createAnswerCopy(bodyOf(["0123456789", "x"], cause).body, { maxBytes: 5, ended });
    expect(await failureOf(copy.first())).toBe(cause);
    expect([ends.length, lastEnd()]).toEqual([1, "too-large"]);
  });
});
