// From a file, text or object to a checked configuration, or to every problem at once.
import { createHash } from "node:crypto";
import { isUtf8 } from "node:buffer";
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { type FileMarks, fileMark } from "../lib/file-mark.ts";
import type { Path } from "../lib/json.ts";
import { isObject } from "../lib/json.ts";
import type { Provider } from "../providers/provider.ts";
import type { Finding } from "./check.ts";
import { check, parsedOnce, valueAt } from "./check.ts";
import type { Config, LogLevel } from "./config.ts";
import type { Place, Range } from "./document.ts";
import { copyPlain, parseText, placeKey } from "./document.ts";
import { createExcerpts } from "./excerpt.ts";
import type { Interpolation } from "./interpolate.ts";
import { interpolate } from "./interpolate.ts";
import type { SchemaNode } from "./json-schema.ts";
import { inputSchema, isScalarNode, nodesAt } from "./json-schema.ts";
import type { Problem } from "./problems.ts";
import { ConfigError, formatPath, plainProblem } from "./problems.ts";
import { resolveConfig } from "./resolve.ts";
import type { ConfigInput, ConfigSchema, ParsedConfig } from "./schema.ts";
import { createSchema } from "./schema.ts";

/** What the command line may override. */
export interface Overrides {
  host?: string;
  port?: number;
  dataDir?: string;
  logLevel?: LogLevel;
}

export interface LoadOptions {
  env: Readonly<Record<string, string | undefined>>;
  presets: readonly Provider[];
  overrides?: Overrides;
}

export interface LoadedConfig {
  config: Config;
  /** The file, absolute; null for the built-in configuration, for text and for objects. */
  path: string | null;
  /** The file and every secret file it includes. */
  watched: FileMarks;
  warnings: Problem[];
  /** What was written, before anything was put in. */
  written: unknown;
  /** Short hash of the text and of everything put into it: a reload that changes anything changes it. */
  generation: string;
}

const maxFileBytes = 5 * 1024 * 1024;

/**
 * Loads a file, or the built-in configuration when there is no `path`.
 * @throws ConfigError with every problem, also when the file cannot be read.
 */
export function loadConfig(source: LoadOptions & { path?: string }): LoadedConfig {
  if (source.path === undefined) return defaultConfig(source.env, source.presets, source.overrides);
  const path = resolve(source.path);
  const mark = fileMark(path);
  const text = readConfigFile(path, source.path, mark);
  return build(text, { ...source, file: source.path, path, mark });
}

/**
 * Checks configuration text (YAML or JSON).
 * @param options.file how problems name it; `megallm.yaml` when absent.
 * @throws ConfigError
 */
export const parseConfig = (text: string, options: LoadOptions & { file?: string }): LoadedConfig =>
  build(text, { ...options, file: options.file ?? "megallm.yaml", path: null });

/** Checks a text as if it stood in the file at `path`; null: in no file. @throws ConfigError */
export const loadText = (
  text: string,
  { path, ...options }: LoadOptions & { path: string | null },
): LoadedConfig =>
  build(text, { ...options, file: path === null ? "megallm.yaml" : basename(path), path });

/**
 * Checks a configuration given as an object, in the same words as the file.
 * Objects from elsewhere (a parsed text) may be anything: they are checked like a file.
 * @throws ConfigError
 */
export const configFromObject = (
  object: ConfigInput | Record<string, unknown>,
  options: LoadOptions,
): LoadedConfig => build(object, { ...options, file: "config", path: null });

/** What runs without a configuration file: whatever the environment and this machine offer. @throws ConfigError */
export const defaultConfig = (
  env: LoadOptions["env"],
  presets: readonly Provider[],
  overrides?: Overrides,
): LoadedConfig =>
  build(
    { discover: { environment: true, local: true } },
    { env, presets, file: "built-in configuration", path: null, ...(overrides && { overrides }) },
  );

interface Source extends LoadOptions {
  file: string;
  path: string | null;
  /** Of the file at `path`, from before it was read. */
  mark?: string;
}

function readConfigFile(path: string, file: string, mark: string): string {
  const refuse = (message: string, hint?: string): ConfigError =>
    new ConfigError([plainProblem(file, message, hint)], new Map([[path, mark]]));
  let bytes: Buffer;
  try {
    // Looked at before it is opened: opening a pipe or a device could block.
    const stats = statSync(path);
    if (stats.isDirectory()) throw refuse("this is a folder", "name the file in it");
    if (!stats.isFile()) throw refuse("this is not a regular file");
    if (stats.size > maxFileBytes) throw refuse("the file is larger than 5 MB");
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw code === "ENOENT"
      ? refuse("the file does not exist", "`megallm init` writes one")
      : refuse(`the file cannot be read (${code})`, "let the gateway's user read it");
  }
  if (!isUtf8(bytes)) throw refuse("the file is not UTF-8 text", "save it as UTF-8");
  return bytes.toString("utf8");
}

