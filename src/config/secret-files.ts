// Secrets that were entered over HTTP: each in a file of its own, which the configuration refers to.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { randomSecret } from "../lib/id.ts";
import type { Path } from "../lib/json.ts";
import { privateFolder, replaceFile } from "../lib/private-file.ts";

export interface SecretFiles {
  /** Keeps a secret (0600) and gives the reference to write in its place. @throws the system's error */
  add(path: Path, secret: string): { reference: string; file: string };
  /** Removes secrets that came to nothing. */
  discard(files: readonly string[]): void;
  /** Removes every secret that none of these texts refers to. */
  sweep(texts: readonly string[]): void;
}

export function createSecretFiles(folder: string): SecretFiles {
  const discard = (files: readonly string[]): void => {
    for (const file of files) rmSync(file, { force: true });
  };
  return {
    add(path, secret) {
      privateFolder(folder);
      // A name of its own each time: older versions of the configuration go on meaning what they meant.
      const file = join(folder, `${nameOf(path)}-${randomSecret(6)}`);
      replaceFile(file, secret);
      return { reference: `\${file:${file}}`, file };
    },
    discard,
    sweep(texts) {
      try {
        const files = readdirSync(folder).map((name) => join(folder, name));
        discard(files.filter((file) => !texts.some((text) => text.includes(file))));
      } catch {
        // There are none, or they stay a little longer: the next change looks again.
      }
    },
  };
}

/** @example nameOf(["providers", "openai", "api_key"]) // → "providers-openai-api_key" */
const nameOf = (path: Path): string =>
  path
    .join("-")
    .replaceAll(/[^A-Za-z0-9_-]/g, "_")
    .slice(0, 80);
