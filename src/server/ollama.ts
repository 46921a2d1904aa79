// What Ollama's clients ask besides chat: which models there are, and what they can do.
// https://docs.ollama.com/api
import { Hono } from "hono";
import type { CatalogFacts } from "../catalog/facts.ts";
import { GatewayError } from "../ir/error.ts";
import { JsonError, parseObject } from "../lib/json.ts";
import type { ListedModel } from "../routing/listing.ts";
import { factsOf, findListed } from "./models.ts";

/** The version whose API this is; clients refuse older ones (Codex wants 0.13.4). */
const apiVersion = "0.13.5";

/** Demanded by the wire; the models are not files on this machine. */
const modified = "2023-11-14T22:13:20Z";

export interface OllamaDependencies {
  authenticate(request: Request): Promise<unknown>;
  models(request: Request): Promise<readonly ListedModel[]>;
}

export function createOllama({ authenticate, models }: OllamaDependencies): Hono {
  const app = new Hono();
  app.get("/version", (context) => context.json({ version: apiVersion }));
  app.get("/tags", async (context) =>
    context.json({ models: (await models(context.req.raw)).map(tag) }),
  );
  // Nothing is loaded into this machine's memory.
  app.get("/ps", async (context) => {
    await authenticate(context.req.raw);
    return context.json({ models: [] });
  });
  app.post("/show", async (context) => {
    const { raw } = context.req;
    const model = findListed(await models(raw), await askedModel(raw));
    return context.json(shown(model, await factsOf(model)));
  });
  // Agents pull what they use; what is served here needs no download.
  app.post("/pull", async (context) => {
    const { raw } = context.req;
    findListed(await models(raw), await askedModel(raw));
    return context.body(`${JSON.stringify({ status: "success" })}\n`, 200, {
      "content-type": "application/x-ndjson",
    });
  });
  return app;
}

/** @throws GatewayError `invalid_request` */
async function askedModel(request: Request): Promise<string> {
  let body: Record<string, unknown>;
  try {
    body = parseObject(await request.text());
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError("invalid_request", `The body is not acceptable JSON: ${error.message}.`);
  }
  const name = body["model"] ?? body["name"];
  if (typeof name === "string" && name !== "") return name;
  throw new GatewayError("invalid_request", "The field `model` is missing.", { param: "model" });
}

const details = ({ owner }: ListedModel) => ({
  parent_model: "",
  format: "remote",
  family: owner,
  families: [owner],
  parameter_size: "",
  quantization_level: "",
});

const tag = (model: ListedModel) => ({
  name: model.id,
  model: model.id,
  modified_at: modified,
  size: 0,
  digest: "",
  details: details(model),
});

const shown = (model: ListedModel, facts: CatalogFacts) => ({
  modelfile: "",
  parameters: "",
  template: "",
  details: details(model),
  model_info: {
    "general.architecture": model.owner,
    "general.basename": model.id,
    ...(facts.contextWindow !== undefined && {
      [`${model.owner}.context_length`]: facts.contextWindow,
    }),
  },
  capabilities: capabilities(facts),
  modified_at: modified,
});

/** What nobody knows of is taken to call tools, as nearly all models behind a gateway do: clients hide models that say no. */
function capabilities(facts: CatalogFacts): string[] {
  const found = ["completion"];
  if (facts.toolCalls ?? true) found.push("tools");
  if (facts.inputModalities?.includes("image")) found.push("vision");
  if (facts.reasoning) found.push("thinking");
  return found;
}