/** More than these nobody reads; a file of nonsense has thousands. */
const maxProblems = 100;

/** Everything but reading the file. */
function build(input: string | object, source: Source): LoadedConfig {
  const text = typeof input === "string" ? input.replace(/^\uFEFF/, "") : "";
  const document =
    typeof input === "string"
      ? parseText(text)
      : { value: copyPlain(input), places: new Map<string, Place>(), faults: [] };
  // Only problems need it, and making it takes as long as all the rest.
  let made: SchemaNode | undefined;
  const tree = (): SchemaNode => (made ??= inputSchema(source.presets));
  const files = new Map<string, string>();
  if (source.path !== null) files.set(source.path, source.mark ?? "");
  const report = (located: readonly Located[]): Problem[] =>
    toProblems(located, source.file, text, document.places, tree);
  const faults: Located[] = document.faults;

  if (!isObject(document.value)) {
    const problems = faults.length > 0 ? report(faults) : [notAMap(source.file, document.value)];
    throw new ConfigError(problems, files);
  }

  const hash = createHash("sha256").update(text === "" ? JSON.stringify(document.value) : text);
  const interpolation: Interpolation = {
    env: source.env,
    directory: source.path === null ? null : dirname(source.path),
    files,
  };
  const findings: Finding[] = [];
  const warnings: Finding[] = [];
  const unresolved = new Set<string>();
  const value = fillEmptySections(
    interpolateTree(document.value, [], interpolation, (path, fault) => {
      unresolved.add(placeKey(path));
      findings.push({ path, at: "value", ...fault });
    }),
  );
  hash.update(JSON.stringify(value));

  const { overrides = {} } = source;
  hash.update(JSON.stringify(overrides));
  const schema = createSchema(source.presets);
  const checked = check(value, document.value, schema, tree, unresolved);
  findings.push(...checked.findings);
  const config =
    checked.parsed &&
    resolveConfig(applyOverrides(checked.parsed, overrides, schema), {
      env: source.env,
      presets: source.presets,
      path: source.path,
      hostSetting: overrides.host === undefined ? "server.host" : "--host",
      value,
      // What follows from a problem that is already reported is not worth a second one.
      isKnown: entriesOf([...findings, ...faults]),
      hash: (part) => hash.update(`\0${part}`),
      problem: (finding) => findings.push(finding),
      warning: (finding) => warnings.push(finding),
    });
  const locate = (finding: Finding): Located => toLocated(finding, document.places, document.value);
  if (findings.length > 0 || faults.length > 0 || config === undefined) {
    throw new ConfigError(report([...faults, ...findings.map(locate)]), files);
  }
  return {
    config,
    path: source.path,
    watched: files,
    written: document.value,
    warnings: report(warnings.map(locate)),
    generation: hash.digest("hex").slice(0, 12),
  };
}

/** A finding with its place in the text, if it has one. */
interface Located {
  path: Path;
  message: string;
  hint?: string;
  range?: Range;
}

function notAMap(file: string, value: unknown): Problem {
  return value === null || value === undefined
    ? plainProblem(file, "the file is empty", "`megallm init` writes one to start from")
    : plainProblem(
        file,
        "the configuration must be a map of sections",
        "begin with `providers:`, see `megallm init`",
      );
}

/** In the order of the text, with lines and excerpts. */
function toProblems(
  located: readonly Located[],
  file: string,
  text: string,
  places: ReadonlyMap<string, Place>,
  tree: () => SchemaNode,
): Problem[] {
  const isPublic = (path: Path): boolean => {
    const nodes = nodesAt(tree(), path);
    return nodes.some(isScalarNode) && nodes.every((node) => node.secret !== true);
  };
  const isMisplaced = (path: Path): boolean =>
    nodesAt(tree(), path).length === 0 &&
    path.some((_, length) => nodesAt(tree(), path.slice(0, length)).some(({ secret }) => secret));
  const sorted = located.toSorted(
    (left, right) => (left.range?.start ?? 0) - (right.range?.start ?? 0),
  );
  const excerpts =
    text === "" || sorted.length === 0
      ? undefined
      : createExcerpts(text, places.values(), { isPublic, isMisplaced });
  const problems = sorted.slice(0, maxProblems).map(({ path, message, hint, range }): Problem => {
    const problem = plainProblem(file, message, hint, path);
    return range === undefined ? problem : Object.assign({}, problem, excerpts?.(range));
  });
  const left = sorted.length - problems.length;
  if (left > 0) problems.push(plainProblem(file, `and ${left} more`));
  return problems;
}

