// What every driver must do for experiments, feedback and shadows: part of the store's contract.
import { describe, expect, test } from "bun:test";
import type { ShadowLink } from "../../src/store/shadows.ts";
import type { Store, UsageRow } from "../../src/store/store.ts";
import { usageOf } from "../support/store-rows.ts";

/** `store`: the one that is open while a test runs. */
export function experimentsSuite(store: () => Store): void {
  const settle = (id: string, changes: Partial<UsageRow>) =>
    store().settle(usageOf(id, changes), []);
  const given = (arm: string, answeredBy: string | null = arm, experiment = "trial") => ({
    experiment: { experiment, arm, answeredBy },
  });

  describe("experiments", () => {
    test("are summed by arm, over what the arm itself answered", async () => {
      await settle("r1", { ...given("a"), costNanos: 1_000_000_000n, durationMs: 100 });
      await settle("r2", { ...given("a"), costNanos: 3_000_000_000n, durationMs: 300 });
      await settle("r3", { ...given("a"), costNanos: null, firstTokenMs: null });
      await settle("r4", { ...given("a", "b"), costNanos: 9n });
      await settle("r5", { ...given("a", null), status: "error", costNanos: null });
      await settle("r6", { ...given("a"), status: "client_closed", costNanos: 2_000_000_000n });
      await settle("r7", given("b"));
      await settle("r8", given("a", "a", "other"));
      await settle("r9", {});
      const figures = await store().experiments.figures();
      expect(figures.map(({ experiment, arm }) => `${experiment} ${arm}`)).toEqual([
        "other a",
        "trial a",
        "trial b",
      ]);
      expect(figures[1]).toMatchObject({
        requests: 6,
        failed: 1,
        rescued: 1,
        inputTokens: 4 * 1_200,
        outputTokens: 4 * 345,
        costNanos: 6_000_000_000n,
        unpriced: 1,
        cost: { n: 3, mean: 2, squares: 2 },
        duration: { n: 3 },
        firstToken: { n: 2 },
        feedback: [],
      });
      const [, a] = figures;
      expect(a?.duration.mean).toBeCloseTo((100 + 300 + 1_234.567) / 3, 3);
      expect(a?.duration.p50).toBeGreaterThan(280);
      expect(a?.duration.p50).toBeLessThan(320);
    });

    test("are read by name and time", async () => {
      await settle("old", { ...given("a"), atMs: 1_000 });
      await settle("new", { ...given("a"), atMs: 2_000 });
      await settle("elsewhere", { ...given("a", "a", "other"), atMs: 2_000 });
      const requests = async (query: object): Promise<number[]> =>
        (await store().experiments.figures(query)).map((each) => each.requests);
      expect(await requests({ experiment: "trial" })).toEqual([2]);
      expect(await requests({ experiment: "trial", sinceMs: 2_000 })).toEqual([1]);
      expect(await requests({ experiment: "trial", untilMs: 2_000 })).toEqual([1]);
      expect(await requests({ experiment: "none" })).toEqual([]);
      expect(await requests({ sinceMs: 3_000 })).toEqual([]);
    });

    test("that are longer than a slice are read whole, and none twice", async () => {
      const rows = Array.from({ length: 4_500 }, (_, at) =>
        usageOf(`req_${String(at).padStart(5, "0")}`, {
          ...given(at % 3 === 0 ? "b" : "a"),
          // Many of one millisecond, across the edge of a slice.
          atMs: 1_000 + Math.floor(at / 1_700),
          costNanos: 1n,
        }),
      );
      await Promise.all(rows.map((row) => store().settle(row, [])));
      const figures = await store().experiments.figures();
      expect(figures.map(({ requests, costNanos }) => [requests, costNanos])).toEqual([
        [3_000, 3_000n],
        [1_500, 1_500n],
      ]);
    });

    test("a request that is settled twice counts once", async () => {
      await settle("r1", given("a"));
      await settle("r1", given("b"));
      expect((await store().experiments.figures()).map(({ arm }) => arm)).toEqual(["a"]);
    });
  });

  describe("feedback", () => {
    const say = (requestId: string, name: string, value: number, comment: string | null = null) =>
      store().experiments.feedback({ requestId, name, value, comment, key: "team-a" });

    test("is one for each request and name, the last", async () => {
      await settle("r1", given("a"));
      await settle("r2", given("a"));
      const first = await say("r1", "score", 1, "meh");
      const second = await say("r1", "score", 0.1, "no \0\ud800 good");
      await say("r1", "helpful", 0);
      await say("r2", "score", -2.5);
      expect(first).toMatchObject({ isNew: true, kept: { value: 1, comment: "meh" } });
      expect(second).toMatchObject({ isNew: false, kept: { value: 0.1 } });
      const ids = [first, second].map((each) => (each === "too_many" ? each : each.kept.id));
      expect(ids[0]).toBe(ids[1]);
      const [figures] = await store().experiments.figures();
      expect(figures?.feedback).toEqual([
        { name: "score", moments: { n: 2, mean: -1.2, squares: expect.closeTo(3.38, 9) } },
        { name: "helpful", moments: { n: 1, mean: 0, squares: 0 } },
      ]);
    });

    test("is bounded for each request", async () => {
      await settle("r1", {});
      for (let at = 0; at < 20; at += 1) expect(await say("r1", `n${at}`, at)).not.toBe("too_many");
      expect(await say("r1", "more", 1)).toBe("too_many");
      expect(await say("r1", "n0", 1)).not.toBe("too_many");
    });

    test("of what is not on record is refused", async () => {
      const refused = await say("nobody", "score", 1).catch((error: unknown) => error);
      expect(refused).toMatchObject({ name: "StoreError" });
    });
  });

  describe("shadows", () => {
    const link = (requestId: string, over: Partial<ShadowLink> = {}): { shadow: ShadowLink } => ({
      shadow: {
        requestId,
        route: "live",
        target: "candidate",
        requestFinish: null,
        shadowFinish: "stop",
        ...over,
      },
    });

    test("stand beside their requests", async () => {
      await settle("r1", { costNanos: 5n });
      await settle("s1", { ...link("r1"), costNanos: 7n, key: "(shadow)" });
      await store().shadows.finished("s1", "length");
      const { pairs, next } = await store().shadows.list();
      expect(next).toBeNull();
      expect(pairs).toMatchObject([
        {
          atMs: 1_760_000_000_000,
          route: "live",
          target: "candidate",
          request: { requestId: "r1", finish: "length", costNanos: 5n, inputTokens: 1_200 },
          shadow: { requestId: "s1", finish: "stop", costNanos: 7n, durationMs: 1_234.567 },
        },
      ]);
    });

    test("are there before their requests are over", async () => {
      await settle("s1", link("r1"));
      expect((await store().shadows.list()).pairs[0]?.request).toBeNull();
    });

    test("come by page, newest first, each once", async () => {
      for (let at = 0; at < 25; at += 1) {
        const id = String(at).padStart(2, "0");
        await settle(`s${id}`, { ...link(`r${id}`), atMs: 1_000 + Math.floor(at / 4) });
      }
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await store().shadows.list({ limit: 7, ...(cursor && { cursor }) });
        found.push(...page.pairs.map(({ shadow }) => shadow.requestId));
        cursor = page.next ?? undefined;
      } while (cursor);
      const ids = Array.from({ length: 25 }, (_, at) => `s${String(at).padStart(2, "0")}`);
      expect(found).toEqual(ids.toReversed());
      expect((await store().shadows.list({ sinceMs: 1_006 })).pairs).toHaveLength(1);
      const refused = await store()
        .shadows.list({ cursor: "x" })
        .catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "invalid_request" });
    });

    test("are summed by what they are of, over slices", async () => {
      const rows = Array.from({ length: 2_100 }, (_, at) =>
        usageOf(`s${at}`, { ...link(`r${at}`), atMs: 5_000, costNanos: 2n }),
      );
      await Promise.all(rows.map((row) => store().settle(row, [])));
      await settle("before", { ...link("r"), atMs: 4_999, costNanos: 100n });
      await settle("other", { ...link("r", { target: "x" }), atMs: 6_000, costNanos: 100n });
      await settle("unknown", { ...link("r"), atMs: 6_000, costNanos: null });
      expect(await store().shadows.spent({ route: "live", target: "candidate" }, 5_000)).toEqual({
        costNanos: 4_200n,
        unpriced: 1,
      });
    });
  });
}
