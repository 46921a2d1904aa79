// What commands have in common: options, and the examples below their help.
import { type Command, Option } from "commander";

export const configOption = (): Option => new Option("-c, --config <file>", "configuration file");

export const dataDirOption = (): Option =>
  new Option("--data-dir <folder>", "the daemon's folder: ledger, admin key");

export const jsonOption = (): Option => new Option("--json", "print as JSON");

export const examples = (...lines: string[]): string =>
  `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}\n`;

/** A command in the list of its siblings: what it takes, without the options that all have. */
export const subcommandTerm = (command: Command): string =>
  [
    command.name(),
    ...command.registeredArguments.map((each) => {
      const name = `${each.name()}${each.variadic ? "..." : ""}`;
      return each.required ? `<${name}>` : `[${name}]`;
    }),
  ].join(" ");

/** Gathers an option that may stand several times. */
export const several = (value: string, values: string[] = []): string[] => [...values, value];