function toLocated(
  { path, at, message, hint }: Finding,
  places: ReadonlyMap<string, Place>,
  root: unknown,
): Located {
  let end = path.length;
  while (end > 0 && !places.has(placeKey(path.slice(0, end)))) end -= 1;
  const found = places.get(placeKey(path.slice(0, end)));
  const atKey = at === "key" || end < path.length - 1 || found?.scalar === false;
  const range = atKey ? (found?.key ?? found?.value) : found?.value;
  return {
    // A deployment may be a string where the finding speaks of its `model`.
    path: at === "value" ? shorten(path, root) : path,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(range === undefined ? {} : { range }),
  };
}

function shorten(path: Path, root: unknown): Path {
  const parent = path.slice(0, -1);
  return valueAt(root, path) === undefined && typeof valueAt(root, parent) === "string"
    ? parent
    : path;
}

function interpolateTree(
  value: unknown,
  path: Path,
  interpolation: Interpolation,
  report: (path: Path, fault: { message: string; hint: string }) => void,
): unknown {
  if (typeof value === "string") {
    const { text, faults } = interpolate(value, interpolation);
    for (const fault of faults) report(path, fault);
    return text ?? value;
  }
  if (Array.isArray(value)) {
    return value.map((item, index) =>
      interpolateTree(item, [...path, index], interpolation, report),
    );
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      interpolateTree(item, [...path, key], interpolation, report),
    ]),
  );
}

/** `providers:` with every entry commented out is null in YAML and means the empty section. */
function fillEmptySections(value: unknown): unknown {
  if (!isObject(value)) return value;
  const sections = Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      item === null && key !== "data_dir" ? {} : item,
    ]),
  );
  const providers = sections["providers"];
  if (isObject(providers)) {
    sections["providers"] = Object.fromEntries(
      Object.entries(providers).map(([name, entry]) => [name, entry ?? {}]),
    );
  }
  return sections;
}

/**
 * Tells whether a problem is reported already: one of a whole entry (`providers.openai`, `models.gpt-4` ...) by
 * anything wrong inside it, one of a single field only by the same place.
 */
function entriesOf(findings: readonly { path: Path }[]): (path: Path) => boolean {
  const entries = new Set(findings.map(({ path }) => placeKey(path.slice(0, 2))));
  const places = new Set(findings.map(({ path }) => placeKey(path)));
  return (path) => (path.length <= 2 ? entries.has(placeKey(path)) : places.has(placeKey(path)));
}

/** The file that problems of {@link Overrides} name. */
export const commandLine = "command line";

const optionOf: Readonly<Record<string, string>> = {
  "server.host": "--host",
  "server.port": "--port",
  data_dir: "--data-dir",
  "log.level": "--log-level",
};

/** The command line goes before the file; it is checked by the same schema. */
function applyOverrides(
  parsed: ParsedConfig,
  overrides: Overrides,
  schema: ConfigSchema,
): ParsedConfig {
  if (Object.values(overrides).every((value) => value === undefined)) return parsed;
  const given = {
    server: {
      ...(overrides.host === undefined ? {} : { host: overrides.host }),
      ...(overrides.port === undefined ? {} : { port: overrides.port }),
    },
    ...(overrides.dataDir === undefined ? {} : { data_dir: resolve(overrides.dataDir) }),
    log: overrides.logLevel === undefined ? {} : { level: overrides.logLevel },
  };
  const checked = schema.safeParse(given, parsedOnce);
  if (!checked.success) {
    throw new ConfigError(
      checked.error.issues.map((issue) => {
        const path = formatPath(issue.path as Path);
        return plainProblem(commandLine, `${optionOf[path] ?? path}: ${issue.message}`);
      }),
    );
  }
  const { server, data_dir: dataDir, log } = checked.data;
  return {
    ...parsed,
    server: {
      ...parsed.server,
      ...(overrides.host === undefined ? {} : { host: server.host }),
      ...(overrides.port === undefined ? {} : { port: server.port }),
    },
    ...(dataDir === undefined ? {} : { data_dir: dataDir }),
    log: overrides.logLevel === undefined ? parsed.log : { ...parsed.log, level: log.level },
  };
}
