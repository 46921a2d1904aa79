// Keys, budgets, limits, tenants, audit and alerts as their administrator meets them: the whole story at the command line.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { type Daemon, runCli, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const secret = "a-webhook-secret-of-enough-characters";
const posted: { headers: Headers; body: string }[] = [];
let hooks: ReturnType<typeof Bun.serve>;
let daemon: Daemon;

beforeAll(async () => {
  hooks = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      posted.push({ headers: request.headers, body: await request.text() });
      return new Response();
    },
  });
  daemon = await startDaemon({
    config: `
discover: { environment: false, local: false }
server: { require_key: always }
providers: { demo: {} }
prices: { "demo/*": { input: 0, output: 0, request: "0.25" } }
alerts: { webhook: { url: "http://127.0.0.1:${hooks.port}/hook", secret: ${secret} } }
`,
  });
});
afterAll(async () => {
  await daemon.dispose();
  await hooks.stop(true);
});

const run = (...args: string[]) => daemon.cli(...args, "--config", daemon.configPath);

/** What it prints; anything but success is a failure of the test. */
async function said(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
  expect(stdout).not.toMatch(/undefined|\[object|NaN/);
  return stdout;
}

// oxlint-disable-next-line typescript/no-explicit-any
const json = async (...args: string[]): Promise<any> => JSON.parse(await said(...args, "--json"));

async function refused(...args: string[]): Promise<{ code: number; stderr: string }> {
  const { code, stderr, stdout } = await run(...args);
  expect(stdout).toBe("");
  return { code, stderr };
}

const secretIn = (text: string): string => /sk-mega-[\w-]{43}/.exec(text)?.[0] ?? "";

async function ask(key: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "demo/echo", messages: [{ role: "user", content: "Hi" }] }),
  });
  return { status: answer.status, text: await answer.text() };
}

