// From a presented key to its caller. (S20, S24, S26)
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Caller,
  type CallerDirectory,
  createCallerDirectory,
} from "../../../src/access/directory.ts";
import { createKeyHasher, generateKey } from "../../../src/access/key-hash.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { setClock } from "../../../src/lib/clock.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { openStore, type Store, StoreError } from "../../../src/store/store.ts";
import { injections } from "../../support/injections.ts";

const by = { actor: "admin" };
const hasher = createKeyHasher(new Secret("a server secret of enough characters"));
const nowMs = 1_800_000_000_000;

let store: Store;
let callers: CallerDirectory;
beforeEach(async () => {
  store = await openStore({ path: ":memory:" });
  callers = createCallerDirectory({ directory: store.directory, hasher });
});
afterEach(() => store.close());

const from = { address: "192.0.2.1", nowMs };

const outcome = (found: Caller | GatewayError | null): string =>
  found === null ? "not ours" : found instanceof GatewayError ? `${found.status}` : found.key.name;

const ask = async (secret: Secret, over: object = {}): Promise<string> =>
  outcome(await callers.lookup(secret.reveal(), { ...from, ...over }));

const place = async () => {
  const { directory } = store;
  const organization = await directory.organizations.create(
    { name: "Acme", models: ["openai/*", "fast"], metadata: { a: 1, b: 1 } },
    by,
  );
  const organizationId = organization.id;
  const team = await directory.teams.create(
    { organizationId, name: "Search", models: ["fast"], metadata: { b: 2, c: 2 }, tags: ["eu"] },
    by,
  );
  const user = await directory.users.create({ email: "ann@example.com" }, by);
  await directory.memberships.create({ userId: user.id, organizationId, role: "admin" }, by);
  const { key, secret } = await callers.createKey(
    {
      name: "laptop",
      kind: "user",
      teamId: team.id,
      userId: user.id,
      tags: ["dev"],
      metadata: { c: 3 },
      aliases: { "gpt-4": "fast" },
      defaults: { policy: "lowest-cost" },
    },
    by,
  );
  return { organization, team, user, key, secret };
};

describe("a caller", () => {
  test("is its key, user, team and organization together", async () => {
    const { organization, team, user, key, secret } = await place();
    const caller = await callers.lookup(secret.reveal(), from);
    if (caller === null || caller instanceof GatewayError) throw new Error("refused");
    expect(caller).toMatchObject({
      key: { id: key.id, organizationId: organization.id },
      user: { id: user.id },
      team: { id: team.id },
      organization: { id: organization.id },
      models: [["fast"], ["openai/*", "fast"]],
      tags: ["dev", "eu"],
      metadata: { a: 1, b: 2, c: 3 },
      defaults: { policy: "lowest-cost" },
      memberships: [{ role: "admin", organizationId: organization.id }],
    });
    expect(caller.aliases.get("gpt-4")).toBe("fast");
    expect(caller.subjects).toEqual([
      { kind: "gateway", id: "" },
      { kind: "organization", id: organization.id },
      { kind: "team", id: team.id },
      { kind: "user", id: user.id },
      { kind: "key", id: key.id },
      { kind: "tag", id: "dev" },
      { kind: "tag", id: "eu" },
    ]);
  });

  test("has the budgets and limits of its subjects, for the model at hand", async () => {
    const { team, key, secret } = await place();
    const { directory } = store;
    const money = { amountNanos: 1n, window: "1d" } as const;
    const pool = await directory.budgets.create(
      {
        name: "pool",
        ...money,
        subjects: [
          { kind: "team", id: team.id },
          { kind: "key", id: key.id },
        ],
      },
      by,
    );
    await directory.budgets.create(
      { name: "dear", ...money, model: "openai/*", subjects: [{ kind: "gateway", id: "" }] },
      by,
    );
    await directory.budgets.create(
      { name: "of the model", ...money, subjects: [{ kind: "model", id: "openai/gpt-5" }] },
      by,
    );
    await directory.budgets.create(
      { name: "other tag", ...money, subjects: [{ kind: "tag", id: "us" }] },
      by,
    );
    await directory.limits.create(
      { subject: { kind: "tag", id: "eu" }, unit: "tokens", amount: 9 },
      by,
    );
    const caller = await callers.lookup(secret.reveal(), from);
    if (caller === null || caller instanceof GatewayError) throw new Error("refused");
    const names = async (name: string | null, modelId: string | null) => {
      const { budgets } = await callers.rules(caller.subjects, [name, modelId]);
      return budgets.map((budget) => budget.name).toSorted();
    };
    expect(await names("fast", "openai/gpt-5")).toEqual(["dear", "of the model", "pool"]);
    expect(await names("fast", "anthropic/claude")).toEqual(["pool"]);
    expect(await names(null, null)).toEqual(["pool"]);
    const endUser = [...caller.subjects, { kind: "end_user", id: "e1" } as const];
    expect((await callers.rules(endUser, [])).limits).toHaveLength(1);
    await directory.budgets.update(pool.id, { amountNanos: 5n }, by);
    const { budgets } = await callers.rules(caller.subjects, []);
    expect(budgets[0]?.amountNanos).toBe(5n);
  });
});

