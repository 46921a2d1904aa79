// One import from text to text: read, carried over, reported, written, checked.
import type { Problem } from "../config/problems.ts";
import { placeKey } from "../config/document.ts";
import { valueAt } from "../config/check.ts";
import { isObject, type Path } from "../lib/json.ts";
import type { Provider } from "../providers/provider.ts";
import { createDraft } from "./draft.ts";
import { ImportError } from "./failure.ts";
import type { Importer } from "./importer.ts";
import { createReport, type ReportLine } from "./report.ts";
import { readSource, type Source } from "./source.ts";
import { Template } from "./text.ts";
import { validate } from "./validate.ts";
import { createVariables, type MadeVariable } from "./variables.ts";
import { plainValue, writeConfig, type WriteOptions } from "./write.ts";

export interface ImportOptions {
  presets: readonly Provider[];
  /** Leave plain-text secrets in the file. */
  keepSecrets?: boolean;
  /** The command that people typed, for the head of the file. */
  command: string;
}

export interface Imported {
  /** Of the `megallm.yaml`. */
  text: string;
  report: ReportLine[];
  /** Variables that stand for secrets which the source held in plain text. */
  made: MadeVariable[];
  /** Every variable that the file needs. */
  variables: string[];
  /** Not empty: the import is wrong, and the file must not be used. */
  problems: readonly Problem[];
  warnings: readonly Problem[];
}

/**
 * Imports one configuration. Nothing is read or written but the texts.
 * @throws ImportError when the text is not a configuration of that gateway
 */
export function importConfig(text: string, importer: Importer, options: ImportOptions): Imported {
  const source = readSource(text, importer.format);
  const report = createReport(source);
  const draft = createDraft();
  const taken = referredTo(source, importer);
  const variables = createVariables(options.keepSecrets === true, taken);
  importer.run({
    source,
    report,
    draft,
    variables,
    presets: options.presets,
    preset: (id) => {
      const found = options.presets.find((each) => each.id === id);
      if (!found) throw new ImportError(`No preset is named \`${id}\`.`);
      return found;
    },
  });
  const value = draft.value();
  const form: WriteOptions = {
    head: [
      `Imported from ${importer.title} by \`${options.command}\`.`,
      "`megallm check` tells what is wrong with this file; docs/configuration.md explains every field.",
      ...source.comments
        .filter(({ path }) => isHead(path, source))
        .flatMap(({ text: head }) => [
          "",
          ...head.split("\n").map((line) => line.replace(/^ /, "")),
        ]),
    ],
    comments: source.comments
      .filter(({ path }) => !isHead(path, source))
      .flatMap(({ path, text: comment }) => {
        const place = report.placeOf(path, value);
        return place === undefined || place.length === 0 ? [] : [{ path: place, text: comment }];
      }),
  };
  const checked = validate((named) => writeConfig(named, form), {
    value,
    connections: draft.connections.all(),
    presets: options.presets,
  });
  return {
    text: writeConfig(value, form),
    report: report.lines(plainValue(value)),
    made: variables
      .made()
      .filter(({ name }) => checked.variables.includes(name) || taken.has(name)),
    variables: checked.variables,
    problems: checked.problems,
    warnings: checked.warnings,
  };
}

/** What stands above everything, or above the first key, is about the file. */
const isHead = (path: Path, { root }: Source): boolean =>
  path.length === 0 || (path.length === 1 && isObject(root) && Object.keys(root)[0] === path[0]);

/** Variables that the source itself names. */
function referredTo({ root, leaves }: Source, { readText }: Importer): ReadonlySet<string> {
  const places = new Map(leaves.map((leaf) => [placeKey(leaf), leaf]));
  return new Set(
    [...places.values()].flatMap((leaf) => {
      const value = valueAt(root, leaf);
      const text = typeof value === "string" ? readText(value) : "";
      return text instanceof Template
        ? text.parts.flatMap((part) => (typeof part === "string" ? [] : [part.variable]))
        : [];
    }),
  );
}
