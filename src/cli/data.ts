// `megallm data export` and `megallm data delete`: what is kept about one person, handed out or taken away.
import type { DataCounts, DataSubject } from "../store/subject-data.ts";
import { dataErased } from "../server/admin-v1/data.ts";
import { runAdmin } from "./daemon-client.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { isHeld, openToRead, openToWrite } from "./ledger.ts";
import { print, printJson, tell } from "./output.ts";
import { type DaemonSettings, ledgerSettings } from "./settings.ts";
import { groupDigits } from "./table.ts";

export interface SubjectOptions {
  user?: string;
  endUser?: string;
  key?: string;
  config?: string;
  dataDir?: string;
}

export interface DeleteOptions extends SubjectOptions {
  yes?: boolean;
  json?: boolean;
}

/** Prints one JSON object a line. @throws ExitError `usage`, GatewayError for a user nobody knows */
export async function exportData(options: SubjectOptions): Promise<void> {
  const subject = subjectOf(options);
  const store = await openToRead(ledgerSettings(options.config, { dataDir: options.dataDir }));
  if (!store) return;
  try {
    for await (const record of store.subjectData.export(subject)) await print(jsonOf(record));
  } finally {
    await store.close();
  }
}

/**
 * Says what there is; with `--yes` takes it away, by way of the gateway that is at work on the file.
 * @throws ExitError `usage`, `failed`, `notRunning`, StoreError `locked` while a gateway is starting
 */
export async function deleteData(options: DeleteOptions): Promise<void> {
  const subject = subjectOf(options);
  const settings = ledgerSettings(options.config, { dataDir: options.dataDir });
  const isDone = options.yes === true;
  const counts =
    isDone && isHeld(settings)
      ? await eraseThere(settings, subject)
      : await countHere(settings, subject, isDone);
  if (!counts) {
    if (options.json) await printJson({ deleted: false, counts: null });
    else await print(`There is no ledger in ${settings.dataDir} yet.`);
    return;
  }
  if (options.json) {
    await printJson({ deleted: isDone, counts });
    return;
  }
  await print(describe(counts, isDone));
  if (!isDone) tell("Nothing was changed. Run it again with --yes to do it.");
}

/** Null: there is no ledger yet. */
async function countHere(
  settings: DaemonSettings,
  subject: DataSubject,
  isErased: boolean,
): Promise<DataCounts | null> {
  const store = isErased ? await openToWrite(settings) : await openToRead(settings);
  if (!store) return null;
  try {
    return isErased
      ? await store.subjectData.erase(subject, { actor: "system" })
      : await store.subjectData.count(subject);
  } finally {
    await store.close();
  }
}

async function eraseThere(settings: DaemonSettings, subject: DataSubject): Promise<DataCounts> {
  const body = JSON.stringify({ ...subject, confirm: true });
  const answer = await runAdmin(settings, "/admin/v1/data/erase", body);
  return dataErased.parse(JSON.parse(answer)).counts;
}

function subjectOf({ user, endUser, key }: SubjectOptions): DataSubject {
  const given: DataSubject[] = [
    ...(user === undefined ? [] : [{ kind: "user" as const, id: user }]),
    ...(endUser === undefined ? [] : [{ kind: "end_user" as const, id: endUser }]),
    ...(key === undefined ? [] : [{ kind: "key" as const, id: key }]),
  ];
  const [subject] = given;
  if (!subject || given.length > 1) {
    throw new ExitError(
      exitCodes.usage,
      "Say whose data: one of --user <id or address>, --end-user <name> and --key <id or name>.",
    );
  }
  return subject;
}

const titles: Readonly<Record<keyof DataCounts, string>> = {
  requests: "requests: rows stay for the sums, without names",
  bodies: "bodies: deleted",
  feedback: "judgements: deleted",
  items: "kept answers and the like: deleted",
  sums: "sums by hour and day: stay, without names",
  accounts: "windows of budgets: stay, without names",
  directory: "entries of the directory: deleted",
};

const describe = (counts: DataCounts, isDone: boolean): string =>
  [
    isDone ? "Done." : "There are:",
    ...Object.entries(titles).map(
      ([name, title]) => `${groupDigits(counts[name as keyof DataCounts]).padStart(10)}  ${title}`,
    ),
  ].join("\n");

const jsonOf = (value: unknown): string =>
  JSON.stringify(value, (_key, each: unknown) =>
    typeof each === "bigint" ? each.toString() : each,
  );
