// A gateway with a real store, the money double behind it, and keys with budgets: the stage of the money tests.
import { createCallerDirectory } from "../../../src/access/directory.ts";
import { createKeyHasher } from "../../../src/access/key-hash.ts";
import type { GatewayParts } from "../../../src/gateway.ts";
import { Secret } from "../../../src/lib/secret.ts";
import type { KeyCreate } from "../../../src/store/directory-keys.ts";
import type { BudgetCreate, RateLimitCreate } from "../../../src/store/directory.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Subject } from "../../../src/store/subject.ts";
import { type InProcess, startInProcess } from "../in-process.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import {
  configuredPrices,
  createMoneyUpstream,
  type MoneyUpstream,
  type Plan,
  planText,
} from "./upstream.ts";

export const by = { actor: "test" };
const keySecret = new Secret("a server secret of the money tests");

/** Dollars to nano-dollars. */
export const usd = (dollars: number): bigint => BigInt(Math.round(dollars * 1e9));

export interface Key {
  id: string;
  subject: Subject;
  secret: string;
  headers: Record<string, string>;
}

export interface Used {
  spent: bigint;
  held: bigint;
  accounts: number;
  charged: bigint;
  largest: bigint;
}

export interface Scene {
  upstream: MoneyUpstream;
  running: InProcess;
  store: Store;
  /** Where the store keeps it all. */
  database: Pick<Ledger, "openAnother" | "run">;
  /** What another gateway on the same ledger needs. */
  shared: Pick<GatewayParts, "keySecret">;
  key(more?: Partial<Omit<KeyCreate, "hash" | "last4">>): Promise<Key>;
  budget(
    subjects: readonly Subject[],
    amountNanos: bigint,
    more?: Partial<BudgetCreate>,
  ): Promise<string>;
  limit(more: RateLimitCreate): Promise<string>;
  /** Spent and held of all accounts of a budget, the sum of their charges, and the most that one has used; when nothing runs, or `isBusy`. */
  account(budgetId: string, isBusy?: boolean): Promise<Used>;
  /** What the usage rows say that everything has cost. */
  ledger(): Promise<bigint>;
  /** Throws where counters and rows differ, or anything is still held. */
  audit(): Promise<void>;
  close(): Promise<void>;
}

/** Providers of the double: one for each wire. */
export const moneyProviders = {
  openai: {
    type: "openai-compatible",
    base_url: "http://127.0.0.1:1/v1",
    api_key: "key-of-the-vendor",
  },
  anthropic: { type: "anthropic", base_url: "http://127.0.0.1:1", api_key: "key-of-the-vendor" },
  gemini: {
    type: "gemini",
    base_url: "http://127.0.0.1:1/v1beta",
    api_key: "key-of-the-vendor",
    dialects: ["gemini"],
  },
};

