// One person's data: handed out, counted, taken away.
import { z } from "zod";
import { permits } from "../../access/permissions.ts";
import { GatewayError } from "../../ir/error.ts";
import type { DataCounts, DataSubject } from "../../store/subject-data.ts";
import { may } from "./authorize.ts";
import type { AdminRoute, Call } from "./route.ts";

const subject = {
  kind: z
    .enum(["user", "end_user", "key"])
    .describe(
      "`user`: of the directory, with their keys; `end_user`: whom clients name in their requests; `key`: a key by itself.",
    ),
  id: z
    .string()
    .min(1)
    .max(512)
    .describe(
      "Of a user the id or the address; of an end user the name; of a key the id, or the name of one of the configuration.",
    ),
};

const erasure = z.strictObject({
  ...subject,
  confirm: z
    .boolean()
    .default(false)
    .describe("`true`: it is done. Else what there is is counted, and nothing is changed."),
});

const counts = z
  .object({
    requests: z
      .int()
      .describe("Their rows stay without a name, so that totals are what they were."),
    bodies: z.int(),
    feedback: z.int(),
    items: z
      .int()
      .describe("Kept answers, reasoning, owners of files, answers by `Idempotency-Key`."),
    sums: z.int().describe("By hour and day: they stay without a name."),
    accounts: z.int().describe("Windows of budgets that count for each end user: the same."),
    directory: z.int().describe("The user, their keys and memberships."),
  })
  .meta({ id: "DataCounts" });

/** As the route answers. */
export const dataErased = z.object({ erased: z.boolean(), counts }).meta({ id: "DataErased" });

const line = z
  .object({
    type: z.enum([
      "user",
      "membership",
      "key",
      "request",
      "feedback",
      "item",
      "sum",
      "account",
      "audit",
    ]),
  })
  .catchall(z.unknown())
  .describe("One object a line: as it is kept; amounts are nano-dollars as text.")
  .meta({ id: "DataRecord" });

/**
 * What the audit log calls the subject. An owner may deal with what is their organization's and nobody else's: with
 * anything more it is for those who answer for the whole gateway.
 * @throws GatewayError `not_found`, the same for what is not there and for what is not the actor's
 */
async function admitted(
  { actor, services }: Call,
  whose: DataSubject,
  action: "data.export" | "data.erase",
): Promise<string> {
  const { subjectData } = services.store;
  if (permits(actor, action, {})) return subjectData.nameOf(whose);
  const notYours = new GatewayError(
    "not_found",
    `Nothing is kept about \`${whose.id.slice(0, 100)}\` that is all your organization's.`,
  );
  try {
    const places = await subjectData.organizationsOf(whose);
    const reach = [...places].map((organizationId) => [{ organizationId }]);
    if (!may(actor, action, reach)) throw notYours;
    return await subjectData.nameOf(whose);
  } catch (error) {
    throw error instanceof GatewayError && error.code === "not_found" ? notYours : error;
  }
}

const shared = { method: "POST", tag: "data", scope: "handler", status: 200 } as const;

export const dataRoutes: readonly AdminRoute[] = [
  {
    ...shared,
    path: "/data/export",
    summary: "Hands out all that is kept about a user, an end user or a key",
    action: "data.export",
    body: z.strictObject(subject),
    media: "application/x-ndjson",
    answer: line,
    async handle(call) {
      const { services, by } = call;
      const whose = call.body as DataSubject;
      const { audit, subjectData } = services.store;
      const subjectId = await admitted(call, whose, "data.export");
      await audit.append([
        {
          actor: by,
          action: "data.export",
          kind: whose.kind,
          subjectId,
          before: null,
          after: null,
        },
      ]);
      return { lines: subjectData.export(whose) };
    },
  },
  {
    ...shared,
    path: "/data/erase",
    summary: "Takes all that is kept about a user, an end user or a key away, or counts it",
    action: "data.erase",
    body: erasure,
    answer: dataErased,
    async handle(call) {
      const { confirm, ...whose } = call.body as z.infer<typeof erasure>;
      const { subjectData } = call.services.store;
      await admitted(call, whose, "data.erase");
      await call.services.control.answersKept();
      const found: DataCounts = confirm
        ? await subjectData.erase(whose, { actor: call.by })
        : await subjectData.count(whose);
      return { body: { erased: confirm, counts: found } };
    },
  },
];
