// `POST /v1/feedback`: what a caller says of an answer that its own key asked for.
import { Hono } from "hono";
import { z } from "zod";
import type { Access, Principal } from "../access/authenticate.ts";
import { GatewayError } from "../ir/error.ts";
import { JsonError, parse } from "../lib/json.ts";
import { readBody } from "../pipeline/inbound.ts";
import { defaultPacing } from "../pipeline/services.ts";
import type { Store, UsageRow } from "../store/store.ts";

export interface FeedbackDependencies {
  /** What the newest configuration gives. */
  current(): { access: Access };
  store: Store;
}

const maxBytes = 16 * 1024;

const schema = z.strictObject({
  request_id: z.string().min(1).max(100),
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "expected letters, digits and `_.-`, at most 64")
    .default("score"),
  value: z.union([z.number().min(-1e12).max(1e12), z.boolean()], {
    error: "expected a number, true or false",
  }),
  comment: z.string().max(2_000).nullish(),
});

export function createFeedback({ current, store }: FeedbackDependencies): Hono {
  const app = new Hono();
  app.post("/", async (context) => {
    const { raw } = context.req;
    const caller = await current().access.authenticate(raw);
    const bytes = await readBody(raw, { maxBytes, patienceMs: defaultPacing.bodyMs }).catch(
      (thrown: unknown) => {
        throw thrown instanceof GatewayError && thrown.code === "too_large"
          ? new GatewayError("too_large", `Feedback has at most ${maxBytes} bytes.`)
          : thrown;
      },
    );
    const { request_id: requestId, name, value, comment = null } = readFeedback(bytes);
    const found = await store.request(requestId);
    // Another key's request is as good as none.
    if (!found || !isOwn(found.usage, caller)) {
      throw new GatewayError(
        "not_found",
        `No request \`${requestId}\` of this key is on record. Send the \`x-request-id\` of an answer that is over.`,
        { param: "request_id" },
      );
    }
    const kept = await store.experiments.feedback({
      requestId,
      name,
      value: Number(value),
      comment,
      key: caller.key,
    });
    if (kept === "too_many") {
      throw new GatewayError(
        "invalid_request",
        "The request has feedback under 20 names already. Use one of those.",
        { param: "name" },
      );
    }
    const { id, atMs, comment: said } = kept.kept;
    return context.json(
      {
        id,
        object: "feedback",
        request_id: requestId,
        name,
        value,
        comment: said,
        created: Math.floor(atMs / 1000),
      },
      kept.isNew ? 201 : 200,
    );
  });
  return app;
}

/** Names of keys may come back after a key is gone, and two teams' may be the same; ids never are. */
const isOwn = ({ key, keyId }: UsageRow, { key: name, caller }: Principal): boolean =>
  caller ? keyId === caller.key.id : keyId === null && key === name;

/** @throws GatewayError `invalid_request` naming the field */
function readFeedback(bytes: Uint8Array): z.output<typeof schema> {
  let json: unknown;
  try {
    json = parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError("invalid_request", `The body is not acceptable JSON: ${error.message}`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join(".") ?? "";
  throw new GatewayError(
    "invalid_request",
    path === "" ? `${issue?.message}.` : `\`${path}\`: ${issue?.message}.`,
    path === "" ? {} : { param: path },
  );
}
