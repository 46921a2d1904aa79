// Changing the configuration over the API: who may, what is put on record, what is answered.
import { z } from "zod";
import type { Changed, ChangeOrder, ConfigEditor } from "../../config/editor.ts";
import { GatewayError } from "../../ir/error.ts";
import type { Answer, Call, Services } from "./route.ts";

export const difference = z
  .object({
    path: z.string().describe("E.g. `providers.openai.base_url`."),
    before: z.unknown().optional().describe("Absent: nothing stood there."),
    after: z.unknown().optional().describe("Absent: nothing stands there."),
  })
  .meta({ id: "ConfigDifference" });

export const changedShape = z
  .object({
    hash: z.string().describe("Of the file as it is now; the `ETag`."),
    path: z.string().describe("Of the file."),
    created: z.boolean().describe("There was none before: it is used at every start from now on."),
    version: z.int().nullable().describe("In `/config/history`; `null`: nothing changed."),
    changes: z.array(difference),
    warnings: z.array(z.string()),
    needs_restart: z.array(z.string()).describe("What is taken over at the next start only."),
  })
  .meta({ id: "ConfigChange" });

/** @throws GatewayError `conflict` */
export function editorOf({ control: { editor } }: Services): ConfigEditor {
  if (editor) return editor;
  throw new GatewayError(
    "conflict",
    "This gateway was given its configuration by a program, not by a file: change it there.",
  );
}

/** What is changed, in the words of the audit log. */
export interface Subject {
  readonly action: string;
  readonly kind: "provider" | "route" | "alias" | "config";
  readonly subjectId: string;
}

/** Differences in one row of the audit log; more are counted. */
const maxRecorded = 500;

/** The order without what it changes. */
export const orderOf = (call: Call, subject: Subject): Omit<ChangeOrder, "make"> => ({
  expected: call.hash,
  by: call.by,
  action: subject.action,
  async record({ differences, hash }) {
    const kept = differences.slice(0, maxRecorded);
    const side = (which: "before" | "after") =>
      Object.fromEntries(
        kept.flatMap((each) => (which in each ? [[each.path, each[which]] as const] : [])),
      );
    const more = differences.length - kept.length;
    await call.services.store.audit.append([
      {
        ...subject,
        actor: call.by,
        before: side("before"),
        after: { ...side("after"), hash, ...(more > 0 && { more }) },
      },
    ]);
  },
});

export const changedAnswer = ({ services }: Call, changed: Changed): Answer => ({
  body: {
    hash: changed.hash,
    path: changed.path,
    created: changed.created,
    version: changed.version,
    changes: changed.differences,
    warnings: changed.warnings,
    needs_restart: services.control.waiting(),
  },
  hash: changed.hash,
});
