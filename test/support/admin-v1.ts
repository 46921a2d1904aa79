// The administration API alone, over a directory in memory, for tests.
import { Hono } from "hono";
import { type CallerDirectory, createCallerDirectory } from "../../src/access/directory.ts";
import { createKeyHasher } from "../../src/access/key-hash.ts";
import { configFromObject } from "../../src/config/load.ts";
import { toGatewayError } from "../../src/ir/error.ts";
import { Secret } from "../../src/lib/secret.ts";
import type { Control } from "../../src/server/admin-v1/control.ts";
import { createAdminV1, createReference } from "../../src/server/admin-v1/mount.ts";
import { errorAnswer } from "../../src/server/error-answer.ts";
import { openStore, type Store } from "../../src/store/store.ts";

export const adminKey = "mega-admin-of-the-test";

/** What came back: `body` is the parsed JSON, null where there is none. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
  readonly text: string;
}

export interface AdminV1 {
  readonly store: Store;
  readonly callers: CallerDirectory;
  /** Failures that no caller should ever cause. */
  readonly failures: unknown[];
  /** Address that requests come from. */
  address: string | null;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Sends JSON as the given key, by default the admin key. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answered>;
  close(): Promise<void>;
}

export interface AskOptions {
  readonly body?: unknown;
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
}

const isJson = ({ headers }: Response): boolean =>
  headers.get("content-type")?.startsWith("application/json") === true;

/** A gateway that nothing has happened to, with a configuration that a program gave. */
function idleControl(): Control {
  const running = configFromObject({}, { env: {}, presets: [] });
  return {
    health: () => ({
      nowMs: 1,
      deployments: [],
      retries: { requests: 0, extra: 0, refused: 0 },
      load: { waiting: 0, inside: {} },
      checks: { deployments: 0, made: 0, failed: 0 },
    }),
    models: async () => [],
    tryProvider: async () => ({ ok: true, ms: 1, error: null }),
    running: () => running,
    answersKept: async () => {},
    editor: null,
    waiting: () => [],
  };
}

export async function startAdminV1(
  over: {
    store?: Store;
    callers?: (callers: CallerDirectory) => CallerDirectory;
    control?: Partial<Control>;
  } = {},
): Promise<AdminV1> {
  const store = over.store ?? (await openStore({ path: ":memory:" }));
  const hasher = createKeyHasher(new Secret("a server secret of enough characters"));
  const made = createCallerDirectory({ directory: store.directory, hasher });
  const callers = over.callers?.(made) ?? made;
  const failures: unknown[] = [];
  const app = new Hono({ strict: false });
  const admin: AdminV1 = {
    store,
    callers,
    failures,
    address: "192.0.2.1",
    fetch: async (path, init) => app.fetch(new Request(`http://127.0.0.1${path}`, init)),
    async ask(method, path, { body, key = adminKey, headers = {} } = {}) {
      const response = await admin.fetch(`/admin/v1${path}`, {
        method,
        headers: {
          ...(key !== null && { authorization: `Bearer ${key}` }),
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: isJson(response) && /^[[{]/.test(text) ? JSON.parse(text) : null,
        text,
      };
    },
    close: () => store.close(),
  };
  app.route(
    "/admin/v1",
    createAdminV1({
      store,
      callers,
      adminKey: () => new Secret(adminKey),
      address: () => admin.address,
      rules: () => ({ budgets: [] }),
      status: async () => ({ version: "test" }),
      control: { ...idleControl(), ...over.control },
    }),
  );
  app.route("/", createReference());
  app.onError((thrown, context) => {
    const error = toGatewayError(thrown);
    if (error.status >= 500 && error.code !== "unavailable") failures.push(thrown);
    return errorAnswer(error, context.req.raw);
  });
  return admin;
}
