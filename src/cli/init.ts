// `megallm init`: a commented configuration from what this machine offers.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { type Found, renderConfig } from "../config/init.ts";
import { schemaText } from "../config/json-schema.ts";
import { configFromObject } from "../config/load.ts";
import { createEgress } from "../egress.ts";
import { probeBy } from "../egress/local-probe.ts";
import { discoverEnvironment, discoverLocal } from "../providers/discover.ts";
import { providers } from "../providers/index.ts";
import { writePrivate } from "./daemon-file.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { print, tell, write } from "./output.ts";

export interface InitOptions {
  output?: string;
  stdout?: boolean;
  force?: boolean;
}

/** @throws ExitError `failed` when the file is there already */
export async function init(options: InitOptions): Promise<void> {
  const path = resolve(options.output ?? defaultPath());
  if (!options.stdout && !options.force && existsSync(path)) {
    throw new ExitError(
      exitCodes.failed,
      `${path} is there already. Replace it with --force, or look at a new one with --stdout.`,
    );
  }
  const environment = ambient();
  const local = await discoverLocal({ fetch: probeBy(createEgress({ env: {} })) });
  const text = renderConfig({ environment, local });
  if (options.stdout) {
    await write(text);
    return;
  }
  writePrivate(path, text);
  writePrivate(join(dirname(path), "megallm.schema.json"), schemaText(providers));
  const names = new Set([...environment, ...local].map((entry) => entry.provider));
  await print(`${path} written, with ${["demo", ...names].join(", ")}.
Start with: megallm${path === defaultPath() ? "" : ` --config ${shellWord(options.output ?? "")}`}`);
}

/**
 * What a gateway without a configuration would take from the environment: keys, and credentials that the clouds' own
 * tools left. A provider that lacks a setting is told of and left out, so that the file passes `check`.
 */
function ambient(): Found["environment"] {
  const { config, warnings } = configFromObject(
    { discover: { environment: true } },
    { env: process.env, presets: providers },
  );
  for (const { message, hint } of warnings) tell(hint ? `${message} — ${hint}` : message);
  const variables = new Map(
    discoverEnvironment(process.env, providers).map(({ provider, variable }) => [
      provider,
      variable,
    ]),
  );
  return config.providers
    .filter(({ preset }) => preset.serve === undefined)
    .map(({ name }) => ({ provider: name, variable: variables.get(name) }));
}

/** Where `serve` looks first. */
function defaultPath(): string {
  const home = process.env["XDG_CONFIG_HOME"];
  const folder = home !== undefined && isAbsolute(home) ? home : join(homedir(), ".config");
  return join(folder, "megallm", "megallm.yaml");
}

/** As a shell takes it for one word. */
const shellWord = (text: string): string =>
  /^[\w./~@%+=:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