export async function openScene(
  config: Record<string, unknown> = {},
  parts: Partial<GatewayParts> & { upstream?: MoneyUpstream; postgres?: boolean } = {},
): Promise<Scene> {
  const { upstream = createMoneyUpstream(), postgres, ...more } = parts;
  const ledger = await openLedger(postgres);
  const { store } = ledger;
  await store.recover();
  const running = await startInProcess(
    {
      providers: moneyProviders,
      prices: configuredPrices,
      server: { require_key: "always" },
      ...config,
    },
    { egress: upstream.egress, keySecret, ...more, store },
  );
  const callers = createCallerDirectory({
    directory: store.directory,
    hasher: createKeyHasher(keySecret),
  });
  let made = 0;
  const budgets: string[] = [];
  const scene: Scene = {
    upstream,
    running,
    store,
    database: ledger,
    shared: { keySecret },
    async key(fields = {}) {
      made += 1;
      const { key, secret } = await callers.createKey(
        { name: `key-${made}`, kind: "service", ...fields },
        by,
      );
      const shown = secret.reveal();
      return {
        id: key.id,
        subject: { kind: "key", id: key.id },
        secret: shown,
        headers: { authorization: `Bearer ${shown}`, "content-type": "application/json" },
      };
    },
    async budget(subjects, amountNanos, fields = {}) {
      const { id } = await store.directory.budgets.create(
        { name: `budget ${budgets.length}`, amountNanos, window: "total", subjects, ...fields },
        by,
      );
      budgets.push(id);
      return id;
    },
    async limit(fields) {
      return (await store.directory.limits.create(fields, by)).id;
    },
    async account(budgetId, isBusy = false) {
      if (!isBusy) await running.idle();
      await store.flush();
      const row = await ledger.row(`select coalesce(sum(spent_nanos), 0) as spent,
        coalesce(sum(held_nanos), 0) as held, count(*) as accounts,
        coalesce(max(spent_nanos + held_nanos), 0) as largest,
        (select coalesce(sum(nanos), 0) from charge
          where account_id in (select account_id from account where budget_id = '${budgetId}')) as charged
      from account where budget_id = '${budgetId}'`);
      return {
        spent: row["spent"] ?? 0n,
        held: row["held"] ?? 0n,
        accounts: Number(row["accounts"]),
        charged: row["charged"] ?? 0n,
        largest: row["largest"] ?? 0n,
      };
    },
    async ledger() {
      await running.idle();
      await store.flush();
      const row = await ledger.row("select coalesce(sum(cost_nanos), 0) as cost from usage");
      return row["cost"] ?? 0n;
    },
    async audit() {
      await running.idle();
      const { wrong, differences } = await store.accounts.verify();
      if (wrong > 0)
        throw new Error(`the ledger is wrong: ${JSON.stringify(differences, replacer)}`);
      for (const id of budgets) {
        const { held } = await scene.account(id);
        if (held !== 0n) throw new Error(`${held} nano-dollars of ${id} are still held`);
      }
    },
    async close() {
      await running.close();
      await ledger.dispose();
    },
  };
  return scene;
}

const replacer = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;

export interface AskOptions {
  model?: string;
  maxTokens?: number | null;
  stream?: boolean;
  plan?: Partial<Plan>;
  headers?: Record<string, string>;
  body?: Record<string, unknown>;
  signal?: AbortSignal;
}

let nextPlan = 0;

/** A chat request as each of three clients sends it. */
export function chatRequest(
  wire: "openai" | "anthropic" | "gemini",
  key: Pick<Key, "headers" | "secret">,
  options: AskOptions = {},
): { path: string; init: RequestInit; id: string } {
  const { model = "openai/cheap", maxTokens = 20, stream = false } = options;
  nextPlan += 1;
  const plan: Plan = { id: `p${nextPlan}`, say: 10, steps: ["ok"], ...options.plan };
  const text = planText(plan);
  const limit = (name: string): Record<string, number> =>
    maxTokens === null ? {} : { [name]: maxTokens };
  const init = (body: object): RequestInit => ({
    method: "POST",
    headers: { ...key.headers, ...options.headers },
    body: JSON.stringify({ ...body, ...options.body }),
    ...(options.signal && { signal: options.signal }),
  });
  const { id } = plan;
  switch (wire) {
    case "anthropic":
      return {
        id,
        path: "/v1/messages",
        init: init({
          model,
          max_tokens: maxTokens ?? 4_096,
          stream,
          messages: [{ role: "user", content: text }],
        }),
      };
    case "gemini": {
      const verb = stream ? "streamGenerateContent?alt=sse" : "generateContent";
      return {
        id,
        path: `/v1beta/models/${model}:${verb}`,
        init: init({
          contents: [{ role: "user", parts: [{ text }] }],
          ...(maxTokens !== null && { generationConfig: limit("maxOutputTokens") }),
        }),
      };
    }
    default:
      return {
        id,
        path: "/v1/chat/completions",
        init: init({
          model,
          ...limit("max_tokens"),
          stream,
          messages: [{ role: "user", content: text }],
        }),
      };
  }
}
