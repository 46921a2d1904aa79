// `megallm audit`, `alerts` and `cache` in the command table.
import type { Command } from "commander";
import { examples } from "../command-parts.ts";
import { addAdminCommand, addFamily, yesOption } from "./family.ts";

/** Adds the commands; their code is loaded when they are called. */
export function addRecordCommands(program: Command): void {
  const audit = addFamily(program, {
    name: "audit",
    description: "who changed what, and proof that nobody touched the record",
    samples: ["megallm audit --since 7d", "megallm audit verify"],
  });
  audit
    .add(
      "list",
      "changes, newest first",
      "megallm audit list --since 7d --actor admin",
      "megallm audit list --action key.update --json",
    )
    .option("--since <time>", "how far back: 90m, 24h, 7d, 2w or a date such as 2026-01-31")
    .option("--actor <actor>", "only by this one, e.g. admin or user:user_0192f0c2…")
    .option("--action <action>", "only this, e.g. key.update")
    .option("--subject <id>", "only of this resource")
    .option("--limit <rows>", "at most so many", "50")
    .action(async (options) => (await import("./audit.ts")).listAudit(options));
  audit
    .add(
      "verify",
      "check that no row was edited, deleted or added; exit code 1 names the first",
      "megallm audit verify",
    )
    .action(async (options) => (await import("./audit.ts")).verifyAudit(options));

  const cache = addFamily(program, {
    name: "cache",
    description: "answers that are given again: how many there are, and what they saved",
    samples: ["megallm cache stats --since 7d", "megallm cache clear --model fast --yes"],
  });
  cache
    .add(
      "stats",
      "what it holds, how often it answered, and what that saved",
      "megallm cache stats",
    )
    .option("--since <time>", "how far back: 90m, 24h, 7d, 2w or a date such as 2026-01-31", "30d")
    .action(async (options) => (await import("./cache.ts")).cacheStats(options));
  cache
    .add("clear", "forget all answers, or those of one model", "megallm cache clear --yes")
    .option("--model <name>", "only of this model, as clients ask for it")
    .addOption(yesOption())
    .action(async (options) => (await import("./cache.ts")).clearCache(options));

  addAdminCommand(program, "alerts")
    .description("what was told of budgets: nearly spent, or a request refused")
    .option("--since <time>", "how far back: 90m, 24h, 7d, 2w or a date such as 2026-01-31", "30d")
    .addHelpText("after", examples("megallm alerts", "megallm alerts --since 24h --json"))
    .action(async (options) => (await import("./alerts.ts")).listAlerts(options));
}
