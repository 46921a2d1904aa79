// Charges that nobody knows of, put right by a bill: ledger − bill = 0, by correction rows alone, and on the audit log.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { setClock } from "../../src/lib/clock.ts";
import { formatNanos } from "../../src/lib/money.ts";
import { readCsvBill } from "../../src/reconcile/read-csv-bill.ts";
import { planResolutions } from "../../src/reconcile/resolution.ts";
import { resolveCharges } from "../../src/store/resolve-charges.ts";
import { chatRequest, openScene, type Scene, usd } from "../support/money/scene.ts";

const noon = Date.parse("2026-03-03T12:00:00Z");
const nowMs = Date.parse("2026-03-10T00:00:00Z");
let restore = (): void => {};
let scene: Scene;

beforeAll(async () => {
  restore = setClock({ now: () => noon });
  scene = await openScene({
    ledger: { ambiguous: "charge_hold" },
    retry: { retries: 0 },
    models: {
      one: { deployments: ["openai/cheap"] },
      other: { deployments: ["openai/dear"] },
    },
  });
});
afterAll(async () => {
  await scene.close();
  restore();
});

/** The vendor's export of costs, as it bills them. */
function exportOf({ upstream }: Scene): string {
  const sums = new Map<string, bigint>();
  for (const { model, nanos } of upstream.bill) sums.set(model, (sums.get(model) ?? 0n) + nanos);
  const start = Date.parse("2026-03-03") / 1_000;
  const lines = [...sums].map(
    ([model, nanos]) => `${start},${start + 86_400},${formatNanos(nanos)},usd,"${model}, input"`,
  );
  return `start_time,end_time,amount_value,amount_currency,line_item\n${lines.join("\n")}\n`;
}

async function planOf({ store, upstream }: Scene) {
  const { charges } = await store.accounts.unresolved({ limit: 1_000, corrected: true });
  const groups = await store.usage({ by: "model", where: { provider: "openai" }, limit: 100 });
  const recorded = groups.flatMap((group) =>
    group.group === null ? [] : [{ ...group, day: "2026-03-03", model: group.group }],
  );
  const doubts = charges.map((charge) => ({
    ...charge,
    model: charge.deployment?.replace("openai/", "") ?? null,
    atMs: noon,
    knownNanos: 0n,
  }));
  return planResolutions(readCsvBill(exportOf({ upstream } as Scene)).lines, recorded, {
    doubts,
    nowMs,
  });
}

test("parallel requests that are lost are charged in full, then what the bill says, and nothing is edited", async () => {
  const keys = await Promise.all([scene.key(), scene.key(), scene.key()]);
  const limit = usd(0.01);
  const all = await scene.budget([{ kind: "gateway", id: "" }], usd(1));
  const budgets = await Promise.all(keys.map(({ subject }) => scene.budget([subject], limit)));
  const statuses = await Promise.all(
    Array.from({ length: 150 }, async (_unused, index) => {
      const key = keys[index % keys.length];
      if (!key) throw new Error("no key");
      const { path, init } = chatRequest("openai", key, {
        model: index % 5 === 0 ? "other" : "one",
        plan: { say: 3 + (index % 15), steps: [index % 3 === 0 ? "lost" : "ok"] },
      });
      const answer = await scene.running.fetch(path, init);
      await answer.text();
      return answer.status;
    }),
  );
  expect(statuses).toContain(402);
  const bill = scene.upstream.total();
  const before = await scene.account(all);
  expect(before.spent).toBeGreaterThan(bill);
  const open = await scene.store.accounts.unresolved({ limit: 1_000 });
  expect(open.charges.length).toBeGreaterThan(10);
  expect(new Set(open.charges.map(({ deployment }) => deployment))).toEqual(
    new Set(["openai/cheap", "openai/dear"]),
  );

  const plan = await planOf(scene);
  expect(plan.left).toEqual([]);
  const looked = await resolveCharges(scene.store, plan.resolutions, null);
  expect(looked.every(({ isOpen }) => isOpen)).toBe(true);
  expect((await scene.account(all)).spent).toBe(before.spent);

  await resolveCharges(scene.store, plan.resolutions, "tester");
  const after = await scene.account(all);
  expect(after.spent).toBe(bill);
  expect(after.charged).toBe(bill);
  const parts = await Promise.all(budgets.map((id) => scene.account(id)));
  expect(parts.reduce((sum, { spent }) => sum + spent, 0n)).toBe(bill);
  for (const { largest } of parts) expect(largest).toBeLessThanOrEqual(limit);
  expect((await scene.store.accounts.unresolved()).charges).toEqual([]);
  await scene.audit();

  // The charge that was made stands, and the correction behind it.
  const [first] = plan.resolutions;
  const charges = await scene.store.accounts.charges(first?.requestId ?? "");
  const own = charges.filter(({ accountId }) => accountId === first?.accountId);
  expect(own.map(({ state }) => state)).toEqual(["unresolved", "correction"]);
  expect(own.reduce((sum, { nanos }) => sum + nanos, 0n)).toBe(first?.nanos ?? -1n);
  const { rows } = await scene.store.audit.list({ action: "ledger.resolve", limit: 500 });
  expect(rows).toHaveLength(plan.resolutions.length);
  expect(rows[0]).toMatchObject({ actor: "tester", kind: "charge" });

  // Once is enough, and what was found is not found again.
  const again = await resolveCharges(scene.store, plan.resolutions, "tester");
  expect(again.some(({ isOpen }) => isOpen)).toBe(false);
  expect((await planOf(scene)).resolutions).toEqual([]);
  expect((await scene.account(all)).spent).toBe(bill);
  await scene.audit();
});
