// One person's data through the administration API: what is handed out and taken away, and whose data it may be.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { DataRecord } from "../../../src/store/subject-data.ts";
import { openStore, type Store } from "../../../src/store/store.ts";
import { type AdminV1, startAdminV1 } from "../../support/admin-v1.ts";
import { usageOf } from "../../support/store-rows.ts";

const by = { actor: "system" };

let store: Store;
let admin: AdminV1;
let count: number;
beforeEach(async () => {
  store = await openStore({ path: ":memory:" });
  admin = await startAdminV1({ store });
  count = 0;
});
afterEach(async () => {
  expect(admin.failures).toEqual([]);
  await admin.close();
});

const next = (): string => `n${(count += 1)}`;
const organization = async (): Promise<string> =>
  (await store.directory.organizations.create({ name: next() }, by)).id;

/** A user with that place, and a key that acts for them. */
async function person(organizationId: string | null, role: "owner" | "member" = "member") {
  const email = `${next()}@example.com`;
  const user = await store.directory.users.create({ email }, by);
  const userId = user.id;
  if (organizationId !== null) {
    await store.directory.memberships.create({ userId, organizationId, teamId: null, role }, by);
  }
  const { key, secret } = await admin.callers.createKey(
    { name: next(), kind: "user", organizationId, userId, operations: ["admin"] },
    by,
  );
  return { id: userId, email, key: secret.reveal(), keyId: key.id };
}

interface Made {
  organizationId?: string | null;
  userId?: string | null;
  keyId?: string | null;
  user?: string;
  atMs?: number;
  attempts?: number;
}

async function settle(facts: Made): Promise<string> {
  const requestId = `req_${next()}`;
  await store.settle(usageOf(requestId, facts), []);
  return requestId;
}

const ask = (path: string, body: object, key?: string) =>
  admin.ask("POST", `/data/${path}`, { body, ...(key !== undefined && { key }) });

