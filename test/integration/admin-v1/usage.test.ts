// Usage and requests over HTTP: who sees what, by which words, and what a spreadsheet gets.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Role } from "../../../src/store/directory-types.ts";
import type { UsageRow } from "../../../src/store/store.ts";
import { type AdminV1, startAdminV1 } from "../../support/admin-v1.ts";
import { injections } from "../../support/injections.ts";
import { attemptOf, usageOf } from "../../support/store-rows.ts";

const by = { actor: "system" };
const start = 1_760_000_000_000;

let admin: AdminV1;
let org: string;
let other: string;
let team: string;
let team2: string;
beforeEach(async () => {
  admin = await startAdminV1();
  const { directory } = admin.store;
  org = (await directory.organizations.create({ name: "A" }, by)).id;
  other = (await directory.organizations.create({ name: "B" }, by)).id;
  team = (await directory.teams.create({ organizationId: org, name: "1" }, by)).id;
  team2 = (await directory.teams.create({ organizationId: org, name: "2" }, by)).id;
});
afterEach(async () => {
  expect(admin.failures).toEqual([]);
  await admin.close();
});

let people = 0;
const person = async (role: Role | null, teamId: string | null = null, operations = ["admin"]) => {
  const { directory } = admin.store;
  people += 1;
  const { id } = await directory.users.create({ email: `u${people}@example.com` }, by);
  if (role)
    await directory.memberships.create({ userId: id, organizationId: org, teamId, role }, by);
  const made = await admin.callers.createKey(
    { name: `k${people}`, kind: "user", organizationId: org, teamId: team, userId: id, operations },
    by,
  );
  return { id, keyId: made.key.id, key: made.secret.reveal() };
};

let requests = 0;
const settle = async (over: Partial<UsageRow>): Promise<string> => {
  requests += 1;
  const id = `req_${String(requests).padStart(5, "0")}`;
  const row = {
    atMs: start + requests,
    organizationId: null,
    teamId: null,
    userId: null,
    keyId: null,
    ...over,
  };
  await admin.store.settle(usageOf(id, row), [attemptOf(id, 0), attemptOf(id, 1)]);
  return id;
};

const total = async (key: string | undefined, query = ""): Promise<number> => {
  const { body } = await admin.ask("GET", `/usage${query}`, key ? { key } : {});
  return body.data.reduce((sum: number, each: { requests: number }) => sum + each.requests, 0);
};
const idsOf = async (key: string | undefined, query = ""): Promise<string[]> =>
  (await admin.ask("GET", `/requests${query}`, key ? { key } : {})).body.data.map(
    (each: { id: string }) => each.id,
  );

describe("S17: everybody sees their own part", () => {
  test("in sums, lists and single requests alike, and no filter widens it", async () => {
    const owner = await person("owner");
    const lead = await person("admin", team);
    const member = await person("member", team);
    const plain = await person("member", team, []);
    const mine = await settle({ organizationId: org, teamId: team, userId: member.id });
    const byKey = await settle({
      organizationId: org,
      teamId: team,
      userId: plain.id,
      keyId: plain.keyId,
    });
    const ofTeam = await settle({ organizationId: org, teamId: team });
    const ofOther = await settle({ organizationId: org, teamId: team2 });
    const foreign = await settle({ organizationId: other });
    const nobodys = await settle({});
    const all = [mine, byKey, ofTeam, ofOther, foreign, nobodys];
    const seen: [string | undefined, string[]][] = [
      [undefined, all],
      [owner.key, [mine, byKey, ofTeam, ofOther]],
      [lead.key, [mine, byKey, ofTeam]],
      [member.key, [mine]],
      [plain.key, [byKey]],
    ];
    for (const [key, ids] of seen) {
      expect((await idsOf(key)).toSorted()).toEqual(ids);
      for (const id of all) {
        const { status } = await admin.ask("GET", `/requests/${id}`, key ? { key } : {});
        expect([id, status]).toEqual([id, ids.includes(id) ? 200 : 404]);
      }
      for (const group of ["model", "day", "hour", "key_id", "end_user", "tag", "team", "status"]) {
        // Each of them has two tags.
        const factor = group === "tag" ? 2 : 1;
        expect([group, await total(key, `?by=${group}`)]).toEqual([group, ids.length * factor]);
      }
      for (const filter of [`organization_id=${other}`, "organization_id=", `team_id=${team2}`]) {
        const visible = await idsOf(key, `?${filter}`);
        expect(visible.every((id) => ids.includes(id))).toBe(true);
        expect(await total(key, `?${filter}`)).toBe(visible.length);
      }
    }
    expect(await idsOf(undefined, `?organization_id=${other}`)).toEqual([foreign]);
    expect(await idsOf(undefined, "?organization_id=")).toEqual([nobodys]);
  });

  test("charges to budgets of others are not shown with a request", async () => {
    const member = await person("member", team);
    const { directory } = admin.store;
    const budget = (subjects: { kind: "team" | "gateway"; id: string }[]) =>
      directory.budgets.create({ name: "b", amountNanos: 9n, window: "total", subjects }, by);
    const own = await budget([{ kind: "team", id: team }]);
    const gateway = await budget([{ kind: "gateway", id: "" }]);
    const account = (budgetId: string) => ({
      accountId: `${budgetId}@0`,
      budgetId,
      windowStartMs: 0,
      windowEndMs: null,
    });
    const row = usageOf("req_paid", { organizationId: org, teamId: team, userId: member.id });
    const accounts = [account(own.id), account(gateway.id)];
    await admin.store.settle(row, [attemptOf("req_paid", 0)], { nanos: 5n, accounts });
    const shown = async (key?: string) =>
      (await admin.ask("GET", "/requests/req_paid", key ? { key } : {})).body.charges.map(
        (each: { budget_id: string; amount_usd: string }) => [each.budget_id, each.amount_usd],
      );
    expect(await shown(member.key)).toEqual([[own.id, "0.000000005"]]);
    expect((await shown()).length).toBe(2);
    const { body } = await admin.ask("GET", "/requests/req_paid");
    expect(body).toMatchObject({
      end_user: "end-user-7",
      cost_usd: "0.012345678",
      tags: ["batch", "Zürich"],
      attempt_rows: [{ index: 0 }],
    });
  });
});

