// Changing the configuration file while the gateway runs: checked, guarded, written at once, reloaded, or undone.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import type { Path } from "../lib/json.ts";
import { replaceFile } from "../lib/private-file.ts";
import { guardChange, isCredential } from "./change-guard.ts";
import { type Difference, differencesOf } from "./differences.ts";
import { parseText, placeKey } from "./document.ts";
import { type Edit, spliceText, type TextFormat } from "./edit.ts";
import { builtInText, type ConfigFile } from "./file.ts";
import type { LoadedConfig, Overrides } from "./load.ts";
import { ConfigError, formatProblem, type Problem } from "./problems.ts";
import { createSecretFiles } from "./secret-files.ts";
import { restoreComments, shownText, unmaskText } from "./shown-text.ts";
import { type ConfigVersion, createVersions } from "./versions.ts";
import { hasReference, leavesOf, type Places, readAt, secretPlaces } from "./written.ts";

export interface EditorParts {
  readonly file: ConfigFile;
  /** Folder of the older versions and of the secrets. */
  readonly dataDir: string;
  /** What is in force. */
  running(): LoadedConfig;
  /** Takes the file over; what is refused leaves everything as it was. */
  reload(): Promise<{ applied: boolean; problems: string[] }>;
}

/** What stands in the file. */
export interface CurrentText {
  /** Null: there is no file, and the text is what one would begin with. */
  readonly path: string | null;
  readonly text: string;
  /** Of the text. Whoever names it changes this text and no other. */
  readonly hash: string;
  /** As written, nothing put in; what is in force where the text is no YAML. */
  readonly value: unknown;
  readonly format: TextFormat;
  readonly isBroken: boolean;
}

export interface ChangeOrder {
  /** The text must be this one. */
  readonly expected: string | undefined;
  /** Who, and what: for the list of versions. */
  readonly by: string;
  readonly action: string;
  /** The new text. What is not typed must stand in the current one at the same place. */
  make(current: CurrentText): { text: string; isTyped(path: Path): boolean };
  /** Puts the change on record; a failure undoes it. */
  record(done: Changed): Promise<void>;
}

export interface Changed {
  readonly hash: string;
  /** Absolute. */
  readonly path: string;
  /** There was no file before. */
  readonly created: boolean;
  /** Null: nothing changed. */
  readonly version: number | null;
  readonly differences: readonly Difference[];
  readonly warnings: readonly string[];
}

export interface ConfigEditor {
  readonly places: Places;
  /** What the command line says in the place of the file. */
  readonly overrides: Overrides;
  current(): CurrentText;
  /** The text of the file with its secrets masked. */
  shown(text: string): string;
  /** A masked text made whole, and what is wrong with it. @throws GatewayError `invalid_request` for a foreign mask */
  check(text: string): {
    problems: readonly Problem[];
    warnings: readonly Problem[];
    value: unknown;
  };
  /** @throws GatewayError `precondition_failed`, `conflict`, `forbidden`, `invalid_request` (422: it has problems) */
  change(order: ChangeOrder): Promise<Changed>;
  /** The text of a caller who saw {@link ConfigEditor.shown}, as an order's `make`. */
  whole(text: string): ChangeOrder["make"];
  /** Newest first. */
  versions(): ConfigVersion[];
  version(number: number): ConfigVersion | null;
  /** As {@link ConfigEditor.change}. @throws GatewayError `not_found` */
  rollback(number: number, order: Omit<ChangeOrder, "make">): Promise<Changed>;
}

const hashOf = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, 32);

