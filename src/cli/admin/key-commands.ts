// `megallm keys`, `budgets` and `limits` in the command table.
import type { Command } from "commander";
import { several } from "../command-parts.ts";
import { addFamily, yesOption } from "./family.ts";

/** Adds the commands; their code is loaded when they are called. */
export function addKeyCommands(program: Command): void {
  addKeys(program);
  addBudgets(program);
  addLimits(program);
}

function addKeys(program: Command): void {
  const keys = addFamily(program, {
    name: "keys",
    description: "virtual keys: what clients present, and what each may do and spend",
    samples: [
      "megallm keys",
      "megallm keys create --name ci --team search --budget 10/day --limit 60rpm",
      "megallm keys show ci",
      "megallm keys rotate ci --grace 24h",
    ],
  });
  keys
    .add(
      "list",
      "all keys",
      "megallm keys list --team search",
      "megallm keys list --json | jq -r '.data[].name'",
    )
    .option("--org <org>", "only this organization's")
    .option("--team <team>", "only this team's")
    .option("--user <user>", "only this user's")
    .option("--blocked", "only those that are blocked")
    .option("--search <text>", "only those with this in their names")
    .action(async (options) => (await import("./keys.ts")).listKeys(options));
  withSettings(
    keys
      .add(
        "create [name]",
        "make a key, with its budget and limits; its secret is shown once",
        "megallm keys create ci --team search --budget 10/day --limit 60rpm --models 'gpt-4o*'",
        "megallm keys create ada --user ada@example.com --limit 2Mtpd,4parallel --expires 90d",
        "megallm keys create bot --json | jq -r .key",
      )
      .option("--name <name>", "the same as the argument")
      .option(
        "--budget <amount>",
        "what it may spend: 10/day, 12.50/hour, 500/month, 100 (for ever)",
      )
      .option(
        "--limit <rate>",
        "what it may ask for: 60rpm, 2Mtpd, 4parallel; several times",
        several,
      ),
  ).action(async (name, options) => (await import("./new-key.ts")).createKey(name, options));
  keys
    .add(
      "show <key>",
      "one key, and all that bounds it",
      "megallm keys show ci",
      "megallm keys show search/ci",
    )
    .action(async (key, options) => (await import("./keys.ts")).showKey(key, options));
  withSettings(
    keys
      .add(
        "update <key>",
        "change a key; what is not named stays",
        "megallm keys update ci --models 'gpt-4o*,claude-*'",
        "megallm keys update ci --models all --expires never",
      )
      .option("--name <name>", "another name"),
  ).action(async (key, options) => (await import("./keys.ts")).updateKey(key, options));
  keys
    .add(
      "rotate <key>",
      "give a key another secret",
      "megallm keys rotate ci --grace 24h",
      "megallm keys rotate ci --yes",
    )
    .option("--grace <time>", "how long the old secret goes on working (default: not at all)")
    .addOption(yesOption())
    .action(async (key, options) => (await import("./new-key.ts")).rotateKey(key, options));
  keys
    .add("block <key>", "refuse its requests until it is unblocked", "megallm keys block ci")
    .action(async (key, options) => (await import("./keys.ts")).blockKey(key, options));
  keys
    .add("unblock <key>", "let its requests through again", "megallm keys unblock ci")
    .action(async (key, options) => (await import("./keys.ts")).unblockKey(key, options));
  keys
    .add("delete <key>", "delete a key for good", "megallm keys delete ci --yes")
    .addOption(yesOption())
    .action(async (key, options) => (await import("./keys.ts")).deleteKey(key, options));
}

/** What a key can be given when it is made, and later. */
const withSettings = (command: Command): Command =>
  command
    .option("--org <org>", "the organization that it belongs to")
    .option("--team <team>", "the team that it belongs to")
    .option("--user <user>", "the user whose it is; without one it is a service key")
    .option(
      "--models <names>",
      "what it may use, with `*`; commas between; `all`: anything",
      several,
    )
    .option("--operations <names>", "what it may ask for, e.g. chat,embeddings", several)
    .option("--expires <when>", "30d, 12h, 2027-01-31, or `never`")
    .option("--tag <tags>", "its requests carry these; commas between", several)
    .option(
      "--ip <addresses>",
      "it works from these alone, e.g. 10.0.0.0/8; `all`: anywhere",
      several,
    )
    .option("--alias <name=model>", "its own name for a model; several times", several)
    .option("--metadata <name=value>", "whatever you want to note; several times", several)
    .option("--policy <policy>", "how its requests are routed")
    .option("--priority <number>", "higher leaves the queue first");

