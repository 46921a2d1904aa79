// Every gateway that configurations come from, by the word for it on the command line.
import { claudeCodeRouter } from "./claude-code-router.ts";
import type { Importer } from "./importer.ts";
import { litellm } from "./litellm.ts";
import { newApi } from "./new-api.ts";
import { openrouter } from "./openrouter.ts";
import { portkey } from "./portkey.ts";

export const importers: Readonly<Record<string, Importer>> = {
  litellm,
  openrouter,
  portkey,
  "claude-code-router": claudeCodeRouter,
  "new-api": newApi,
};
