// `POST /v1/translate`: what a request would become for a provider, without sending it. Behind the admin key.
import { Hono } from "hono";
import { listCatalog } from "../catalog/facts.ts";
import type { Config } from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";
import { stringify } from "../lib/json.ts";
import type { Secret } from "../lib/secret.ts";
import { readBody } from "../pipeline/inbound.ts";
import { defaultPacing } from "../pipeline/services.ts";
import { candidatesFor, readDialect, readSpecimen, translate } from "../pipeline/translate.ts";
import { createRouter } from "../routing/router.ts";
import { authenticateAdmin } from "./admin.ts";

export interface TranslateDependencies {
  admin: { key(): Secret };
  /** What the newest configuration gives. */
  current(): { config: Config };
}

/** Largest body that is looked at. */
const maxBytes = 32 * 1024 * 1024;

const known = new Set(["to", "from", "model", "stream"]);

/** Query: `to`, and optionally `from`, `model` and `stream`. */
export function createTranslate({ admin, current }: TranslateDependencies): Hono {
  const app = new Hono();
  app.post("/", async (context) => {
    const { raw } = context.req;
    authenticateAdmin(raw.headers, admin.key());
    const query = readQuery(context.req.query());
    const body = await readBody(raw, { maxBytes, patienceMs: defaultPacing.bodyMs });
    const specimen = readSpecimen({ ...query, body, headers: raw.headers });
    // One of its own: no provider is asked for its models, and nobody's turn is taken.
    const router = createRouter(current().config, ({ preset }) => listCatalog(preset.id));
    const found = await candidatesFor(specimen.inbound.model, router, query.to);
    const translation = await translate(specimen, found, query.to);
    return context.body(stringify(translation), 200, { "content-type": "application/json" });
  });
  return app;
}

/** @throws GatewayError `invalid_request` */
function readQuery(query: Record<string, string>) {
  const stranger = Object.keys(query).find((name) => !known.has(name));
  if (stranger !== undefined) {
    throw new GatewayError(
      "invalid_request",
      `\`${stranger.slice(0, 60)}\` is no parameter here. There are ${[...known].join(", ")}.`,
    );
  }
  const { to, from, model, stream } = query;
  if (stream !== undefined && stream !== "true" && stream !== "false") {
    throw new GatewayError("invalid_request", "`stream` must be `true` or `false`.", {
      param: "stream",
    });
  }
  return {
    to: to === undefined ? null : readDialect(to),
    from: from === undefined ? null : readDialect(from),
    model: model === undefined || model.trim() === "" ? null : model,
    stream: stream === undefined ? null : stream === "true",
  };
}