describe("words", () => {
  test("groups, limits and pages", async () => {
    for (const model of ["m1", "m2", "m3"]) await settle({ model, costNanos: null });
    const two = (await admin.ask("GET", "/usage?limit=2")).body;
    expect([two.data.length, two.more]).toEqual([2, true]);
    expect((await admin.ask("GET", "/usage?limit=10000")).body.more).toBe(false);
    const first = (await admin.ask("GET", "/requests?limit=2")).body;
    const rest = (await admin.ask("GET", `/requests?limit=2&cursor=${first.next}`)).body;
    expect([first.data.length, rest.data.length, rest.next]).toEqual([2, 1, null]);
    const since = first.data[0].at_ms;
    expect((await idsOf(undefined, `?since_ms=${since}`)).length).toBe(1);
    expect((await idsOf(undefined, `?until_ms=${since}`)).length).toBe(2);
    expect(await total(undefined, `?since_ms=${since}`)).toBe(1);
    expect(await total(undefined, "?tag=Z%C3%BCrich")).toBe(3);
    expect(await total(undefined, "?end_user=end-user-7&by=route")).toBe(3);
    expect(await total(undefined, "?end_user=%25")).toBe(0);
  });

  test("S20, S42: what makes no sense is refused, and no text does more than find nothing", async () => {
    for (const query of [
      "by=color",
      "by=model&by=day",
      "limit=0",
      "limit=1000000000",
      "since_ms=-1",
      "since_ms=x",
      "since_ms=1e99",
      "status=fine",
      "order=model",
      "tag=",
      "key=%00",
      "__proto__=1",
    ]) {
      expect([query, (await admin.ask("GET", `/usage?${query}`)).status]).toEqual([query, 400]);
    }
    expect((await admin.ask("GET", "/requests?cursor=%27")).status).toBe(400);
    expect((await admin.ask("GET", "/requests?limit=501")).status).toBe(400);
    const names = ["key", "route", "model", "provider", "end_user", "tag", "team_id", "cursor"];
    for (const [at, text] of injections.filter((each) => each.length < 2_000).entries()) {
      const value = encodeURIComponent(text.toWellFormed());
      const name = names[at % names.length] ?? "";
      for (const path of name === "cursor" ? ["/requests"] : ["/usage", "/requests"]) {
        const answer = await admin.ask("GET", `${path}?${name}=${value}`);
        expect([200, 400]).toContain(answer.status);
        expect(answer.text).not.toMatch(/sqlite|syntax error|postgres/i);
      }
      expect([404, 200]).toContain((await admin.ask("GET", `/requests/${value}`)).status);
    }
  }, 30_000);

  test("S28: the table for spreadsheets runs nothing", async () => {
    await settle({ user: '=HYPERLINK("http://evil.example","x")' });
    await settle({ user: "@SUM(1)" });
    await settle({ user: null });
    const { text, headers, status } = await admin.ask("GET", "/usage.csv?by=end_user");
    expect([status, headers.get("content-type")]).toEqual([200, "text/csv; charset=utf-8"]);
    expect(headers.get("content-disposition")).toBe("attachment");
    const lines = text.trimEnd().split("\r\n");
    expect(lines[0]).toStartWith("end_user,requests,attempts,errors,cost_usd,");
    expect(
      lines
        .slice(1)
        .map((line) => line.slice(0, 6))
        .toSorted(),
    ).toEqual([`"'=HYP`, `"'@SUM`, ",1,2,0"]);
  });
});