describe("refusals", () => {
  test("what is no key of the directory is somebody else's to judge", async () => {
    for (const text of ["", "sk-ant-xyz", "my-static-key", ...injections]) {
      expect(await callers.lookup(text, from)).toBeNull();
    }
    for (const text of injections) {
      const shaped = `sk-mega-${text.padEnd(43, "a").slice(0, 43)}`;
      expect(["not ours", "401"]).toContain(outcome(await callers.lookup(shaped, from)));
    }
    expect(await ask(generateKey())).toBe("401");
  });

  test("an expired key, from its very moment on", async () => {
    const { key, secret } = await place();
    await store.directory.keys.update(key.id, { expiresMs: nowMs }, by);
    expect(await ask(secret, { nowMs: nowMs - 1 })).toBe("laptop");
    expect(await ask(secret)).toBe("401");
  });

  test("blocked anywhere, and back again", async () => {
    const { organization, team, user, key, secret } = await place();
    const { directory } = store;
    const switches: ((blocked: boolean) => Promise<unknown>)[] = [
      (blocked) => directory.keys.update(key.id, { blocked }, by),
      (blocked) => directory.teams.update(team.id, { status: blocked ? "blocked" : "active" }, by),
      (blocked) => directory.users.update(user.id, { status: blocked ? "blocked" : "active" }, by),
      (blocked) =>
        directory.organizations.update(
          organization.id,
          { status: blocked ? "blocked" : "active" },
          by,
        ),
    ];
    for (const block of switches) {
      expect(await ask(secret)).toBe("laptop");
      await block(true);
      expect(await ask(secret)).toBe("403");
      await block(false);
    }
    expect(await ask(secret)).toBe("laptop");
  });

  test("S24: a deleted key at once", async () => {
    const { key, secret } = await place();
    expect(await ask(secret)).toBe("laptop");
    await store.directory.keys.delete(key.id, by);
    expect(await ask(secret)).toBe("401");
  });

  test("a key that was guessed before it was made works once it is", async () => {
    const secret = generateKey();
    expect(await ask(secret)).toBe("401");
    const hash = hasher.hash(secret.reveal());
    await store.directory.keys.create({ name: "k", kind: "service", hash, last4: "abcd" }, by);
    expect(await ask(secret)).toBe("k");
  });

  test("a replaced key works within its grace and not after it", async () => {
    const { key, secret } = await place();
    const restore = setClock({ now: () => nowMs });
    try {
      const rotated = await callers.rotateKey(key.id, 60_000, by);
      expect(rotated.secret.reveal()).not.toBe(secret.reveal());
      expect(await ask(rotated.secret)).toBe("laptop");
      expect(await ask(secret)).toBe("laptop");
      expect(await ask(secret, { nowMs: nowMs + 59_999 })).toBe("laptop");
      expect(await ask(secret, { nowMs: nowMs + 60_000 })).toBe("401");
      expect(await ask(rotated.secret, { nowMs: nowMs + 60_000 })).toBe("laptop");
      const last = await callers.rotateKey(key.id, 0, by);
      expect(await ask(rotated.secret)).toBe("401");
      expect(await ask(secret)).toBe("401");
      expect(await ask(last.secret)).toBe("laptop");
    } finally {
      restore();
    }
  });

  test("S26: from another address", async () => {
    const { key, secret } = await place();
    await store.directory.keys.update(
      key.id,
      { allowedIps: ["192.0.2.0/24", "2001:db8::/32"] },
      by,
    );
    expect(await ask(secret)).toBe("laptop");
    expect(await ask(secret, { address: "::ffff:c000:0201" })).toBe("laptop");
    expect(await ask(secret, { address: "2001:DB8::1" })).toBe("laptop");
    expect(await ask(secret, { address: "198.51.100.1" })).toBe("403");
    expect(await ask(secret, { address: null })).toBe("403");
  });

  test("while a request runs on", async () => {
    const { team, key, secret } = await place();
    const caller = await callers.lookup(secret.reveal(), from);
    if (caller === null || caller instanceof GatewayError) throw new Error("refused");
    expect(await callers.recheck(caller, nowMs)).toBeNull();
    await store.directory.teams.update(team.id, { status: "blocked" }, by);
    expect((await callers.recheck(caller, nowMs))?.status).toBe(403);
    await store.directory.keys.delete(key.id, by);
    expect((await callers.recheck(caller, nowMs))?.status).toBe(401);
  });
});

