// Older versions of the configuration file, so that one can go back: numbered, private, so many at most.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { privateFolder, replaceFile } from "../lib/private-file.ts";

const schema = z.object({
  version: z.int().positive(),
  atMs: z.number(),
  /** `file`: it was found so, written by hand. */
  by: z.string(),
  /** What was done, e.g. `provider.update`. */
  action: z.string(),
  hash: z.string(),
  text: z.string(),
});

/** A text that was in force. */
export type ConfigVersion = Readonly<z.infer<typeof schema>>;

export interface Versions {
  /** Newest first. */
  list(): ConfigVersion[];
  get(version: number): ConfigVersion | null;
  /** @throws the system's error */
  add(version: Omit<ConfigVersion, "version">): ConfigVersion;
  remove(version: number): void;
}

/** Versions kept, and their size in all. */
const maxVersions = 50;
const maxBytes = 20 * 1024 * 1024;

export function createVersions(folder: string): Versions {
  const numbers = (): number[] => {
    try {
      return readdirSync(folder)
        .flatMap((name) => {
          const number = /^(\d{6,9})\.json$/.exec(name)?.[1];
          return number === undefined ? [] : [Number(number)];
        })
        .toSorted((one, other) => other - one);
    } catch {
      return [];
    }
  };
  const pathOf = (version: number): string =>
    join(folder, `${String(version).padStart(6, "0")}.json`);
  const get = (version: number): ConfigVersion | null => {
    try {
      const read = schema.safeParse(JSON.parse(readFileSync(pathOf(version), "utf8")));
      return read.success && read.data.version === version ? read.data : null;
    } catch {
      // Not there, or damaged: as good as not there.
      return null;
    }
  };
  const list = (): ConfigVersion[] => numbers().flatMap((version) => get(version) ?? []);
  return {
    list,
    get,
    remove: (version) => rmSync(pathOf(version), { force: true }),
    add(fields) {
      privateFolder(folder);
      const version = { version: (numbers()[0] ?? 0) + 1, ...fields };
      replaceFile(pathOf(version.version), `${JSON.stringify(version)}\n`);
      let bytes = 0;
      for (const [at, kept] of list().entries()) {
        bytes += kept.text.length;
        if (at > 0 && (at >= maxVersions || bytes > maxBytes)) {
          rmSync(pathOf(kept.version), { force: true });
        }
      }
      return version;
    },
  };
}
