// The configuration: what is in force, what would change, changing it, and going back.
import { z } from "zod";
import { differencesOf } from "../../config/differences.ts";
import { formatProblem, type Problem } from "../../config/problems.ts";
import { redact } from "../../config/redact.ts";
import { sourcesOf } from "../../config/sources.ts";
import { GatewayError } from "../../ir/error.ts";
import { changedAnswer, changedShape, difference, editorOf, orderOf } from "./config-change.ts";
import type { AdminRoute, Call } from "./route.ts";

/** A file of 5 MB in JSON's spelling. */
const maxBytes = 8 * 1024 * 1024;

const hash = z.string().describe("Of the file's text; the `ETag`, for `If-Match`.");
const text = z
  .string()
  .max(5 * 1024 * 1024)
  .describe(
    "YAML or JSON, as `GET /config` gives it: a secret that is masked there and here stays as it is.",
  );

const problem = z
  .object({
    path: z.string(),
    line: z.int().describe("From 1; 0: it has no place in the text."),
    column: z.int(),
    message: z.string(),
    hint: z.string().nullable(),
    excerpt: z.string().nullable(),
  })
  .meta({ id: "ConfigProblem" });

const shape = z
  .object({
    path: z.string().nullable().describe("Of the file; `null`: there is none yet."),
    hash,
    writable: z.boolean().describe("`false`: the configuration is a program's, and changed there."),
    text: z.string().nullable().describe("What stands in the file, secrets masked."),
    pending: z.boolean().describe("The file says something else than what is in force."),
    effective: z
      .record(z.string(), z.unknown())
      .describe("What is in force, defaults filled in, secrets masked."),
    sources: z
      .record(
        z.string(),
        z.enum(["file", "environment", "secret file", "command line", "built-in"]),
      )
      .describe("Where each value of `effective` comes from, by its path."),
    warnings: z.array(z.string()),
    needs_restart: z.array(z.string()).describe("What is taken over at the next start only."),
  })
  .meta({ id: "Config" });

const verdict = z
  .object({
    ok: z.boolean(),
    problems: z.array(problem),
    warnings: z.array(problem),
  })
  .meta({ id: "ConfigVerdict" });

const differences = z.object({ changes: z.array(difference) }).meta({ id: "ConfigDifferences" });

const version = {
  version: z.int(),
  at_ms: z.int(),
  by: z.string().describe("As in the audit log; `file`: it was found, written by hand."),
  action: z.string(),
  hash: z.string(),
  current: z.boolean().describe("The file says this now."),
};
const versionShape = z.object(version).meta({ id: "ConfigVersion" });
const versionText = z.object({ ...version, text }).meta({ id: "ConfigVersionText" });

const shared = { tag: "config", scope: "gateway", status: 200 } as const;
const withText = z.strictObject({ text });
const rollback = z.strictObject({ version: z.int().positive().describe("In `/config/history`.") });

const show = (each: Problem) => ({
  path: each.path,
  line: each.line,
  column: each.column,
  message: each.message,
  hint: each.hint ?? null,
  excerpt: each.excerpt ?? null,
});

const textOf = (call: Call): string => (call.body as z.infer<typeof withText>).text;