function addBudgets(program: Command): void {
  const budgets = addFamily(program, {
    name: "budgets",
    description: "what may be spent, and how much of it is; a budget cannot be overrun",
    samples: [
      "megallm budgets",
      "megallm budgets create search --amount 500/month --for team:search",
      "megallm budgets update search --amount 800",
    ],
  });
  budgets
    .add(
      "list",
      "all budgets, those of the configuration too",
      "megallm budgets list --for team:search",
    )
    .option("--for <subject>", "only those on this subject, e.g. key:ci")
    .option("--search <text>", "only those with this in their names")
    .action(async (options) => (await import("./budgets.ts")).listBudgets(options));
  withBudgetSettings(
    budgets
      .add(
        "create [name]",
        "make a budget; several --for share one pool",
        "megallm budgets create search --amount 500/month --for team:search --zone Europe/Berlin",
        "megallm budgets create guests --amount 1/day --for gateway --each end_user",
        "megallm budgets create opus --amount 50/week --for org:acme --model '*opus*'",
      )
      .option("--name <name>", "the same as the argument"),
  ).action(async (name, options) => (await import("./budgets.ts")).createBudget(name, options));
  budgets
    .add("show <budget>", "one budget, and who spent what", "megallm budgets show search")
    .action(async (budget, options) => (await import("./budgets.ts")).showBudget(budget, options));
  withBudgetSettings(
    budgets
      .add(
        "update <budget>",
        "change a budget; what is not named stays",
        "megallm budgets update search --amount 800",
        "megallm budgets update search --alert-at 50%,90%",
      )
      .option("--name <name>", "another name"),
  ).action(async (budget, options) => (await import("./budgets.ts")).updateBudget(budget, options));
  budgets
    .add("delete <budget>", "delete a budget", "megallm budgets delete search --yes")
    .addOption(yesOption())
    .action(async (budget, options) =>
      (await import("./budgets.ts")).deleteBudget(budget, options),
    );
}

const withBudgetSettings = (command: Command): Command =>
  command
    .option(
      "--amount <amount>",
      "dollars and how long they last: 10/day, 500/month, 100 (for ever)",
    )
    .option(
      "--for <subject>",
      "gateway, or org:, team:, user:, key:, tag:, end_user:, model: and a name",
      several,
    )
    .option("--model <pattern>", "only requests for these models count, with `*`")
    .option("--each <what>", "the amount is for each end_user or each tag separately")
    .option("--zone <zone>", "the time zone of its calendar, e.g. Europe/Berlin (default: UTC)")
    .option("--rolling", "windows from its making on, instead of the calendar's")
    .option("--alert-at <shares>", "when to tell (default: 80%,100%); `none`: never", several);

function addLimits(program: Command): void {
  const limits = addFamily(program, {
    name: "limits",
    description: "how much may be asked for in a minute, an hour or a day, and at once",
    samples: [
      "megallm limits",
      "megallm limits create 60rpm 100ktpm --for team:search",
      "megallm limits create '2M tokens/day' --for key:ci --model 'openai/*'",
    ],
  });
  limits
    .add("list", "all limits", "megallm limits list --for key:ci")
    .option("--for <subject>", "only those on this subject, e.g. key:ci")
    .action(async (options) => (await import("./limits.ts")).listLimits(options));
  limits
    .add(
      "create <rate...>",
      "make limits, one for each rate",
      "megallm limits create 60rpm --for team:search",
      "megallm limits create '1000 requests/hour' 4parallel --for user:ada@example.com",
    )
    .option(
      "--for <subject>",
      "gateway, or org:, team:, user:, key:, tag:, end_user:, model: and a name",
    )
    .option("--model <pattern>", "only requests for these models count, with `*`")
    .action(async (rates, options) => (await import("./limits.ts")).createLimits(rates, options));
  limits
    .add("show <limit>", "one limit", "megallm limits show limit_0192f0c2…")
    .action(async (limit, options) => (await import("./limits.ts")).showLimit(limit, options));
  limits
    .add("update <limit> <rate>", "change a limit", "megallm limits update limit_0192f0c2… 120rpm")
    .action(async (limit, rate, options) =>
      (await import("./limits.ts")).updateLimit(limit, rate, options),
    );
  limits
    .add("delete <limit>", "delete a limit", "megallm limits delete limit_0192f0c2… --yes")
    .addOption(yesOption())
    .action(async (limit, options) => (await import("./limits.ts")).deleteLimit(limit, options));
}