describe("memory", () => {
  test("what another gateway changed counts after a second", async () => {
    const folder = mkdtempSync(join(tmpdir(), "megallm-callers-"));
    let time = 1_000_000;
    const restore = setClock({ monotonic: () => time });
    const here = await openStore({ path: join(folder, "megallm.db") });
    const there = await openStore({ path: join(folder, "megallm.db") });
    try {
      const mine = createCallerDirectory({ directory: here.directory, hasher });
      const theirs = createCallerDirectory({ directory: there.directory, hasher });
      const { key, secret } = await theirs.createKey({ name: "k", kind: "service" }, by);
      const seen = async () => outcome(await mine.lookup(secret.reveal(), from));
      expect(await seen()).toBe("k");
      await there.directory.keys.update(key.id, { blocked: true }, by);
      expect(await seen()).toBe("k");
      time += 1_000;
      expect(await seen()).toBe("403");
      await there.directory.keys.delete(key.id, by);
      time += 1_000;
      expect(await seen()).toBe("401");
    } finally {
      await here.close();
      await there.close();
      restore();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("holds on for seconds while the database is away, then refuses with 503", async () => {
    let time = 1_000_000;
    let away = false;
    const restore = setClock({ monotonic: () => time });
    try {
      const { directory } = store;
      const flaky = createCallerDirectory({
        directory: {
          ...directory,
          version: async () => {
            if (away) throw new Error("no database");
            return directory.version();
          },
        },
        hasher,
      });
      const { secret } = await flaky.createKey({ name: "k", kind: "service" }, by);
      const seen = async () => outcome(await flaky.lookup(secret.reveal(), from));
      expect(await seen()).toBe("k");
      away = true;
      time += 2_000;
      expect(await seen()).toBe("k");
      time += 4_000;
      expect(await seen()).toBe("503");
      away = false;
      expect(await seen()).toBe("k");
    } finally {
      restore();
    }
  });

  test("while the database is away, rules that are known hold, and others are refused with 503", async () => {
    let time = 1_000_000;
    let away = false;
    const restore = setClock({ monotonic: () => time });
    const failing =
      <Asked extends unknown[], Told>(work: (...asked: Asked) => Promise<Told>) =>
      async (...asked: Asked): Promise<Told> => {
        if (away) throw new StoreError("store_unavailable", "no database");
        return work(...asked);
      };
    try {
      const { directory } = store;
      const gateway = { kind: "gateway", id: "" } as const;
      await directory.limits.create({ subject: gateway, unit: "requests", amount: 9 }, by);
      const flaky = createCallerDirectory({
        directory: {
          ...directory,
          version: failing(() => directory.version()),
          rules: failing((subject) => directory.rules(subject)),
        },
        hasher,
      });
      const known = async () => (await flaky.rules([gateway], ["m"])).limits.length;
      expect(await known()).toBe(1);
      away = true;
      time += 60_000;
      expect(await known()).toBe(1);
      const other = flaky.rules([gateway, { kind: "tag", id: "new" }], ["m"]);
      expect(await other.catch((error: unknown) => error)).toMatchObject({
        code: "unavailable",
        status: 503,
      });
      away = false;
      await directory.limits.create({ subject: gateway, unit: "tokens", amount: 9 }, by);
      expect(await known()).toBe(2);
    } finally {
      restore();
    }
  });

  test("rules that are known do not wait for a database that hangs", async () => {
    let time = 1_000_000;
    let hangs = false;
    const restore = setClock({ monotonic: () => time });
    try {
      const { directory } = store;
      const gateway = { kind: "gateway", id: "" } as const;
      await directory.limits.create({ subject: gateway, unit: "requests", amount: 9 }, by);
      const version = () => (hangs ? Promise.withResolvers<number>().promise : directory.version());
      const slow = createCallerDirectory({
        directory: { ...directory, version },
        hasher,
        checkEveryMs: 50,
      });
      expect((await slow.rules([gateway], ["m"])).limits).toHaveLength(1);
      hangs = true;
      time += 60_000;
      for (let turn = 0; turn < 20; turn += 1) {
        expect((await slow.rules([gateway], ["m"])).limits).toHaveLength(1);
      }
    } finally {
      restore();
    }
  });

  test("S24: 100,000 guesses take bounded memory, and push out no key", async () => {
    let reads = 0;
    const { directory } = store;
    const counted = createCallerDirectory({
      directory: {
        ...directory,
        keys: {
          ...directory.keys,
          byHash: async (hash) => {
            reads += 1;
            return reads > 3_000 ? null : directory.keys.byHash(hash);
          },
        },
      },
      hasher,
      maxKept: 1_000,
    });
    const { secret } = await counted.createKey({ name: "k", kind: "service" }, by);
    const seen = async () => outcome(await counted.lookup(secret.reveal(), from));
    expect(await seen()).toBe("k");
    Bun.gc(true);
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 100_000; index += 1) {
      const guess = `sk-mega-${index.toString(36).padStart(43, "A")}`;
      expect(outcome(await counted.lookup(guess, from))).toBe("401");
    }
    Bun.gc(true);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * 1024 * 1024);
    expect(reads).toBe(100_001);
    expect(await seen()).toBe("k");
    expect(reads).toBe(100_001);
    // The newest guesses are remembered, and asked of the database no more.
    await counted.lookup(`sk-mega-${(99_999).toString(36).padStart(43, "A")}`, from);
    expect(reads).toBe(100_001);
  }, 30_000);
});

test("S24, S33: no key is anywhere in the files of the database", async () => {
  const folder = mkdtempSync(join(tmpdir(), "megallm-plain-"));
  try {
    const file = await openStore({ path: join(folder, "megallm.db") });
    const made = createCallerDirectory({ directory: file.directory, hasher });
    const secrets: string[] = [];
    for (let index = 0; index < 20; index += 1) {
      const { key, secret } = await made.createKey({ name: `k${index}`, kind: "service" }, by);
      const rotated = await made.rotateKey(key.id, 60_000, by);
      await file.directory.keys.update(key.id, { name: `renamed ${index}` }, by);
      if (index % 2) await file.directory.keys.delete(key.id, by);
      secrets.push(secret.reveal(), rotated.secret.reveal());
      expect(JSON.stringify({ key, rotated, secret })).not.toContain(secret.reveal());
    }
    await file.close();
    const reopened = await openStore({ path: join(folder, "megallm.db") });
    const bytes = readdirSync(folder).map((name) => readFileSync(join(folder, name), "latin1"));
    for (const text of secrets) {
      const random = text.slice("sk-mega-".length);
      for (const part of [random, random.slice(0, 12), random.slice(-12)]) {
        expect(bytes.some((content) => content.includes(part))).toBe(false);
      }
    }
    await reopened.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
