// The authorization matrix: every operation of the OpenAPI document, asked by every kind of caller, of every owner.
import type { OpenApiDocument } from "../../../src/server/admin-v1/openapi.ts";
import { holders } from "../../../src/access/permissions.ts";
import type { Role } from "../../../src/store/directory-types.ts";
import { type AdminV1, adminKey, startAdminV1 } from "../../support/admin-v1.ts";
import { type EditedFile, editFile } from "../../support/config-file.ts";
import { usageOf } from "../../support/store-rows.ts";

/** Whose the resource is that a request is about, seen from the caller: a member of team 1 of organization A. */
export const owners = [
  "own",
  "colleague's",
  "own team's",
  "other team's",
  "stranger's",
  "nobody's",
] as const;
export type Owner = (typeof owners)[number];

export interface Caller {
  readonly name: string;
  /** Null: none is sent. */
  readonly key: string | null;
  readonly keyId: string;
  readonly userId: string;
  readonly membershipId: string;
  /** Acts for its user; else for nothing but itself. */
  readonly forUser: boolean;
}

const by = { actor: "system" };

/** Entries that are there for whoever may look at them and change them. */
const configText = `
providers:
  demo: {}
  spare: { type: openai-compatible, base_url: "http://127.0.0.1:9/v1" }
models:
  spare: { deployments: [demo/echo] }
aliases:
  spare: spare
`;

export interface Ground {
  readonly admin: AdminV1;
  /** The configuration that those may change who may. */
  readonly edited: EditedFile;
  readonly callers: readonly Caller[];
  readonly a: string;
  readonly b: string;
  readonly team1: string;
  readonly team2: string;
  readonly team3: string;
  readonly colleague: string;
  readonly neighbour: string;
  readonly stranger: string;
  readonly outsider: string;
  /** A name that was not used before. */
  next(): string;
}

/** Organizations, teams, people; and a caller for every column of the table of permissions. */
export async function buildGround(): Promise<Ground> {
  const edited = editFile(configText);
  const { editor, running } = edited;
  const admin = await startAdminV1({ control: { editor, running } });
  const { directory } = admin.store;
  let count = 0;
  const next = () => `n${(count += 1)}`;
  const organization = async (name: string) =>
    (await directory.organizations.create({ name }, by)).id;
  const [a, b] = [await organization("A"), await organization("B")];
  const team = async (organizationId: string) =>
    (await directory.teams.create({ organizationId, name: next() }, by)).id;
  const [team1, team2, team3] = [await team(a), await team(a), await team(b)];
  const person = async (gatewayRole: "admin" | null = null) =>
    (await directory.users.create({ email: `${next()}@example.com`, gatewayRole }, by)).id;
  const join = async (userId: string, organizationId: string, teamId: string | null, role: Role) =>
    (await directory.memberships.create({ userId, organizationId, teamId, role }, by)).id;
  const colleague = await person();
  await join(colleague, a, team1, "member");
  const neighbour = await person();
  await join(neighbour, a, team2, "member");
  const stranger = await person();
  await join(stranger, b, team3, "member");
  const outsider = await person();

  const callers: Caller[] = [
    { name: "nobody", key: null, keyId: "", userId: "", membershipId: "", forUser: false },
    {
      name: "unknown key",
      key: `sk-mega-${"x".repeat(43)}`,
      keyId: "",
      userId: "",
      membershipId: "",
      forUser: false,
    },
    { name: "admin key", key: adminKey, keyId: "", userId: "", membershipId: "", forUser: false },
  ];
  const enroll = async (
    name: string,
    {
      role,
      inTeam = false,
      gatewayRole = null,
      operations = ["admin"],
      service = false,
      blocked = false,
    }: {
      role?: Role;
      inTeam?: boolean;
      gatewayRole?: "admin" | null;
      operations?: string[] | null;
      service?: boolean;
      blocked?: boolean;
    },
  ): Promise<void> => {
    const userId = await person(gatewayRole);
    const membershipId = role ? await join(userId, a, inTeam ? team1 : null, role) : "";
    const { key, secret } = await admin.callers.createKey(
      {
        name: next(),
        kind: service ? "service" : "user",
        organizationId: a,
        teamId: team1,
        userId: service ? null : userId,
        operations,
        blocked,
      },
      by,
    );
    const forUser = !service && operations?.includes("admin") === true;
    callers.push({ name, key: secret.reveal(), keyId: key.id, userId, membershipId, forUser });
  };
  await enroll("gateway admin", { gatewayRole: "admin" });
  await enroll("user", {});
  for (const holder of holders) {
    const [place, role] = holder.split(".") as [string, Role | undefined];
    if (role) await enroll(holder, { role, inTeam: place === "team" });
  }
  await enroll("owner's plain key", { role: "owner", operations: null });
  await enroll("owner's * key", { role: "owner", operations: ["*"] });
  await enroll("service key", { operations: ["admin"], service: true });
  await enroll("owner's blocked key", { role: "owner", blocked: true });
  // The first version that one could go back to.
  await admin.ask("PATCH", "/aliases/spare", { body: { entry: "demo/echo" } });
  return {
    admin,
    edited,
    callers,
    a,
    b,
    team1,
    team2,
    team3,
    colleague,
    neighbour,
    stranger,
    outsider,
    next,
  };
}

