// The directory's tables: see directory.ts. Lists and maps are JSON text, flags are 0 or 1.
import type { ColumnType } from "kysely";

type Wide = ColumnType<bigint, bigint | number, bigint | number>;
type NullableWide = ColumnType<bigint | null, bigint | number | null, bigint | number | null>;
/** 32 bits: a number with some drivers. */
type Small = ColumnType<bigint | number, number, number>;

export interface ResourceColumns {
  id: string;
  created_ms: Wide;
  updated_ms: Wide;
  version: Small;
}

export interface OrganizationTable extends ResourceColumns {
  name: string;
  status: string;
  models: string | null;
  metadata: string;
}

export interface TeamTable extends ResourceColumns {
  organization_id: string;
  name: string;
  status: string;
  models: string | null;
  metadata: string;
  tags: string;
}

export interface UserAccountTable extends ResourceColumns {
  email: string;
  name: string;
  status: string;
  gateway_role: string | null;
  models: string | null;
}

export interface MembershipTable extends ResourceColumns {
  user_id: string;
  organization_id: string;
  team_id: string | null;
  role: string;
}

export interface VirtualKeyTable extends ResourceColumns {
  name: string;
  kind: string;
  organization_id: string | null;
  team_id: string | null;
  user_id: string | null;
  /** HMAC-SHA256 under the server secret, hex. */
  key_hash: string;
  /** Of the key that it replaced. */
  previous_hash: string | null;
  previous_until_ms: NullableWide;
  last4: string;
  expires_ms: NullableWide;
  blocked: Small;
  models: string | null;
  operations: string | null;
  aliases: string;
  metadata: string;
  tags: string;
  allowed_ips: string | null;
  defaults: string;
}

export interface BudgetTable extends ResourceColumns {
  name: string;
  amount_nanos: Wide;
  budget_window: string;
  zone: string;
  aligned: Small;
  subjects: string;
  model: string | null;
  each_of: string | null;
  thresholds: string;
}

/** The subjects of budgets once more, for finding budgets by them. */
export interface BudgetSubjectTable {
  budget_id: string;
  kind: string;
  subject_id: string;
}

export interface RateLimitTable extends ResourceColumns {
  subject_kind: string;
  subject_id: string;
  model: string | null;
  unit: string;
  limit_window: string | null;
  amount: Wide;
}

/** Append-only; every row holds the hash of the one before: see audit.ts. */
export interface AuditTable {
  seq: Wide;
  at_ms: Wide;
  actor: string;
  action: string;
  kind: string;
  subject_id: string;
  /** Canonical JSON. */
  before: string | null;
  after: string | null;
  prev_hash: string;
  hash: string;
}

/** One row (id 1), written by every change: whoever changes anything waits for it. */
export interface DirectoryVersionTable {
  id: Small;
  /** Of the newest audit row; 0 at first. */
  seq: Wide;
  hash: string;
  /** Tells whether a server secret is the one that keys were hashed under. */
  secret_mark: string | null;
}

export interface DirectoryTables {
  organization: OrganizationTable;
  team: TeamTable;
  user_account: UserAccountTable;
  membership: MembershipTable;
  virtual_key: VirtualKeyTable;
  budget: BudgetTable;
  budget_subject: BudgetSubjectTable;
  rate_limit: RateLimitTable;
  audit: AuditTable;
  directory_version: DirectoryVersionTable;
}
