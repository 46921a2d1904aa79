// What must hold between resources, in words. All of it is read and checked under the journal: nothing changes in between.
import { GatewayError } from "../ir/error.ts";
import { isId } from "./directory-list.ts";
import type {
  Budget,
  Membership,
  Organization,
  RateLimit,
  Team,
  User,
  VirtualKey,
} from "./directory-types.ts";
import type { Driver } from "./driver.ts";
import { maxSubjectId, type Subject } from "./subject.ts";

const maxName = maxSubjectId;
const maxJson = 16_384;
const maxDepth = 20;
const maxItems = 1_000;

const invalid = (message: string, param: string): GatewayError =>
  new GatewayError("invalid_request", message, { param });

const conflict = (message: string): GatewayError => new GatewayError("conflict", message);

// oxlint-disable-next-line no-control-regex
const unprintable = /[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/;

function name(value: string, field = "name"): void {
  if (value.trim() === "" || value.length > maxName) {
    throw invalid(`\`${field}\` needs 1 to ${maxName} characters.`, field);
  }
  if (unprintable.test(value) || !value.isWellFormed()) {
    throw invalid(`\`${field}\` has a character that cannot be shown.`, field);
  }
}

function list(values: readonly string[] | null, field: string): void {
  if (values === null) return;
  if (values.length > maxItems)
    throw invalid(`\`${field}\` has more than ${maxItems} items.`, field);
  for (const value of values) name(value, field);
}

function moment(value: number | null, field: string): void {
  if (value !== null && !(Number.isSafeInteger(value) && value >= 0 && value <= 8.64e15)) {
    throw invalid(`\`${field}\` is no moment in time.`, field);
  }
}

/** Counts before it walks: nothing deep or large reaches a recursive function. */
function json(value: unknown, field: string): void {
  let left = maxJson;
  const open: { value: unknown; depth: number }[] = [{ value, depth: 0 }];
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    if (item.depth > maxDepth) throw invalid(`\`${field}\` is nested too deeply.`, field);
    left -= 1;
    if (typeof item.value === "string") left -= item.value.length;
    if (typeof item.value === "object" && item.value !== null) {
      for (const [key, inner] of Object.entries(item.value)) {
        left -= key.length;
        open.push({ value: inner, depth: item.depth + 1 });
        if (left - open.length < 0) break;
      }
    }
    if (left - open.length < 0) {
      throw invalid(`\`${field}\` holds more than ${maxJson / 1024} KB.`, field);
    }
  }
}

export interface Checks {
  organization(organization: Organization): Promise<void>;
  team(team: Team): Promise<void>;
  user(user: User): Promise<void>;
  membership(membership: Membership): Promise<void>;
  key(key: VirtualKey): Promise<void>;
  budget(budget: Budget): Promise<void>;
  limit(limit: RateLimit): Promise<void>;
}