interface Place {
  readonly organizationId: string | null;
  readonly teamId: string | null;
  readonly userId: string | null;
}

/** Where what belongs to an owner is; null where the owner has none. */
function placeOf(ground: Ground, caller: Caller, owner: Owner): Place {
  const { a, b, team1, team2, team3, colleague, neighbour, stranger } = ground;
  switch (owner) {
    case "own":
      return { organizationId: a, teamId: team1, userId: caller.userId || null };
    case "colleague's":
      return { organizationId: a, teamId: team1, userId: colleague };
    case "own team's":
      return { organizationId: a, teamId: team1, userId: null };
    case "other team's":
      return { organizationId: a, teamId: team2, userId: neighbour };
    case "stranger's":
      return { organizationId: b, teamId: team3, userId: stranger };
    case "nobody's":
      return { organizationId: null, teamId: null, userId: null };
    default:
      return owner satisfies never;
  }
}

const freshKey = async (ground: Ground, place: Place): Promise<string> => {
  const kind = place.userId === null ? "service" : "user";
  const fields = { name: ground.next(), kind, ...place } as const;
  return (await ground.admin.callers.createKey(fields, by)).key.id;
};

/** The subject of a budget or limit of this owner. */
async function subjectOf(ground: Ground, caller: Caller, owner: Owner): Promise<string> {
  if (owner === "nobody's") return "gateway";
  if (owner === "own team's") return `team:${ground.team1}`;
  if (owner === "own" && caller.keyId) return `key:${caller.keyId}`;
  return `key:${await freshKey(ground, placeOf(ground, caller, owner))}`;
}

/** A resource of this owner, made anew; null where there is no such thing. */
export async function makeTarget(
  ground: Ground,
  caller: Caller,
  { resource, owner }: { resource: string; owner: Owner },
): Promise<string | null> {
  const { directory } = ground.admin.store;
  const place = placeOf(ground, caller, owner);
  const subject = async () => {
    const text = await subjectOf(ground, caller, owner);
    const [kind, id = ""] = text.split(":");
    return { kind: kind as "key" | "team" | "gateway", id };
  };
  switch (resource) {
    case "organizations":
      if (place.organizationId === null) return null;
      return place.organizationId;
    case "teams":
      if (place.organizationId === null) return null;
      return place.teamId;
    case "users":
      if (owner === "own team's") return null;
      return owner === "nobody's" ? ground.outsider : place.userId;
    case "memberships": {
      if (owner === "own") return caller.membershipId || null;
      if (owner === "own team's" || place.organizationId === null) return null;
      const { id: userId } = await directory.users.create(
        { email: `${ground.next()}@example.com` },
        by,
      );
      const { organizationId, teamId } = place;
      return (
        await directory.memberships.create({ userId, organizationId, teamId, role: "member" }, by)
      ).id;
    }
    case "keys":
      if (owner === "own" && caller.keyId && !caller.forUser) return caller.keyId;
      return freshKey(ground, place);
    case "budgets":
      return (
        await directory.budgets.create(
          { name: ground.next(), amountNanos: 1n, window: "1d", subjects: [await subject()] },
          by,
        )
      ).id;
    case "limits":
      return (
        await directory.limits.create({ subject: await subject(), unit: "requests", amount: 1 }, by)
      ).id;
    case "requests": {
      const requestId = `req_${ground.next()}`;
      const keyId = owner === "own" && caller.keyId ? caller.keyId : null;
      await ground.admin.store.settle(usageOf(requestId, { ...place, keyId }), []);
      return requestId;
    }
    default:
      return null;
  }
}

/** What stands for everything of a kind that is the gateway's own. */
function targetOfGateway(resource: string): string {
  return resource === "config" ? "1" : "spare";
}

