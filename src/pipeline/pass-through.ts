// `/providers/{provider}/…`: what the gateway understands goes the usual way, to that provider alone; the rest goes through.
import { type Dialect } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import type { Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { ResolvedProvider } from "../config/config.ts";
import { compilePath } from "../lib/path-template.ts";
import { handle } from "../pipeline.ts";
import { resolveEndpoint } from "../providers/endpoint.ts";
import type { Endpoint } from "../providers/provider.ts";
import type { Asked } from "./inbound.ts";
import { handleKept } from "./kept-answers.ts";
import type { Generation, Services } from "./services.ts";
import { handleThrough } from "./through.ts";

/** Answers a request to a provider by name; never rejects. `path`: what follows the name. */
export function passThrough(
  request: Request,
  { provider: name, path }: { provider: string; path: string },
  generation: Generation,
  services: Services,
): Promise<Response> {
  const provider = generation.config.providers.find((each) => each.name === name);
  const spoken = provider ? dialectsOf(provider) : [];
  const dialect = spoken[0] ?? dialects["openai-chat"];
  if (request.method === "POST" && provider) {
    const asked = knownOperation(provider, spoken, path);
    if (asked) return handle(request, { ...asked, provider: name }, generation, services);
  }
  const version = /^\/v\d+[a-z0-9]*(?=\/)/.exec(path)?.[0] ?? "";
  const plain = path.slice(version.length);
  const keeper = spoken.find(({ state }) => state);
  if (keeper && /^\/responses\/./.test(plain)) {
    const call = { dialect: keeper, path: plain, provider: name };
    return handleKept(request, call, generation, services);
  }
  const call = { dialect, operation: "pass-through" as Operation, path, provider: name };
  return handleThrough(request, call, generation, services);
}
