// What a route of the administration API is: data, from which the server, the document and the tests are made.
import type { z } from "zod";
import type { Rules } from "../../config/config.ts";
import type { CallerDirectory } from "../../access/directory.ts";
import type { Action, Actor, Target } from "../../access/permissions.ts";
import type { Scope } from "../../store/directory-types.ts";
import type { Store } from "../../store/store.ts";
import type { Control } from "./control.ts";

export interface Services {
  readonly store: Store;
  readonly callers: CallerDirectory;
  /** Budgets and limits of the configuration. */
  rules(): Pick<Rules, "budgets">;
  /** Facts without secrets. */
  status(): Promise<object>;
  readonly control: Control;
}

/**
 * Whom a resource belongs to: the action must be permitted on one target of every group.
 * `[[{}]]` is nobody's: the gateway's own.
 */
export type Reach = readonly (readonly Target[])[];

export interface Call {
  readonly services: Services;
  readonly actor: Actor;
  /** As the audit log names the actor. */
  readonly by: string;
  /** Of the path; empty where that has none. */
  readonly id: string;
  /** As the route's schemas gave it. */
  readonly query: unknown;
  readonly body: unknown;
  /** What a list may show. */
  readonly scope: Scope | undefined;
  /** From `If-Match`; undefined: any. */
  readonly version: number | undefined;
  /** The same for what is told apart by a hash. */
  readonly hash?: string | undefined;
}

export interface Answer {
  /** Undefined: nothing. */
  readonly body?: unknown;
  /** In the place of a body: one JSON object a line, as they are made. */
  readonly lines?: AsyncIterator<object>;
  /** Becomes the `ETag`. */
  readonly version?: number;
  /** The same. */
  readonly hash?: string;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface AdminRoute {
  readonly method: Method;
  /** Below `/admin/v1`; `{id}` is the only parameter. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly action: Action;
  /**
   * What the action must be permitted on. `list`: whatever the actor may see, as {@link Call.scope}.
   * `gateway`: the gateway as a whole. `handler`: the handler decides it by `requirePermission`, since it depends
   * on what the request says or names.
   */
  readonly scope: "list" | "gateway" | "handler";
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** The body is checked against `body` by the handler, which needs to know what is there already. */
  readonly partial?: true;
  /** What its `ETag` is; absent: the version of a row. */
  readonly etag?: "hash";
  /** Largest body. Default 256 KB. */
  readonly maxBytes?: number;
  /** What it answers with besides JSON: text, or {@link Answer.lines}. */
  readonly media?: "text/csv" | "application/x-ndjson";
  readonly answer: z.ZodType | null;
  readonly status: 200 | 201 | 204;
  handle(call: Call): Promise<Answer>;
}