/** A well-formed body for what is the gateway's own; undefined: it takes none. */
function bodyForGateway(ground: Ground, path: string, method: string): object | undefined {
  const [, resource = "", ...rest] = path.split("/");
  const last = rest.at(-1);
  const entries: Readonly<Record<string, unknown>> = {
    providers: { max_concurrent: Number(ground.next().slice(1)) },
    routes: { description: ground.next() },
    aliases: "demo/echo",
  };
  if (resource === "config" && last === "rollback") return { version: 1 };
  if (resource === "config") return { text: configText };
  if (method === "patch") return { entry: entries[resource] };
  const made: Readonly<Record<string, unknown>> = {
    providers: { type: "openai-compatible", base_url: "http://127.0.0.1:9/v1" },
    routes: "demo/echo",
    aliases: "demo/echo",
  };
  if (last === undefined && resource in made) return { name: ground.next(), entry: made[resource] };
  return undefined;
}

/** A well-formed body for making or changing such a resource. */
export async function bodyFor(
  ground: Ground,
  caller: Caller,
  { resource, method, owner }: { resource: string; method: string; owner: Owner },
): Promise<object | null> {
  const place = placeOf(ground, caller, owner);
  const name = ground.next();
  if (method === "patch") {
    if (resource === "memberships") return { role: "viewer" };
    return resource === "limits" ? { amount: Number(name.slice(1)) + 10 } : { name };
  }
  switch (resource) {
    case "organizations":
      return owner === "nobody's" ? { name } : null;
    case "teams":
      return place.organizationId ? { name, organization_id: place.organizationId } : null;
    case "users":
      return owner === "nobody's" ? { email: `${name}@example.com` } : null;
    case "memberships": {
      if (owner === "own" || place.organizationId === null) return null;
      const { directory } = ground.admin.store;
      const user = await directory.users.create({ email: `${name}@example.com` }, by);
      return {
        user_id: user.id,
        organization_id: place.organizationId,
        team_id: place.teamId,
        role: "member",
      };
    }
    case "keys":
      return {
        name,
        kind: place.userId === null ? "service" : "user",
        organization_id: place.organizationId,
        team_id: place.teamId,
        user_id: place.userId,
      };
    case "budgets": {
      const subjects = [await subjectOf(ground, caller, owner)];
      return { name, amount_usd: "1", window: "1d", subjects };
    }
    case "limits":
      return { subject: await subjectOf(ground, caller, owner), unit: "tokens", amount: 1 };
    case "data":
      return { kind: "key", id: await freshKey(ground, place) };
    default:
      return {};
  }
}

/** What the others stand on is not taken away from under them: whoever may would get 412. */
const kept = new Set(["organizations", "teams", "users"]);

export interface Cell {
  readonly status: number;
  readonly text: string;
}

/** One cell: the status of the answer; null where the row makes no sense for this caller. */
export async function askCell(
  ground: Ground,
  caller: Caller,
  { path, method, owner }: { path: string; method: string; owner: Owner | null },
): Promise<Cell | null> {
  const resource = path.split("/")[1] ?? "";
  let target = "";
  if (path.includes("{id}")) {
    const made = owner
      ? await makeTarget(ground, caller, { resource, owner })
      : targetOfGateway(resource);
    if (!made) return null;
    target = made;
  }
  const changes = method === "post" || method === "patch" || method === "put";
  const body = !changes
    ? undefined
    : owner
      ? await bodyFor(ground, caller, { resource, method, owner })
      : bodyForGateway(ground, path, method);
  if (body === null) return null;
  const rotates = path.endsWith("/rotate");
  const own = resource === "memberships" && target === caller.membershipId && method !== "get";
  const spared = own || (method === "delete" && kept.has(resource));
  const ofFile =
    owner === null &&
    resource !== "cache" &&
    (method === "delete" || method === "put" || path.endsWith("/rollback"));
  const answer = await ground.admin.ask(method.toUpperCase(), path.replace("{id}", target), {
    key: caller.key,
    ...(body && { body: rotates ? {} : body }),
    ...(spared && { headers: { "if-match": '"999999"' } }),
    ...(ofFile && { headers: { "if-match": `"${"0".repeat(32)}"` } }),
  });
  return { status: answer.status, text: answer.text };
}

export interface MatrixRow {
  readonly path: string;
  readonly method: string;
  readonly action: string;
  /** Null: it concerns nobody in particular. */
  readonly owner: Owner | null;
}

/** Rows of the matrix: each operation once for each owner it can concern. */
export function rowsOf(document: OpenApiDocument): MatrixRow[] {
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]): MatrixRow[] => {
      const row = { path, method, action: operation["x-action"] };
      const isList = method === "get" && !path.includes("{id}");
      if (operation["x-scope"] !== "handler" || isList) return [{ ...row, owner: null }];
      return owners.map((owner) => ({ ...row, owner }));
    }),
  );
}
