// Attempts that were sent and never answered: what `ledger.ambiguous` charges, beside what the provider bills.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chatRequest, type Key, openScene, type Scene, usd } from "../support/money/scene.ts";

const scenes: Scene[] = [];
afterAll(async () => {
  for (const scene of scenes) await scene.close();
});

async function sceneOf(ambiguous: string): Promise<Scene> {
  const scene = await openScene({
    ledger: { ambiguous },
    retry: { retries: 0 },
    models: {
      once: { deployments: ["openai/cheap"] },
      impatient: { deployments: ["openai/cheap"], timeouts: { first_byte: "30ms" } },
      retried: { deployments: ["openai/cheap"], retry: { retries: 2 } },
    },
  });
  scenes.push(scene);
  return scene;
}

const ask = async (scene: Scene, key: Key, model: string, steps: string[]): Promise<number> => {
  const { path, init } = chatRequest("openai", key, { model, plan: { steps } });
  const answer = await scene.running.fetch(path, init);
  await answer.text();
  return answer.status;
};

interface Case {
  step: string;
  model?: string;
  /** What each setting charges: as the bill has it, nothing, or all that was held. */
  charge_input: "bill" | "nothing" | "below";
  charge_hold: "nothing" | "hold";
  void: "nothing";
}

const cases: Case[] = [
  { step: "refused", charge_input: "nothing", charge_hold: "nothing", void: "nothing" },
  { step: "500", charge_input: "nothing", charge_hold: "nothing", void: "nothing" },
  { step: "reset", charge_input: "bill", charge_hold: "hold", void: "nothing" },
  {
    step: "hang:0",
    model: "impatient",
    charge_input: "bill",
    charge_hold: "hold",
    void: "nothing",
  },
  { step: "lost", charge_input: "below", charge_hold: "hold", void: "nothing" },
];

for (const setting of ["charge_input", "charge_hold", "void"] as const) {
  describe(`ledger.ambiguous: ${setting}`, () => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await sceneOf(setting);
    });
    test.each(cases)("$step", async ({ step, model = "once", ...charged }) => {
      scene.upstream.reset();
      const key = await scene.key();
      const budget = await scene.budget([key.subject], usd(1));
      expect(await ask(scene, key, model, [step])).toBeGreaterThanOrEqual(500);
      const { spent, held } = await scene.account(budget);
      expect(held).toBe(0n);
      const bill = scene.upstream.total();
      switch (charged[setting]) {
        case "nothing":
          expect(spent).toBe(0n);
          break;
        case "bill":
          expect(bill).toBeGreaterThan(0n);
          expect(spent).toBe(bill);
          break;
        case "below":
          expect(spent).toBeGreaterThan(0n);
          expect(spent).toBeLessThan(bill);
          break;
        default:
          expect(spent).toBeGreaterThan(bill);
      }
      const { charges } = await scene.store.accounts.unresolved({ limit: 1_000 });
      const own = charges.filter(({ budgetId }) => budgetId === budget);
      expect(own.length).toBe(charged[setting] === "hold" ? 1 : 0);
      const [open] = own;
      if (open) {
        const row = await scene.store.request(open.requestId);
        expect(row?.usage.costNanos).toBeNull();
      }
      await scene.audit();
    });
  });
}

test("charge_hold: parallel requests on a bad network never pass the budget, whatever was made", async () => {
  const scene = await sceneOf("charge_hold");
  const key = await scene.key();
  const limit = usd(0.002);
  const budget = await scene.budget([key.subject], limit);
  const statuses = await Promise.all(
    Array.from({ length: 200 }, (_unused, index) =>
      ask(scene, key, "retried", index % 3 === 0 ? ["reset", "lost", "ok"] : ["lost", "ok"]),
    ),
  );
  const { largest, spent, charged } = await scene.account(budget);
  expect(statuses).toContain(402);
  expect(scene.upstream.total()).toBeGreaterThan(0n);
  expect(scene.upstream.total()).toBeLessThanOrEqual(limit);
  expect(largest).toBeLessThanOrEqual(limit);
  expect(spent).toBe(charged);
  await scene.audit();
});

test("charge_input: parallel requests that are tried again are charged each attempt's input, to the nano-dollar", async () => {
  const scene = await sceneOf("charge_input");
  const key = await scene.key();
  const limit = usd(0.002);
  const budget = await scene.budget([key.subject], limit);
  await Promise.all(
    Array.from({ length: 200 }, (_unused, index) =>
      ask(scene, key, "retried", index % 2 === 0 ? ["reset", "refused", "ok"] : ["reset", "ok"]),
    ),
  );
  const { largest, spent } = await scene.account(budget);
  expect(spent).toBeGreaterThan(0n);
  expect(spent).toBe(scene.upstream.total());
  expect(largest).toBeLessThanOrEqual(limit);
  await scene.audit();
});