export const configRoutes: readonly AdminRoute[] = [
  {
    ...shared,
    method: "GET",
    path: "/config",
    summary: "What is in force, where it comes from, and the text of the file",
    action: "config.read",
    etag: "hash",
    answer: shape,
    async handle({ services }) {
      const { editor } = services.control;
      const running = services.control.running();
      const effective = redact(running.config);
      const current = editor?.current();
      return {
        body: {
          path: current?.path ?? null,
          hash: current?.hash ?? "",
          writable: editor !== null,
          text: current && editor ? editor.shown(current.text) : null,
          pending:
            current !== undefined &&
            (current.isBroken ||
              (current.path !== null && !Bun.deepEquals(current.value, running.written))),
          effective,
          sources: sourcesOf(effective, running, editor?.overrides),
          warnings: running.warnings.map(formatProblem),
          needs_restart: services.control.waiting(),
        },
        ...(current && { hash: current.hash }),
      };
    },
  },
  {
    ...shared,
    method: "PUT",
    path: "/config",
    summary: "Puts a text in the place of the file, once it is found good",
    action: "config.update",
    etag: "hash",
    maxBytes,
    body: withText,
    answer: changedShape,
    async handle(call) {
      const editor = editorOf(call.services);
      const order = orderOf(call, { action: "config.update", kind: "config", subjectId: "file" });
      return changedAnswer(
        call,
        await editor.change({ ...order, make: editor.whole(textOf(call)) }),
      );
    },
  },
  {
    ...shared,
    method: "POST",
    path: "/config/check",
    summary: "Says what is wrong with a text; nothing is changed",
    action: "config.read",
    maxBytes,
    body: withText,
    answer: verdict,
    async handle(call) {
      const { problems, warnings } = editorOf(call.services).check(textOf(call));
      return {
        body: {
          ok: problems.length === 0,
          problems: problems.map(show),
          warnings: warnings.map(show),
        },
      };
    },
  },
  {
    ...shared,
    method: "GET",
    path: "/config/diff",
    summary: "What the file says and what is in force, where they differ",
    action: "config.read",
    answer: differences,
    async handle({ services }) {
      const editor = editorOf(services);
      const { value, isBroken } = editor.current();
      if (isBroken) {
        throw new GatewayError(
          "conflict",
          "The file is not valid YAML: `megallm check` says where.",
        );
      }
      const changes = differencesOf(services.control.running().written, value, editor.places);
      return { body: { changes } };
    },
  },
  {
    ...shared,
    method: "POST",
    path: "/config/diff",
    summary: "What a text would change; nothing is changed",
    action: "config.read",
    maxBytes,
    body: withText,
    answer: differences,
    async handle(call) {
      const editor = editorOf(call.services);
      const { value } = editor.check(textOf(call));
      const changes = differencesOf(call.services.control.running().written, value, editor.places);
      return { body: { changes } };
    },
  },
  {
    ...shared,
    method: "GET",
    path: "/config/history",
    summary: "Lists versions of the file, newest first: the last 50",
    action: "config.read",
    answer: z.object({ data: z.array(versionShape) }),
    async handle({ services }) {
      const editor = editorOf(services);
      const { hash: current } = editor.current();
      const data = editor.versions().map(({ text: _text, atMs, ...each }, index, all) => ({
        ...each,
        at_ms: atMs,
        current: all.findIndex((other) => other.hash === current) === index,
      }));
      return { body: { data } };
    },
  },
  {
    ...shared,
    method: "GET",
    path: "/config/history/{id}",
    summary: "Reads a version of the file, secrets masked",
    action: "config.read",
    answer: versionText,
    async handle({ services, id }) {
      const editor = editorOf(services);
      const found = /^\d{1,9}$/.test(id) ? editor.version(Number(id)) : null;
      if (!found) throw new GatewayError("not_found", "There is no version with this number.");
      const { text: own, atMs, ...each } = found;
      const current = each.hash === editor.current().hash;
      return { body: { ...each, at_ms: atMs, current, text: editor.shown(own) } };
    },
  },
  {
    ...shared,
    method: "POST",
    path: "/config/rollback",
    summary: "Puts an older version in the place of the file",
    action: "config.update",
    etag: "hash",
    body: rollback,
    answer: changedShape,
    async handle(call) {
      const { version: number } = call.body as z.infer<typeof rollback>;
      const subject = {
        action: "config.rollback",
        kind: "config",
        subjectId: String(number),
      } as const;
      const editor = editorOf(call.services);
      return changedAnswer(call, await editor.rollback(number, orderOf(call, subject)));
    },
  },
];