/** One at a time, whoever asks. */
export function createConfigEditor({ file, dataDir, running, reload }: EditorParts): ConfigEditor {
  const { presets, env } = file.options;
  const places = secretPlaces(presets);
  const versions = createVersions(join(dataDir, "config-history"));
  const secrets = createSecretFiles(join(dataDir, "secrets"));
  let turn: Promise<unknown> = Promise.resolve();

  const current = (): CurrentText => {
    const text = file.path === null ? builtInText : readText(file.path);
    const { value, faults } = parseText(text);
    const isBroken = faults.length > 0;
    return {
      path: file.path,
      text,
      hash: hashOf(text),
      value: isBroken ? running().written : value,
      format: file.path?.endsWith(".json") ? "json" : "yaml",
      isBroken,
    };
  };

  const checked = (text: string): LoadedConfig => {
    try {
      return file.check(text);
    } catch (error) {
      throw error instanceof ConfigError ? refused(error.problems.map(formatProblem)) : error;
    }
  };

  /** Typed secrets go into files of their own, and references to those into the text. */
  const putAway = (
    text: string,
    before: unknown,
    { format, isTyped }: { format: TextFormat; isTyped(path: Path): boolean },
  ): { text: string; files: string[] } => {
    const files: string[] = [];
    const edits: Edit[] = [];
    for (const leaf of secretLeaves(parseText(text).value, places)) {
      const written = typeof leaf.value === "string" ? leaf.value : JSON.stringify(leaf.value);
      if (!isTyped(leaf.path) || hasReference(written) || written === "") continue;
      if (Bun.deepEquals(readAt(before, leaf.path), leaf.value)) continue;
      const { reference, file: made } = secrets.add(leaf.path, written.replaceAll("$${", "${"));
      files.push(made);
      edits.push({ path: leaf.path, value: reference });
    }
    return { text: spliceText(text, edits, format), files };
  };

  const apply = async (
    order: Omit<ChangeOrder, "make">,
    make: ChangeOrder["make"],
    isGuarded: boolean,
  ): Promise<Changed> => {
    const before = current();
    const target = file.path ?? file.fresh;
    if (target === null) throw noFile();
    if (order.expected !== undefined && order.expected !== before.hash) throw outrun(before.hash);
    const made = make(before);
    const { value, faults } = parseText(made.text);
    const isTyped = (path: Path): boolean => made.isTyped(path);
    if (faults.length === 0 && isGuarded) {
      guardChange({ before: before.value, after: value, isTyped }, { places, presets, env });
    }
    checked(made.text);
    const differences = differencesOf(before.value, value, places);
    const same = { hash: before.hash, path: target, created: false, version: null };
    if (made.text === before.text && file.path !== null) {
      return { ...same, differences: [], warnings: warningsOf(running()) };
    }

    const undo: (() => void)[] = [];
    try {
      const put = isGuarded
        ? putAway(made.text, before.value, { format: before.format, isTyped })
        : { text: made.text, files: [] };
      undo.push(() => secrets.discard(put.files));
      const found = versions.list()[0];
      const fromHand = { atMs: now(), by: "file", action: "config.found" };
      if (found?.hash !== before.hash && file.path !== null) {
        versions.add({ ...fromHand, hash: before.hash, text: before.text });
      }
      // Looked at again right before it is replaced: an editor may have saved it in the meantime.
      const isFresh = file.path === null;
      if (isFresh && existsSync(target)) throw appeared(target);
      if (!isFresh && hashOf(readText(target)) !== before.hash) {
        throw outrun(hashOf(readText(target)));
      }
      replaceFile(target, put.text);
      file.use(target);
      undo.push(() => {
        if (isFresh) rmSync(target, { force: true });
        else replaceFile(target, before.text);
        if (isFresh) file.use(null);
      });
      const outcome = await reload();
      if (!outcome.applied) throw refused(outcome.problems);
      const hash = hashOf(put.text);
      const { by, action } = order;
      const kept = versions.add({ atMs: now(), by, action, hash, text: put.text });
      undo.push(() => versions.remove(kept.version));
      const done = {
        hash,
        path: target,
        created: isFresh,
        version: kept.version,
        differences,
        warnings: warningsOf(running()),
      };
      await order.record(done);
      secrets.sweep([put.text, ...versions.list().map(({ text }) => text)]);
      return done;
    } catch (error) {
      const wasWritten = undo.length > 1;
      for (const step of undo.toReversed()) step();
      if (wasWritten) await reload();
      throw explained(error, target);
    }
  };

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = turn.then(work, work);
    turn = next.catch(() => undefined);
    return next;
  };

  const whole =
    (text: string): ChangeOrder["make"] =>
    (before) => {
      const { format } = before;
      const made = unmaskText(text, before.text, { places, format });
      const restored = restoreComments(made.text, before.text, places);
      return { text: restored, isTyped: (path) => !made.kept.has(placeKey(path)) };
    };

  return {
    places,
    overrides: file.options.overrides ?? {},
    current,
    shown: (text) => shownText(text, places),
    whole,
    check(text) {
      const made = whole(text)(current()).text;
      const { value } = parseText(made);
      try {
        return { problems: [], warnings: file.check(made).warnings, value };
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        return { problems: error.problems, warnings: [], value };
      }
    },
    change: (order) => inTurn(() => apply(order, (before) => order.make(before), true)),
    versions: () => versions.list(),
    version: (number) => versions.get(number),
    rollback: (number, order) =>
      inTurn(() => {
        const found = versions.get(number);
        if (!found) throw new GatewayError("not_found", "There is no version with this number.");
        return apply(order, () => ({ text: found.text, isTyped: () => false }), false);
      }),
  };
}

