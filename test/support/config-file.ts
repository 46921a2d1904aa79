// A configuration file in a folder of its own, with the editor that a gateway would have.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConfigEditor, createConfigEditor } from "../../src/config/editor.ts";
import { type ConfigFile, createConfigFile } from "../../src/config/file.ts";
import type { LoadedConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problems.ts";
import { providers } from "../../src/providers/index.ts";

export interface EditedFile {
  readonly editor: ConfigEditor;
  readonly file: ConfigFile;
  readonly path: string;
  readonly dataDir: string;
  running(): LoadedConfig;
  /** What stands in the file. */
  text(): string;
  write(text: string): void;
  /** Told before each reload; what it returns are problems that make it refuse. */
  onReload: (() => string[]) | null;
  remove(): void;
}

export function editFile(
  text: string | null,
  { env = {}, name = "megallm.yaml" }: { env?: Record<string, string>; name?: string } = {},
): EditedFile {
  const folder = mkdtempSync(join(tmpdir(), "megallm-editor-"));
  const dataDir = join(folder, "data");
  mkdirSync(dataDir, { mode: 0o700 });
  const path = text === null ? join(dataDir, "megallm.yaml") : join(folder, name);
  if (text !== null) writeFileSync(path, text);
  const options = { env, presets: providers };
  const file = createConfigFile(options, { path: text === null ? null : path, dataDir });
  let running = file.load();
  const edited: EditedFile = {
    file,
    path,
    dataDir,
    running: () => running,
    text: () => readFileSync(path, "utf8"),
    write: (next) => writeFileSync(path, next),
    onReload: null,
    remove: () => rmSync(folder, { recursive: true, force: true }),
    editor: createConfigEditor({
      file,
      dataDir,
      running: () => running,
      async reload() {
        const problems = edited.onReload?.() ?? [];
        if (problems.length > 0) return { applied: false, problems };
        try {
          running = file.load();
          return { applied: true, problems: [] };
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          return { applied: false, problems: error.problems.map(({ message }) => message) };
        }
      },
    }),
  };
  return edited;
}