/** All throw GatewayError: `invalid_request` for what never will do, `conflict` for what is in the way now. */
export function createChecks(driver: Driver): Checks {
  const { db } = driver;

  const organizationThere = async (id: string): Promise<void> => {
    const found =
      isId("org", id) &&
      (await db.selectFrom("organization").select("id").where("id", "=", id).executeTakeFirst());
    if (!found) throw invalid(`There is no organization \`${shown(id)}\`.`, "organization");
  };
  const userThere = async (id: string): Promise<void> => {
    const found =
      isId("user", id) &&
      (await db.selectFrom("user_account").select("id").where("id", "=", id).executeTakeFirst());
    if (!found) throw invalid(`There is no user \`${shown(id)}\`.`, "user");
  };
  /** The organization of a team. */
  const teamThere = async (id: string): Promise<string> => {
    const found = isId("team", id)
      ? await db
          .selectFrom("team")
          .select("organization_id")
          .where("id", "=", id)
          .executeTakeFirst()
      : undefined;
    if (!found) throw invalid(`There is no team \`${shown(id)}\`.`, "team");
    return found.organization_id;
  };
  const subjectThere = async ({ kind, id }: Subject): Promise<void> => {
    switch (kind) {
      case "gateway":
        if (id !== "") throw invalid("The gateway as a subject has no id.", "subject");
        return;
      case "organization":
        return organizationThere(id);
      case "team":
        return void (await teamThere(id));
      case "user":
        return userThere(id);
      case "key": {
        // Keys of the configuration are named, those of the directory have an id.
        const known =
          !isId("key", id) ||
          (await db.selectFrom("virtual_key").select("id").where("id", "=", id).executeTakeFirst());
        if (!known) throw invalid(`There is no key \`${shown(id)}\`.`, "subject");
        return name(id, "subject");
      }
      case "end_user":
      case "tag":
      case "model":
        return name(id, "subject");
      default:
        kind satisfies never;
    }
  };

  return {
    async organization(organization) {
      name(organization.name);
      list(organization.models, "models");
      json(organization.metadata, "metadata");
    },
    async team(team) {
      name(team.name);
      list(team.models, "models");
      list(team.tags, "tags");
      json(team.metadata, "metadata");
      await organizationThere(team.organizationId);
      const other = await db
        .selectFrom("team")
        .select("id")
        .where("organization_id", "=", team.organizationId)
        .where("name", "=", team.name)
        .where("id", "!=", team.id)
        .executeTakeFirst();
      if (other) throw conflict(`The organization has a team \`${team.name}\` already.`);
    },
    async user(user) {
      name(user.name);
      name(user.email, "email");
      if (!/^[^\s@]+@[^\s@]+$/.test(user.email) || user.email !== user.email.toLowerCase()) {
        throw invalid("`email` must be an address in lower case.", "email");
      }
      list(user.models, "models");
      const other = await db
        .selectFrom("user_account")
        .select("id")
        .where("email", "=", user.email)
        .where("id", "!=", user.id)
        .executeTakeFirst();
      if (other) throw conflict(`There is a user with the address \`${user.email}\` already.`);
    },
    async membership({ id, userId, organizationId, teamId }) {
      await userThere(userId);
      await organizationThere(organizationId);
      if (teamId !== null && (await teamThere(teamId)) !== organizationId) {
        throw invalid("The team belongs to another organization.", "team");
      }
      const other = await db
        .selectFrom("membership")
        .select("id")
        .where("user_id", "=", userId)
        .where("organization_id", "=", organizationId)
        .where("team_id", teamId === null ? "is" : "=", teamId)
        .where("id", "!=", id)
        .executeTakeFirst();
      if (other) {
        throw conflict(`The user is a member already: \`${other.id}\`. Change the role there.`);
      }
    },
    async key(key) {
      name(key.name);
      list(key.models, "models");
      list(key.operations, "operations");
      list(key.tags, "tags");
      list(key.allowedIps, "allowed_ips");
      list(Object.entries(key.aliases).flat(), "aliases");
      json(key.metadata, "metadata");
      json(key.defaults, "defaults");
      if ((key.kind === "user") !== (key.userId !== null)) {
        throw invalid("A user key needs a `user`; a service key has none.", "user");
      }
      if (key.userId !== null) await userThere(key.userId);
      if (key.organizationId !== null) await organizationThere(key.organizationId);
      if (key.teamId !== null && (await teamThere(key.teamId)) !== key.organizationId) {
        throw invalid("The team belongs to another organization.", "team");
      }
      moment(key.expiresMs, "expires_at");
      let namesakes = db
        .selectFrom("virtual_key")
        .select("id")
        .where("name", "=", key.name)
        .where("organization_id", key.organizationId === null ? "is" : "=", key.organizationId)
        .where("team_id", key.teamId === null ? "is" : "=", key.teamId)
        .where("id", "!=", key.id);
      // Without a team, people do not share names with each other.
      if (key.teamId === null) {
        namesakes = namesakes.where("user_id", key.userId === null ? "is" : "=", key.userId);
      }
      const other = await namesakes.executeTakeFirst();
      if (other) throw conflict(`There is a key \`${key.name}\` here already: \`${other.id}\`.`);
    },
    async budget(budget) {
      name(budget.name);
      if (budget.amountNanos < 0n || budget.amountNanos > 2n ** 62n) {
        throw invalid("`amount` is out of range.", "amount");
      }
      if (!isZone(budget.zone)) {
        throw invalid(`\`${shown(budget.zone)}\` is no IANA time zone.`, "zone");
      }
      if (budget.model !== null) name(budget.model, "model");
      if (budget.subjects.length === 0 || budget.subjects.length > maxItems) {
        throw invalid(`\`subjects\` needs 1 to ${maxItems} items.`, "subjects");
      }
      if (budget.thresholds.length > 20 || budget.thresholds.some((at) => !(at > 0 && at <= 1))) {
        throw invalid("`thresholds` are at most 20 shares above 0 and up to 1.", "thresholds");
      }
      for (const subject of budget.subjects) await subjectThere(subject);
    },
    async limit(limit) {
      if (!Number.isSafeInteger(limit.amount) || limit.amount < 0) {
        throw invalid("`amount` must be a whole number of 0 or more.", "amount");
      }
      if ((limit.unit === "parallel") !== (limit.window === null)) {
        throw invalid("`window` belongs to every unit but `parallel`.", "window");
      }
      if (limit.model !== null) name(limit.model, "model");
      await subjectThere(limit.subject);
    },
  };
}

const shown = (text: string): string => text.slice(0, 60).replaceAll(/[^\w:.@/-]/g, "?");

function isZone(zone: string): boolean {
  if (zone.length > 60) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
