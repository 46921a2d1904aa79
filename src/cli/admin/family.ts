// A family of commands, such as `megallm keys …`: alike in options, help and manners.
import { type Command, Option } from "commander";
import { configOption, dataDirOption, examples, jsonOption } from "../command-parts.ts";

export interface Family {
  /** Adds a command; `usage` is its name and arguments. The one that lists is what the bare name does. */
  add(usage: string, description: string, ...samples: string[]): Command;
}

export function addFamily(
  program: Command,
  { name, description, samples }: { name: string; description: string; samples: string[] },
): Family {
  const family = program
    .command(name)
    .description(description)
    .helpCommand("help [command]", "show help for a command")
    .addHelpText(
      "after",
      `
The running daemon is asked. With --url it is another gateway, opened by the admin key in
MEGALLM_ADMIN_KEY. Resources go by name or id; --json prints what the gateway answers.
${examples(...samples)}`,
    );
  return {
    add: (usage, text, ...lines) =>
      addAdminCommand(family, usage, { isDefault: usage === "list" })
        .description(text)
        .addHelpText("after", examples(...lines)),
  };
}

/** A command with the options that all of these have. */
export const addAdminCommand = (
  parent: Command,
  usage: string,
  settings: { isDefault?: boolean } = {},
): Command =>
  parent
    .command(usage, settings)
    .addOption(new Option("--url <address>", "a gateway other than the one on this machine"))
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(jsonOption());

/** For what cannot be undone. */
export const yesOption = (): Option => new Option("-y, --yes", "do not ask");

export const cascadeOption = (): Option =>
  new Option("--cascade", "together with all that belongs to it");