describe("the story", () => {
  let key = "";

  test("tenants: an organization, a team, a user, and who belongs where", async () => {
    expect(await said("orgs")).toContain("There are no organizations.");
    expect((await refused("teams", "create", "search")).stderr).toContain(
      "megallm orgs create acme",
    );
    expect(await said("orgs", "create", "acme")).toMatch(/^The organization `acme` is made: org_/);
    expect(await said("teams", "create", "search")).toMatch(/^The team `search` is made: team_/);
    await said("users", "create", "Ada@Example.com", "--name", "Ada");
    expect(await said("orgs", "add-member", "acme", "ada@example.com", "--role", "viewer")).toBe(
      "`ada@example.com` is viewer of organization `acme`.\n",
    );
    await said("orgs", "add-member", "acme", "ada", "--role", "admin");
    await said("teams", "add-member", "acme/search", "Ada");
    const members = await said("orgs", "members", "acme");
    expect(members).toMatch(/^member +role +team$/m);
    expect(members).toMatch(/^ada@example\.com +admin +\(all\)$/m);
    expect(members).toMatch(/^ada@example\.com +member +search$/m);
    expect((await json("orgs", "members", "acme")).data).toHaveLength(2);
    expect(await said("users", "show", "ada")).toMatch(/^acme +search +member$/m);
    expect(await json("teams", "list", "--org", "acme")).toMatchObject({
      data: [{ name: "search", status: "active" }],
    });
    expect((await refused("orgs", "add-member", "acme", "ada", "--role", "king")).code).toBe(2);
  });

  test("a key with budget, limit and models in one go; its secret is shown once", async () => {
    const bounds = [
      "--budget",
      "1/day",
      "--limit",
      "60rpm",
      "--limit",
      "2Mtpd",
      "--expires",
      "30d",
    ];
    const place = ["--name", "ci", "--team", "search", "--models", "demo/*"];
    const made = await said("keys", "create", ...place, ...bounds);
    key = secretIn(made);
    expect(made).toContain(
      "Key ci is made: it may spend $1.00 each day; it may ask for 60 requests a minute, 2M tokens a day; it may use demo/*.",
    );
    expect(made).toContain(
      `curl ${daemon.url}/v1/chat/completions -H "Authorization: Bearer ${key}"`,
    );
    const shown = await said("keys", "show", "search/ci");
    expect(shown).toMatch(/^owner +acme\/search$/m);
    expect(shown).toMatch(/^expires .*\(in 30 days\)$/m);
    expect(shown).toMatch(/^\$1\.00 each day +key ci +all +·{10} 0 % \$0\.00 +in /m);
    expect(shown).toMatch(/^60 requests a minute +key ci +all$/m);
    for (const text of [shown, await said("keys"), JSON.stringify(await json("keys"))]) {
      expect(text).not.toContain(key);
      expect(text).toContain(key.slice(-4));
    }
  });

  test("the model is called with it, and usage and budget show it", async () => {
    expect((await ask(key)).status).toBe(200);
    expect((await ask(`${key.slice(0, -1)}!`)).status).toBe(401);
    expect(await said("usage", "--by", "key")).toMatch(/^ci +1 .*0\.250000000$/m);
    expect(await said("budgets")).toMatch(
      /^ci +\$1\.00 each day +key ci +all +██▌·{7} 25 % \$0\.25 +in /m,
    );
    expect(await said("budgets", "show", "ci")).toMatch(/25 % +\$0\.25 +\$0\.00 +\$0\.75$/m);
    expect(await json("keys", "show", "ci")).toMatchObject({
      name: "ci",
      budgets: [{ accounts: [{ spent_usd: "0.250000000", left_usd: "0.750000000" }] }],
      limits: [{ unit: "tokens" }, { unit: "requests" }],
    });
  });

  test("it is refused when the budget is used up, and that is told: listed, logged, posted", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(key)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    const no = answers.find(({ status }) => status === 402);
    expect(no?.text).toContain("The budget `ci` of $1");
    await until(() => posted.length === 3);
    const alerts = await said("alerts");
    expect(alerts).toMatch(/ ci +- +80 % spent +\$1\.00 of \$1\.00 +█{10} 100 % +delivered$/m);
    expect(alerts).toMatch(/ ci +- +100 % spent /);
    expect(alerts).toMatch(/ ci +- +request refused /);
    expect((await json("alerts", "--since", "1h")).data).toHaveLength(3);
    expect(await said("alerts", "--since", "2030-01-01")).toContain("No budget had an alert");
    expect(daemon.output()).toContain("budget.threshold");
    for (const { body, headers } of posted) {
      const signed = createHmac("sha256", secret)
        .update(`${headers.get("webhook-id")}.${headers.get("webhook-timestamp")}.${body}`)
        .digest("base64");
      expect(headers.get("webhook-signature")).toBe(`v1,${signed}`);
    }
    expect(await said("status")).toMatch(/^budgets +3 alerts in the last day/m);
  });

  test("a larger budget lets it through again", async () => {
    await said("budgets", "update", "ci", "--amount", "20/month", "--alert-at", "90%");
    expect((await ask(key)).status).toBe(200);
    expect(await json("budgets", "show", "ci")).toMatchObject({
      amount_usd: "20.000000000",
      window: "1M",
      thresholds: [0.9],
    });
    expect(
      await said(
        "budgets",
        "create",
        "pool",
        "--amount",
        "9/w",
        "--for",
        "team:search",
        "--for",
        "user:ada",
      ),
    ).toContain("$9.00 each week");
    expect(await said("budgets", "--for", "team:search")).toMatch(
      /^pool .* team search, user ada@example.com /m,
    );
  });

  test("rotation: with grace both work, without the old one stops", async () => {
    const next = secretIn(await said("keys", "rotate", "ci", "--grace", "1h"));
    expect([(await ask(key)).status, (await ask(next)).status]).toEqual([200, 200]);
    const unsaid = await refused("keys", "rotate", "ci");
    expect(unsaid.code).toBe(2);
    expect(unsaid.stderr).toContain("--yes");
    const { key: last } = await json("keys", "rotate", "ci", "--yes");
    expect([(await ask(next)).status, (await ask(last)).status]).toEqual([401, 200]);
    key = last;
  });

  test("block and unblock; limits and settings", async () => {
    expect(await said("keys", "block", "ci")).toStartWith("The key `ci` is blocked");
    expect((await ask(key)).status).toBe(403);
    expect(await said("keys", "--blocked")).toMatch(/^ci .* blocked /m);
    await said("keys", "unblock", "ci");
    expect((await ask(key)).status).toBe(200);
    await said("teams", "block", "search");
    expect((await ask(key)).status).toBe(403);
    await said("teams", "unblock", "search");
    await said(
      "keys",
      "update",
      "ci",
      "--models",
      "openai/*",
      "--tag",
      "a,b",
      "--alias",
      "fast=demo/echo",
    );
    expect((await ask(key)).status).toBe(403);
    await said("keys", "update", "ci", "--models", "all");
    const { data } = await json("limits", "create", "1rpm", "--for", "key:ci");
    expect([(await ask(key)).status, (await ask(key)).status]).toContain(429);
    expect(await said("limits", "update", data[0].id, "500rpm")).toContain("500 requests a minute");
    expect((await ask(key)).status).toBe(200);
    await said("limits", "delete", data[0].id, "--yes");
    expect(await said("limits", "--for", "key:ci")).not.toContain("500");
  });

  test("names: unknown ones are guessed at, namesakes are listed", async () => {
    expect(await refused("keys", "show", "cii")).toEqual({
      code: 1,
      stderr: "There is no key `cii`. Did you mean `ci`?\n",
    });
    await said("orgs", "create", "other");
    await said("teams", "create", "search", "--org", "other");
    const two = await refused("teams", "show", "search");
    expect(two.stderr).toMatch(
      /^There are 2 teams called `search`\. Say which one by its id:\n {2}team_[0-9a-f]{32} {2}(?:acme|other)\n {2}team_/,
    );
    expect(await said("teams", "show", "other/search")).toMatch(/^org +other$/m);
    const id = /team_[0-9a-f]{32}/.exec(two.stderr)?.[0] ?? "";
    expect((await json("teams", "show", id)).id).toBe(id);
    expect((await refused("teams", "create", "x")).stderr).toContain("several organizations");
    expect(
      (await refused("teams", "show", "team_00000000000000000000000000000000")).stderr,
    ).toContain("no team with the id");
  });

  test("the audit log: who changed what, whole until somebody touches it", async () => {
    const log = await said("audit", "--limit", "100");
    expect(log).toMatch(/ admin +key\.update +key ci +blocked: false → true$/m);
    expect(log).toMatch(/ admin +budget\.update +budget ci +amountNanos: /m);
    for (const hidden of [key, daemon.adminKey]) expect(log).not.toContain(hidden);
    expect((await json("audit", "--action", "key.create")).data).toHaveLength(1);
    expect(await said("audit", "verify")).toMatch(/^All \d+ rows are whole\. .*[0-9a-f]{64}$/m);
    expect(await json("audit", "verify")).toMatchObject({ ok: true });
  });

  test("deleting: asked for, with what belongs to it, and it stays deleted", async () => {
    expect((await refused("keys", "delete", "ci")).code).toBe(2);
    expect(await json("keys", "delete", "ci", "--yes")).toMatchObject({ deleted: true });
    expect((await ask(key)).status).toBe(401);
    expect((await refused("keys", "show", "ci")).code).toBe(1);
    await said("keys", "create", "left", "--team", "acme/search", "--limit", "4parallel");
    expect((await refused("orgs", "delete", "acme", "--yes")).stderr).toContain("`--cascade`");
    await said("orgs", "delete", "acme", "--cascade", "--yes");
    expect(await said("keys")).toContain("There are no keys.");
    await said("users", "delete", "ada", "--yes");
    expect(await json("users")).toEqual({ data: [] });
  });

  test("a row that was edited behind the gateway's back is named", async () => {
    const path = join(daemon.dataDir, "megallm.db");
    const database = new Database(path);
    database.run("update audit set actor = 'nobody' where seq = 3");
    database.close();
    const { code, stderr } = await run("audit", "verify");
    expect(code).toBe(1);
    expect(stderr).toContain("3");
    const verdict = await run("audit", "verify", "--json");
    expect([verdict.code, JSON.parse(verdict.stdout)]).toMatchObject([1, { ok: false, seq: 3 }]);
  });
});

