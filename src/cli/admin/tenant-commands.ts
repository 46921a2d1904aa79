// `megallm orgs`, `teams` and `users` in the command table.
import type { Command } from "commander";
import { several } from "../command-parts.ts";
import { addFamily, cascadeOption, type Family, yesOption } from "./family.ts";
import type { MembersOf } from "./members.ts";

/** Adds the commands; their code is loaded when they are called. */
export function addTenantCommands(program: Command): void {
  addOrgs(program);
  addTeams(program);
  addUsers(program);
}

const modelsOption = ["--models <names>", "what they may use, with `*`; `all`: anything"] as const;

function addOrgs(program: Command): void {
  const orgs = addFamily(program, {
    name: "orgs",
    description: "organizations, and who belongs to them",
    samples: [
      "megallm orgs create acme",
      "megallm orgs add-member acme ada@example.com --role admin",
      "megallm orgs show acme",
    ],
  });
  orgs
    .add("list", "all organizations", "megallm orgs list --json")
    .option("--search <text>", "only those with this in their names")
    .action(async (options) => (await import("./orgs.ts")).listOrgs(options));
  orgs
    .add("create <name>", "make an organization", "megallm orgs create acme --models 'openai/*'")
    .option(...modelsOption, several)
    .action(async (name, options) => (await import("./orgs.ts")).createOrg(name, options));
  orgs
    .add("show <org>", "one organization and its members", "megallm orgs show acme")
    .action(async (org, options) => (await import("./orgs.ts")).showOrg(org, options));
  orgs
    .add("update <org>", "change an organization", "megallm orgs update acme --name 'Acme Ltd'")
    .option("--name <name>", "another name")
    .option(...modelsOption, several)
    .action(async (org, options) => (await import("./orgs.ts")).updateOrg(org, options));
  orgs
    .add("block <org>", "refuse the requests of all its keys", "megallm orgs block acme")
    .action(async (org, options) => (await import("./orgs.ts")).blockOrg(org, options));
  orgs
    .add("unblock <org>", "let them through again", "megallm orgs unblock acme")
    .action(async (org, options) => (await import("./orgs.ts")).unblockOrg(org, options));
  orgs
    .add("delete <org>", "delete an organization", "megallm orgs delete acme --cascade --yes")
    .addOption(cascadeOption())
    .addOption(yesOption())
    .action(async (org, options) => (await import("./orgs.ts")).deleteOrg(org, options));
  addMembers(orgs, "orgs", "acme");
}

function addTeams(program: Command): void {
  const teams = addFamily(program, {
    name: "teams",
    description: "teams of organizations, and who belongs to them",
    samples: [
      "megallm teams create search --org acme",
      "megallm teams add-member search ada@example.com",
      "megallm teams show acme/search",
    ],
  });
  teams
    .add("list", "all teams", "megallm teams list --org acme")
    .option("--org <org>", "only this organization's")
    .option("--search <text>", "only those with this in their names")
    .action(async (options) => (await import("./teams.ts")).listTeams(options));
  teams
    .add("create <name>", "make a team", "megallm teams create search --org acme")
    .option("--org <org>", "its organization; not needed where there is one only")
    .option(...modelsOption, several)
    .option("--tag <tags>", "its requests carry these; commas between", several)
    .action(async (name, options) => (await import("./teams.ts")).createTeam(name, options));
  teams
    .add("show <team>", "one team and its members", "megallm teams show acme/search")
    .action(async (team, options) => (await import("./teams.ts")).showTeam(team, options));
  teams
    .add("update <team>", "change a team", "megallm teams update search --models 'fast,openai/*'")
    .option("--name <name>", "another name")
    .option(...modelsOption, several)
    .option("--tag <tags>", "its requests carry these; commas between", several)
    .action(async (team, options) => (await import("./teams.ts")).updateTeam(team, options));
  teams
    .add("block <team>", "refuse the requests of all its keys", "megallm teams block search")
    .action(async (team, options) => (await import("./teams.ts")).blockTeam(team, options));
  teams
    .add("unblock <team>", "let them through again", "megallm teams unblock search")
    .action(async (team, options) => (await import("./teams.ts")).unblockTeam(team, options));
  teams
    .add("delete <team>", "delete a team", "megallm teams delete search --cascade --yes")
    .addOption(cascadeOption())
    .addOption(yesOption())
    .action(async (team, options) => (await import("./teams.ts")).deleteTeam(team, options));
  addMembers(teams, "teams", "search");
}

function addMembers(family: Family, of: MembersOf, sample: string): void {
  const what = of.slice(0, -1);
  family
    .add(`members <${what}>`, "who belongs to it, and as what", `megallm ${of} members ${sample}`)
    .action(async (place, options) =>
      (await import("./members.ts")).listMembers(of, place, options),
    );
  family
    .add(
      `add-member <${what}> <user>`,
      "make somebody a member, or change their role",
      `megallm ${of} add-member ${sample} ada@example.com --role admin`,
    )
    .option("--role <role>", "owner, admin, billing, member or viewer", "member")
    .action(async (place, user, options) =>
      (await import("./members.ts")).addMember(of, [place, user], options),
    );
  family
    .add(
      `remove-member <${what}> <user>`,
      "end a membership",
      `megallm ${of} remove-member ${sample} ada@example.com --yes`,
    )
    .addOption(yesOption())
    .action(async (place, user, options) =>
      (await import("./members.ts")).removeMember(of, [place, user], options),
    );
}

function addUsers(program: Command): void {
  const users = addFamily(program, {
    name: "users",
    description: "people",
    samples: [
      "megallm users create ada@example.com --name Ada",
      "megallm users show ada@example.com",
      "megallm users update ada@example.com --admin",
    ],
  });
  users
    .add("list", "all users", "megallm users list --search ada")
    .option("--search <text>", "only those with this in their names")
    .action(async (options) => (await import("./users.ts")).listUsers(options));
  users
    .add("create <email>", "make a user", "megallm users create ada@example.com --name Ada")
    .option("--name <name>", "what people call them")
    .option("--admin", "may do everything in the gateway")
    .option(...modelsOption, several)
    .action(async (email, options) => (await import("./users.ts")).createUser(email, options));
  users
    .add("show <user>", "one user and their roles", "megallm users show ada@example.com")
    .action(async (user, options) => (await import("./users.ts")).showUser(user, options));
  users
    .add("update <user>", "change a user", "megallm users update ada@example.com --name 'Ada L.'")
    .option("--name <name>", "another name")
    .option("--email <address>", "another address")
    .option("--admin", "may do everything in the gateway")
    .option("--no-admin", "may no longer")
    .option(...modelsOption, several)
    .action(async (user, options) => (await import("./users.ts")).updateUser(user, options));
  users
    .add(
      "block <user>",
      "refuse the requests of all their keys",
      "megallm users block ada@example.com",
    )
    .action(async (user, options) => (await import("./users.ts")).blockUser(user, options));
  users
    .add("unblock <user>", "let them through again", "megallm users unblock ada@example.com")
    .action(async (user, options) => (await import("./users.ts")).unblockUser(user, options));
  users
    .add("delete <user>", "delete a user", "megallm users delete ada@example.com --cascade --yes")
    .addOption(cascadeOption())
    .addOption(yesOption())
    .action(async (user, options) => (await import("./users.ts")).deleteUser(user, options));
}