/** Secrets, a map that is one as a whole. */
function secretLeaves(value: unknown, places: Places): { path: Path; value: unknown }[] {
  const found = new Map<string, { path: Path; value: unknown }>();
  for (const leaf of leavesOf(value)) {
    if (!isCredential(leaf, places)) continue;
    let path = leaf.path;
    // A credentials file that was given as a map.
    while (path.length > 1 && isWholeSecret(path.slice(0, -1), places)) path = path.slice(0, -1);
    found.set(placeKey(path), { path, value: readAt(value, path) });
  }
  return [...found.values()];
}

/** Whatever stood below this place would be secret. */
const isWholeSecret = (path: Path, places: Places): boolean => places.isSecret([...path, "\0"]);

const warningsOf = (loaded: LoadedConfig): string[] => loaded.warnings.map(formatProblem);

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    throw explained(error, path);
  }
}

const refused = (problems: readonly string[]): GatewayError =>
  new GatewayError(
    "invalid_request",
    `The configuration is not taken over: ${problems.slice(0, 10).join("\n").slice(0, 4_000)}`,
    { status: 422 },
  );

const outrun = (hash: string): GatewayError =>
  new GatewayError(
    "precondition_failed",
    `The configuration was changed by somebody else: it is now "${hash}". Read it again.`,
  );

const appeared = (path: string): GatewayError =>
  new GatewayError(
    "conflict",
    `\`${basename(path)}\` has appeared in the data folder since the gateway started. Restart the gateway to use it.`,
  );

const noFile = (): GatewayError =>
  new GatewayError(
    "conflict",
    "This gateway was given its configuration by a program, not by a file: change it there.",
  );

/** Failures of the file system as what can be done about them. */
function explained(error: unknown, path: string): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (error instanceof GatewayError || code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  const hints: Readonly<Record<string, string>> = {
    EACCES: "let the gateway's user write the file and its folder",
    EPERM: "let the gateway's user write the file and its folder",
    EROFS: "it is on a read-only file system: change it where it comes from",
    EBUSY: "it is mounted as a single file: mount its folder instead",
    ENOSPC: "the disk is full",
    ENOENT: "it is gone: put it back, or restart the gateway without it",
  };
  return new GatewayError(
    "conflict",
    `\`${basename(path)}\` cannot be read or written (${code}): ${hints[code] ?? "see the gateway's log"}.`,
    { cause: error },
  );
}
