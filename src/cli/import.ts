// `megallm import`: another gateway's configuration as a `megallm.yaml`, and what became of every key of it.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { formatProblem } from "../config/problems.ts";
import { ImportError } from "../import/failure.ts";
import { importers } from "../import/importers.ts";
import { importConfig, type Imported } from "../import/run.ts";
import type { Outcome, ReportLine } from "../import/report.ts";
import { nearest } from "../lib/suggest.ts";
import { providers } from "../providers/index.ts";
import { writePrivate } from "./daemon-file.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { formatProblems } from "./failure.ts";
import { readInput } from "./input.ts";
import { harmless, print, printJson, tell, write } from "./output.ts";

export interface ImportOptions {
  output?: string;
  stdout?: boolean;
  force?: boolean;
  keepSecrets?: boolean;
  env?: string;
  json?: boolean;
}

/** @throws ExitError `usage` for an unknown gateway, `failed` when nothing could be written */
export async function importFile(
  from: string,
  file: string,
  options: ImportOptions,
): Promise<void> {
  const importer = Object.hasOwn(importers, from) ? importers[from] : undefined;
  if (!importer) throw new ExitError(exitCodes.usage, unknownGateway(from));
  if (options.stdout && options.json) {
    throw new ExitError(
      exitCodes.usage,
      "Standard output holds either the file (--stdout) or the report (--json).",
    );
  }
  const path = resolve(options.output ?? "megallm.yaml");
  if (!options.stdout) refuseExisting(path, options);
  const environment = options.env === undefined ? undefined : resolve(options.env);
  if (environment !== undefined) refuseExisting(environment, options);
  const text = new TextDecoder().decode(await readInput(file));
  const imported = run(text, { from, file, keepSecrets: options.keepSecrets === true });
  if (imported.problems.length > 0) {
    if (options.json) await printJson(jsonOf(imported, null));
    throw new ExitError(exitCodes.failed, options.json ? "" : defect(imported));
  }
  if (options.stdout) await write(imported.text);
  else writePrivate(path, imported.text);
  if (environment !== undefined) writePrivate(environment, environmentText(imported));
  if (options.json) {
    await printJson(jsonOf(imported, options.stdout ? null : path));
    return;
  }
  const report = reportText(imported, { path: options.stdout ? undefined : path, environment });
  if (options.stdout) tell(report);
  else await print(report);
}

function run(
  text: string,
  { from, file, keepSecrets }: { from: string; file: string; keepSecrets: boolean },
): Imported {
  const importer = importers[from];
  if (!importer) throw new ExitError(exitCodes.usage, unknownGateway(from));
  const name = file.slice(file.lastIndexOf("/") + 1);
  try {
    return importConfig(text, importer, {
      presets: providers,
      keepSecrets,
      command: harmless(`megallm import ${from} ${name}`),
    });
  } catch (error) {
    if (error instanceof ImportError)
      throw new ExitError(exitCodes.failed, `${file}: ${error.message}`);
    throw error;
  }
}

function unknownGateway(from: string): string {
  const names = Object.keys(importers);
  const [near] = nearest(from, names, 1);
  return `\`${from}\` is not a gateway that can be imported from. ${near === undefined ? `There are ${names.join(", ")}.` : `Did you mean \`${near}\`?`}`;
}

function refuseExisting(path: string, { force }: ImportOptions): void {
  if (force || !existsSync(path)) return;
  throw new ExitError(
    exitCodes.failed,
    `${path} is there already. Replace it with --force, or look at a new one with --stdout.`,
  );
}

const defect = ({ problems }: Imported): string =>
  `The import made a configuration that does not pass the check, and nothing was written. This is a defect; please report it with these lines:\n${formatProblems(problems)}`;

const jsonOf = (imported: Imported, path: string | null) => ({
  ok: imported.problems.length === 0,
  path,
  counts: countsOf(imported.report),
  report: imported.report,
  variables: imported.variables,
  made_variables: imported.made.map(({ name, from }) => ({ name, from })),
  problems: imported.problems,
  warnings: imported.warnings,
});

const countsOf = (report: readonly ReportLine[]): Record<Outcome, number> => ({
  carried: report.filter(({ outcome }) => outcome === "carried").length,
  adapted: report.filter(({ outcome }) => outcome === "adapted").length,
  not_carried: report.filter(({ outcome }) => outcome === "not_carried").length,
});

/** The values, for a file that only its owner reads. */
const environmentText = ({ made }: Imported): string =>
  made.map(({ name, value }) => `${name}=${quote(value.reveal())}\n`).join("");

const quote = (text: string): string =>
  /^[\w./:@%+=,-]*$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

function reportText(
  imported: Imported,
  { path, environment }: { path: string | undefined; environment: string | undefined },
): string {
  const { report, made, variables, warnings } = imported;
  const counts = countsOf(report);
  const blocks = [
    linesOf("Not carried", report, "not_carried"),
    linesOf("Adapted", report, "adapted"),
    linesOf("Carried", report, "carried"),
    warnings.map((warning) => `warning: ${formatProblem(warning)}`).join("\n"),
    environmentNote(imported, environment),
    `${path === undefined ? "" : `${path} written. `}${report.length} keys: ${counts.carried} carried, ${counts.adapted} adapted, ${counts.not_carried} not carried.${
      variables.length > made.length || made.length > 0
        ? ` It needs ${variables.length} environment variable${variables.length === 1 ? "" : "s"}: ${variables.join(", ")}.`
        : ""
    }`,
  ];
  return blocks.filter((block) => block !== "").join("\n\n");
}

function linesOf(title: string, report: readonly ReportLine[], outcome: Outcome): string {
  const lines = report
    .filter((line) => line.outcome === outcome)
    .map(({ source, to, note }) => {
      const place = to.length === 0 ? "" : ` → ${to.join(", ")}`;
      return harmless(`  ${source}${place}${note === null ? "" : `: ${note}`}`);
    });
  return lines.length === 0 ? "" : `${title} (${lines.length}):\n${lines.join("\n")}`;
}

/** Names only: what is printed may end up in a log. */
function environmentNote({ made }: Imported, environment: string | undefined): string {
  if (made.length === 0) return "";
  if (environment !== undefined)
    return `${environment} written, with ${made.length} secret${made.length === 1 ? "" : "s"} that stood in plain text.`;
  const lines = made.map(({ name, from }) => `${name}=   # ${harmless(from)}`);
  return `Secrets stood in plain text; the file names variables for them. Set these (--env <file> writes them with their values, --keep-secrets leaves them in the file):\n${lines.join("\n")}`;
}
