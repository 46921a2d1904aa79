// `megallm init`: a commented configuration from what this machine offers.
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { renderConfig } from "../config/init.ts";
import { schemaText } from "../config/json-schema.ts";
import { createEgress } from "../egress.ts";
import { probeBy } from "../gateway.ts";
import { discoverEnvironment, discoverLocal } from "../providers/discover.ts";
import { providers } from "../providers/index.ts";
import { writePrivate } from "./daemon-file.ts";
import { ExitError, exitCodes } from "./exit.ts";

export interface InitOptions {
  output?: string;
  stdout?: boolean;
  force?: boolean;
}

export async function init(options: InitOptions): Promise<void> {
  const environment = discoverEnvironment(process.env, providers);
  const local = await discoverLocal({ fetch: probeBy(createEgress({ env: {} })) });
  const text = renderConfig({ environment, local });
  if (options.stdout) {
    process.stdout.write(text);
    return;
  }
  const home = process.env["XDG_CONFIG_HOME"] || join(homedir(), ".config");
  const path = resolve(options.output ?? join(home, "megallm", "megallm.yaml"));
  if (existsSync(path) && !options.force) {
    throw new ExitError(exitCodes.failed, `${path} is there already; replace it with --force.`);
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writePrivate(path, text);
  writePrivate(join(dirname(path), "megallm.schema.json"), schemaText(providers));
  const names = [...environment.map((entry) => entry.provider), ...local.map((entry) => entry.provider)];
  console.log(`${path} written${names.length > 0 ? ` with ${names.join(", ")}` : ""}.`);
  console.log(
    options.output ? `Start with: megallm --config ${options.output}` : "Start with: megallm",
  );
}
