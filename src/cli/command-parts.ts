// What commands have in common: options, and the examples below their help.
import { Option } from "commander";

export const configOption = (): Option => new Option("-c, --config <file>", "configuration file");

export const dataDirOption = (): Option =>
  new Option("--data-dir <folder>", "the daemon's folder: ledger, admin key");

export const jsonOption = (): Option => new Option("--json", "print as JSON");

export const examples = (...lines: string[]): string =>
  `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}\n`;

/** Gathers an option that may stand several times. */
export const several = (value: string, values: string[] = []): string[] => [...values, value];
