// `/ledger/unresolved` and `/ledger/resolve`: listed by page, told before it is done, done once, on the audit log.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type AdminV1, startAdminV1 } from "../../support/admin-v1.ts";

let admin: AdminV1;
const account = { accountId: "b@0#jane", budgetId: "b", windowStartMs: 0, windowEndMs: null };

beforeEach(async () => {
  admin = await startAdminV1();
  for (const requestId of ["req_1", "req_2", "req_3"]) {
    await admin.store.accounts.hold({
      requestId,
      holdId: "h",
      costNanos: 50_000_000n,
      expiresMs: 1,
      accounts: [{ ...account, limitNanos: 10n ** 12n }],
      ...(requestId !== "req_3" && { deployment: "openai/gpt-4o" }),
    });
  }
  expect(await admin.store.accounts.expire()).toBe(3);
});
afterEach(async () => {
  expect(admin.failures).toEqual([]);
  await admin.close();
});

const resolve = (cost: string | number, more: object = {}, requestId = "req_1") =>
  admin.ask("POST", "/ledger/resolve", {
    body: {
      charges: [{ request_id: requestId, account_id: account.accountId, cost_usd: cost }],
      ...more,
    },
  });
const spent = async (): Promise<bigint | undefined> =>
  (await admin.store.accounts.states([account.accountId]))[0]?.spentNanos;

test("lists what is open, page by page", async () => {
  const first = await admin.ask("GET", "/ledger/unresolved?limit=2");
  expect(first.body.data).toMatchObject([
    { request_id: "req_1", deployment: "openai/gpt-4o", charged_usd: "0.050000000" },
    { request_id: "req_2", account_id: "b@0#jane", budget_id: "b" },
  ]);
  const cursor = encodeURIComponent(String(first.body.next));
  const second = await admin.ask("GET", `/ledger/unresolved?limit=2&cursor=${cursor}`);
  expect(second.body).toMatchObject({
    data: [{ request_id: "req_3", deployment: null }],
    next: null,
  });
  expect((await admin.ask("GET", "/ledger/unresolved?cursor=none")).status).toBe(400);
});

test("tells what it would do, does it when confirmed, and does it once", async () => {
  const looked = await resolve("0.0123");
  expect([looked.status, looked.body]).toEqual([
    200,
    {
      confirmed: false,
      charges: [
        {
          request_id: "req_1",
          account_id: "b@0#jane",
          before_usd: "0.050000000",
          cost_usd: "0.012300000",
          open: true,
        },
      ],
    },
  ]);
  expect(await spent()).toBe(150_000_000n);
  expect((await resolve("0.0123", { confirm: true })).body.confirmed).toBe(true);
  expect(await spent()).toBe(112_300_000n);
  const again = await resolve("0", { confirm: true });
  expect(again.body.charges).toMatchObject([{ open: false, before_usd: "0.012300000" }]);
  expect(await spent()).toBe(112_300_000n);
  const { rows } = await admin.store.audit.list({ action: "ledger.resolve" });
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({
    actor: "admin",
    kind: "charge",
    subjectId: "req_1",
    before: { accountId: "b@0#jane", nanos: "50000000" },
    after: { accountId: "b@0#jane", nanos: "12300000" },
  });
  const verified = await admin.ask("POST", "/ledger/verify", { body: {} });
  expect(verified.body).toMatchObject({ ok: true, wrong: 0 });
});

test("what is no request of the account is left alone; an immense cost is bounded", async () => {
  const nobody = await resolve("1", { confirm: true }, "req_9");
  expect(nobody.body.charges).toMatchObject([{ open: false, before_usd: "0.000000000" }]);
  expect((await resolve("4611686018", { confirm: true })).status).toBe(200);
  expect((await admin.ask("POST", "/ledger/verify", { body: {} })).body.ok).toBe(true);
});

test.each([
  ["a negative cost", { charges: [{ request_id: "r", account_id: "a", cost_usd: "-1" }] }],
  ["no charges", { charges: [] }],
  ["an id with NUL", { charges: [{ request_id: "r\0", account_id: "a", cost_usd: "1" }] }],
  ["another field", { charges: [], all: true }],
])("%s is refused", async (_name, body) => {
  expect((await admin.ask("POST", "/ledger/resolve", { body })).status).toBe(400);
});
