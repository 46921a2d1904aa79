// The directory's resources: who may use the gateway, and how much.
import type { Nanos } from "../lib/money.ts";
import type { Subject } from "./subject.ts";

export interface Stamped {
  readonly id: string;
  /** Wall clock, ms since the epoch. */
  readonly createdMs: number;
  readonly updatedMs: number;
  /** 1 at first, one more with every change. */
  readonly version: number;
}

export type Status = "active" | "blocked";
export type JsonObject = Readonly<Record<string, unknown>>;
/** Names or patterns with `*`; null: no limit of its own; empty: none. */
export type Models = readonly string[] | null;

export interface OrganizationFields {
  readonly name: string;
  readonly status: Status;
  readonly models: Models;
  readonly metadata: JsonObject;
}

export interface TeamFields {
  readonly organizationId: string;
  readonly name: string;
  readonly status: Status;
  readonly models: Models;
  readonly metadata: JsonObject;
  readonly tags: readonly string[];
}

export interface UserFields {
  /** Lower case; unique. */
  readonly email: string;
  readonly name: string;
  readonly status: Status;
  /** `admin`: everything. */
  readonly gatewayRole: "admin" | null;
  readonly models: Models;
}

export const roles = ["owner", "admin", "billing", "member", "viewer"] as const;
export type Role = (typeof roles)[number];

export interface MembershipFields {
  readonly userId: string;
  readonly organizationId: string;
  /** Null: of the organization as a whole. */
  readonly teamId: string | null;
  readonly role: Role;
}

/** What holds for requests of a key that do not say otherwise. */
export interface KeyDefaults {
  readonly policy?: string;
  readonly unsupported?: "warn" | "error" | "drop";
  /** False: its requests may not say how they are routed. */
  readonly overrides?: boolean;
  readonly priority?: number;
  readonly guardrails?: readonly string[];
  /** Its requests pass the answer cache by. */
  readonly cache?: "off";
}

export interface KeyFields {
  /** Unique within its team, or within its organization where it has no team. */
  readonly name: string;
  /** A service key belongs to no user. */
  readonly kind: "user" | "service";
  readonly organizationId: string | null;
  readonly teamId: string | null;
  readonly userId: string | null;
  readonly expiresMs: number | null;
  readonly blocked: boolean;
  readonly models: Models;
  /** Operations it may ask for, with `*`; null: all. */
  readonly operations: readonly string[] | null;
  /** Model name as its client writes it → as the gateway knows it. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly metadata: JsonObject;
  readonly tags: readonly string[];
  /** Addresses and CIDR blocks; null: from anywhere. */
  readonly allowedIps: readonly string[] | null;
  readonly defaults: KeyDefaults;
}

export const budgetWindows = ["1h", "1d", "1w", "1M", "total"] as const;
export type BudgetWindow = (typeof budgetWindows)[number];

export interface BudgetFields {
  readonly name: string;
  readonly amountNanos: Nanos;
  readonly window: BudgetWindow;
  /** IANA zone that calendar windows follow. */
  readonly zone: string;
  /** Calendar windows; else windows of that length from the creation on. */
  readonly aligned: boolean;
  /** At least one; several share one pool. */
  readonly subjects: readonly Subject[];
  /** Only requests for these models count; null: all. */
  readonly model: string | null;
  /** The amount holds for each of these separately. */
  readonly each: "end_user" | "tag" | null;
  /** Shares of the amount that raise an alert, above 0 and up to 1. */
  readonly thresholds: readonly number[];
}

export const limitUnits = [
  "requests",
  "tokens",
  "input_tokens",
  "output_tokens",
  "parallel",
] as const;
export type LimitUnit = (typeof limitUnits)[number];
export const limitWindows = ["minute", "hour", "day"] as const;
export type LimitWindow = (typeof limitWindows)[number];

export interface RateLimitFields {
  readonly subject: Subject;
  /** Only requests for these models count; null: all. */
  readonly model: string | null;
  readonly unit: LimitUnit;
  /** Null for `parallel`, and only for that. */
  readonly window: LimitWindow | null;
  readonly amount: number;
}

export type Organization = Stamped & OrganizationFields;
export type Team = Stamped & TeamFields;
export type User = Stamped & UserFields;
export type Membership = Stamped & MembershipFields;
export type Budget = Stamped & BudgetFields;
export type RateLimit = Stamped & RateLimitFields;
export type VirtualKey = Stamped &
  KeyFields & {
    /** What is shown of it. */
    readonly last4: string;
    /** The key that it replaced works up to here. */
    readonly previousUntilMs: number | null;
  };

export interface PageQuery {
  /** Rows on a page; default 50, at most 500. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
}

export interface Page<Row> {
  /** Newest first. */
  readonly rows: readonly Row[];
  /** Null on the last page. A page of a search may be short, even empty, and yet have a next one. */
  readonly next: string | null;
}

/** What a caller who may not see everything sees: what belongs to any of these. */
export interface Scope {
  readonly organizationIds: readonly string[];
  readonly teamIds: readonly string[];
  readonly userId: string | null;
}

interface Searched extends PageQuery {
  /** Part of a name, whatever its case. */
  readonly search?: string;
  readonly scope?: Scope;
}

export interface OrganizationQuery extends Searched {
  readonly status?: Status;
}
export interface TeamQuery extends Searched {
  readonly organizationId?: string;
  readonly status?: Status;
}
export interface UserQuery extends Searched {
  readonly email?: string;
  readonly status?: Status;
  readonly gatewayRole?: "admin";
}
export interface MembershipQuery extends PageQuery {
  readonly userId?: string;
  readonly organizationId?: string;
  readonly teamId?: string;
  readonly role?: Role;
  readonly scope?: Scope;
}
export interface KeyQuery extends Searched {
  readonly name?: string;
  readonly kind?: "user" | "service";
  readonly organizationId?: string;
  readonly teamId?: string;
  readonly userId?: string;
  readonly blocked?: boolean;
}
export interface BudgetQuery extends Searched {
  readonly subject?: Subject;
}
export interface RateLimitQuery extends PageQuery {
  readonly subject?: Subject;
  readonly unit?: LimitUnit;
  readonly scope?: Scope;
}
