// Writes the generated references, or with `--check` tells which of them are stale.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describeConfig } from "../src/config/describe.ts";
import { schemaText } from "../src/config/json-schema.ts";
import { renderParameters } from "../src/providers/describe-quirks.ts";
import { renderProviders } from "../src/providers/describe.ts";
import { providers } from "../src/providers/index.ts";
import { renderFidelity } from "./fidelity/render.ts";
import { renderMigration } from "./migration.ts";

/** A file that is made from the code. */
interface Generated {
  /** From the repository's root. */
  path: string;
  render(): string | Promise<string>;
}

const files: readonly Generated[] = [
  { path: "schema/megallm.schema.json", render: () => schemaText(providers) },
  { path: "docs/configuration.md", render: () => describeConfig(providers) },
  { path: "docs/providers.md", render: () => renderProviders(providers) },
  { path: "docs/parameters.md", render: () => renderParameters(providers) },
  { path: "docs/fidelity.md", render: () => renderFidelity() },
  { path: "docs/migration.md", render: () => renderMigration() },
];

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
let stale = 0;

for (const file of files) {
  const text = await file.render();
  const before = await readFile(`${root}${file.path}`, "utf8").catch(() => undefined);
  if (before === text) continue;
  if (check) {
    stale += 1;
    console.error(`${file.path} is stale: run \`bun run generate\``);
  } else {
    await writeFile(`${root}${file.path}`, text);
    console.log(`wrote ${file.path}`);
  }
}
if (stale > 0) process.exit(1);