const linesOf = (text: string): DataRecord[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

const lastAudit = async () => (await store.audit.list({ limit: 1 })).rows[0];

describe("export", () => {
  test("hands out everything, one object a line, and is on record", async () => {
    const a = await organization();
    const jane = await person(a);
    const requestId = await settle({ organizationId: a, userId: jane.id, keyId: jane.keyId });
    await settle({ organizationId: a });
    const answer = await ask("export", { kind: "user", id: jane.email.toUpperCase() });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toStartWith("application/x-ndjson");
    const lines = linesOf(answer.text);
    expect(lines.slice(0, 3).map(({ type }) => type)).toEqual(["user", "membership", "key"]);
    const requests = lines.filter(({ type }) => type === "request");
    expect(requests.map((each) => each["requestId"])).toEqual([requestId]);
    expect(await lastAudit()).toMatchObject({
      actor: "admin",
      action: "data.export",
      kind: "user",
      subjectId: jane.id,
    });
  });

  test("of an end user: by the name that clients gave, which the audit log does not keep", async () => {
    await settle({ user: "customer-17" });
    const lines = linesOf((await ask("export", { kind: "end_user", id: "customer-17" })).text);
    expect(lines).toMatchObject([{ type: "request", user: "customer-17" }]);
    expect(await lastAudit()).toMatchObject({ action: "data.export", subjectId: "" });
    expect((await ask("export", { kind: "end_user", id: "nobody" })).text).toBe("");
  });

  test("of a key that was deleted: what its requests left", async () => {
    const a = await organization();
    const { keyId } = await person(a);
    const requestId = await settle({ organizationId: a, keyId });
    await store.directory.keys.delete(keyId, by);
    const lines = linesOf((await ask("export", { kind: "key", id: keyId })).text);
    expect(lines.find(({ type }) => type === "request")).toMatchObject({ requestId });
  });

  test("a ledger that fails in the middle breaks the answer off", async () => {
    await admin.close();
    store = await openStore({ path: ":memory:" });
    const { subjectData } = store;
    const failing: Store = {
      ...store,
      subjectData: {
        ...subjectData,
        async *export() {
          yield { type: "user" };
          throw new Error("the disk is gone");
        },
      },
    };
    admin = await startAdminV1({ store: failing });
    const ended = admin.fetch("/admin/v1/data/export", {
      method: "POST",
      headers: {
        authorization: "Bearer mega-admin-of-the-test",
        "content-type": "application/json",
      },
      body: JSON.stringify({ kind: "end_user", id: "x" }),
    });
    expect(await ended.then((answer) => answer.text()).catch(String)).toContain("the disk is gone");
  });
});

describe("erase", () => {
  test("counts, and changes nothing; with `confirm` takes it away", async () => {
    const a = await organization();
    const jane = await person(a);
    const requestId = await settle({ organizationId: a, userId: jane.id, keyId: jane.keyId });
    const before = await lastAudit();
    const body = { kind: "user", id: jane.id };
    const counted = await ask("erase", body);
    expect(counted.body).toMatchObject({ erased: false, counts: { requests: 1, directory: 3 } });
    expect(await lastAudit()).toEqual(before);
    expect((await store.request(requestId))?.usage.userId).toBe(jane.id);
    const done = await ask("erase", { ...body, confirm: true });
    expect(done.body).toEqual({ erased: true, counts: counted.body.counts });
    expect((await store.request(requestId))?.usage).toMatchObject({ userId: null, keyId: null });
    expect(await store.directory.users.get(jane.id)).toBeNull();
    const rows = (await store.audit.list({ action: "data.erase" })).rows;
    expect(rows).toMatchObject([{ actor: "admin", subjectId: jane.id, after: { requests: 1 } }]);
    // The key of somebody who is gone opens nothing.
    expect((await admin.ask("GET", "/self", { key: jane.key })).status).toBe(401);
    expect((await ask("export", { kind: "user", id: jane.email })).status).toBe(404);
  });

  test.each([
    {},
    { kind: "user" },
    { kind: "team", id: "x" },
    { kind: "user", id: "" },
    { kind: "user", id: "x", confirm: "yes" },
    { kind: "key", id: "x".repeat(513) },
    { kind: "key", id: "x", everything: true },
  ])("%j is refused", async (body) => {
    expect((await ask("erase", body)).status).toBe(400);
  });
});

describe("an owner", () => {
  /** Both routes, which answer alike. */
  const statusFor = async (key: string, body: object): Promise<number> => {
    const [exported, counted] = [await ask("export", body, key), await ask("erase", body, key)];
    expect(counted.status).toBe(exported.status);
    return exported.status;
  };
  let a: string;
  let b: string;
  let owner: Awaited<ReturnType<typeof person>>;
  beforeEach(async () => {
    [a, b] = [await organization(), await organization()];
    owner = await person(a, "owner");
  });

  test("deals with what is the organization's alone", async () => {
    const jane = await person(a);
    await settle({ organizationId: a, userId: jane.id, keyId: jane.keyId, user: "customer-1" });
    for (const body of [
      { kind: "user", id: jane.email },
      { kind: "user", id: jane.id },
      { kind: "key", id: jane.keyId },
      { kind: "end_user", id: "customer-1" },
    ]) {
      expect([body, await statusFor(owner.key, body)]).toEqual([body, 200]);
    }
    const erased = await ask("erase", { kind: "user", id: jane.id, confirm: true }, owner.key);
    expect(erased.body).toMatchObject({ erased: true });
    expect(await store.directory.users.get(jane.id)).toBeNull();
    const rows = (await store.audit.list({ action: "data.erase" })).rows;
    expect(rows).toMatchObject([{ actor: `user:${owner.id}`, subjectId: jane.id }]);
  });

  test("is told nothing of anybody who is somebody else's, too", async () => {
    const both = await person(a);
    const elsewhere = { userId: both.id, organizationId: b, teamId: null, role: "member" } as const;
    await store.directory.memberships.create(elsewhere, by);
    const moved = await person(a);
    await settle({ organizationId: b, userId: moved.id });
    const chief = await store.directory.users.create(
      { email: "chief@example.com", gatewayRole: "admin" },
      by,
    );
    await store.directory.memberships.create(
      { userId: chief.id, organizationId: a, teamId: null, role: "member" },
      by,
    );
    const lent = await person(b);
    await settle({ organizationId: a, keyId: lent.keyId });
    await settle({ organizationId: a, user: "shared" });
    await settle({ organizationId: b, user: "shared" });
    await settle({ organizationId: null, user: "unplaced" });
    const texts = new Set<string>();
    for (const body of [
      { kind: "user", id: both.id },
      { kind: "user", id: both.email },
      { kind: "user", id: moved.id },
      { kind: "user", id: chief.id },
      { kind: "user", id: lent.id },
      { kind: "user", id: "nobody@example.com" },
      { kind: "key", id: lent.keyId },
      { kind: "key", id: "of the configuration" },
      { kind: "end_user", id: "shared" },
      { kind: "end_user", id: "unplaced" },
      { kind: "end_user", id: "never seen" },
    ]) {
      const answer = await ask("erase", { ...body, confirm: true }, owner.key);
      expect([body, answer.status]).toEqual([body, 404]);
      expect(await statusFor(owner.key, body)).toBe(404);
      texts.add(answer.text.replace(body.id, "…"));
    }
    expect(texts.size).toBe(1);
    expect((await store.audit.list({ action: "data.erase" })).rows).toEqual([]);
    expect((await store.audit.list({ action: "data.export" })).rows).toEqual([]);
  });

  test("sees sums and kept answers that belong to others, where no row is left", async () => {
    const jane = await person(a);
    const bob = await person(b);
    const value = JSON.stringify({ whole: { answer: { user: "kept" } } });
    await store.items.put("answer", [
      { key: "resp_1", owner: bob.keyId, value, atMs: 1, expiresMs: null },
    ]);
    expect(await statusFor(owner.key, { kind: "end_user", id: "kept" })).toBe(404);
    expect(await statusFor(owner.key, { kind: "user", id: jane.id })).toBe(200);
    // Its row is too old to be kept, its sum is not.
    await settle({ organizationId: b, userId: jane.id, atMs: 3_600_000 });
    await store.rollups.roll();
    const forever = { hoursMs: null, daysMs: null, bodiesMs: null, maxBytes: null };
    await store.retention.apply({ ...forever, rowsMs: 86_400_000 });
    expect((await store.requests({})).rows).toEqual([]);
    expect(await statusFor(owner.key, { kind: "user", id: jane.id })).toBe(404);
  });

  test("a member, or an owner's plain key, may not even ask", async () => {
    const jane = await person(a);
    expect(await statusFor(jane.key, { kind: "user", id: jane.id })).toBe(403);
  });
});

test("the ledger is checked, and mended, by whoever administers the gateway", async () => {
  await settle({ attempts: 0 });
  await store.rollups.roll();
  const right = await admin.ask("POST", "/ledger/verify");
  expect(right.body).toMatchObject({ ok: true, rows: 1, wrong: 0, differences: [] });
  const mended = await admin.ask("POST", "/ledger/rebuild");
  expect(mended.body).toMatchObject({ ok: true, mended: { accounts: 0, sums: 0 } });
  expect(await lastAudit()).toMatchObject({ action: "ledger.rebuild", actor: "admin" });
});