describe("what is wrong is said, and nothing is half made", () => {
  test("a key whose budget is refused is not made", async () => {
    const { code, stderr } = await refused(
      "keys",
      "create",
      "half",
      "--budget",
      "9999999999999/day",
    );
    expect(code).toBe(1);
    expect(stderr).toContain("The key was not made.");
    expect(await said("keys")).not.toContain("half");
  });

  test.each([
    [["keys", "lst"], "Did you mean `list`?"],
    [["keys", "create"], "Name the key"],
    [["keys", "create", "a", "--budget", "ten"], "`10/day`"],
    [["keys", "create", "a", "--limit", "fast"], "`60rpm`"],
    [["keys", "create", "a", "--expires", "soon"], "--expires takes"],
    [["keys", "update", "a"], "--help"],
    [["budgets", "create", "a"], "--for team:search"],
    [["budgets", "create", "a", "--amount", "1", "--for", "nobody"], "--for takes"],
    [["limits", "create", "1rpm"], "--for team:search"],
    [["audit", "--limit", "0"], "--limit takes"],
    [["alerts", "--since", "soon"], "--since takes"],
    [["keys", "--url", "localhost"], "--url takes"],
    [["keys", "--url", "https://llm.example.com"], "MEGALLM_ADMIN_KEY"],
  ])("%j is refused with 2", async (args, message) => {
    const { code, stderr } = await refused(...args);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  test("without a daemon: how to start it, and exit code 4", async () => {
    const { code, stderr } = await runCli(["keys"]);
    expect(code).toBe(4);
    expect(stderr).toContain("Start one with `megallm`");
  });

  test("another gateway by --url takes the key of the environment, and no other", async () => {
    const env = { HOME: daemon.folder, PATH: "/usr/bin:/bin", MEGALLM_ADMIN_KEY: daemon.adminKey };
    const good = await runCli(["orgs", "--json", "--url", `${daemon.url}/`], { env });
    expect(good.code).toBe(0);
    expect(good.stdout).toBe((await run("orgs", "--json")).stdout);
    const wrong = { ...env, MEGALLM_ADMIN_KEY: "mega-admin-wrong" };
    const bad = await runCli(["orgs", "--url", daemon.url], { env: wrong });
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain(`${daemon.url} answered 401`);
    const away = await runCli(["orgs", "--url", "http://127.0.0.1:9"], { env });
    expect(away.code).toBe(4);
  });

  test("every help has examples and fits 90 columns", async () => {
    for (const family of [
      "keys",
      "budgets",
      "limits",
      "orgs",
      "teams",
      "users",
      "audit",
      "alerts",
    ]) {
      const { stdout } = await daemon.cli(family, "--help");
      expect(stdout).toContain(`megallm ${family}`);
      const [, listed = ""] = /^Commands:\n([^]*?)\n\n/m.exec(stdout) ?? [];
      const verbs = [...listed.matchAll(/^ {2}([a-z-]+) /gm)]
        .map((match) => match[1] ?? "")
        .filter((verb) => verb !== "help");
      expect(verbs.length > 0).toBe(family !== "alerts");
      for (const verb of ["", ...verbs]) {
        const help = await daemon.cli(family, ...(verb === "" ? [] : [verb]), "--help");
        expect(help.stdout).toContain("Examples:");
        for (const line of help.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(90);
      }
    }
  }, 60_000);
});
