// One check of a deployment: its provider's list of models, or a short chat, sent as any request is.
import type { HealthCheck } from "../config/config.ts";
import { dialects } from "../dialects/index.ts";
import { askForModels } from "../egress/model-lists.ts";
import type { ChatRequest } from "../ir/chat.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { monotonic } from "../lib/clock.ts";
import { createId } from "../lib/id.ts";
import { JsonError, parseObject } from "../lib/json.ts";
import { modelListUrl } from "../providers/models.ts";
import { endpointsFor } from "../providers/endpoint.ts";
import type { Candidate } from "../routing/candidate.ts";
import { inspect } from "./inbound.ts";
import { buildOutbound, type Outbound, targetOf } from "./outbound.ts";
import { createRecord } from "./record.ts";
import { keyless, named, send } from "./send.ts";
import type { Generation, Services } from "./services.ts";

/** What checks cost is on record under this name, which no key can have. */
export const checksKey = "(health check)";

export type CheckKind = "models" | "chat";

/** A check's surroundings. */
export interface Checking {
  check: HealthCheck;
  generation: Generation;
  services: Services;
}

/** Whether the provider has a list of models, and whether it has chats. */
export function kindsOf({ provider, model }: Candidate): readonly CheckKind[] {
  const { customBaseUrl, baseUrl, preset, settings } = provider;
  const own = customBaseUrl ? baseUrl : undefined;
  return [
    ...(modelListUrl(preset, { baseUrl: own, settings }) ? (["models"] as const) : []),
    ...(endpointsFor(preset, "chat", model).length > 0 ? (["chat"] as const) : []),
  ];
}

/** Costs nothing. @throws GatewayError */
export async function checkList(
  { provider, key }: Candidate,
  { check, services }: Checking,
): Promise<void> {
  const { draining, egress, env } = services;
  try {
    await askForModels({ ...provider, keys: key ? [key] : [] }, egress, {
      env,
      signal: draining,
      timeoutMs: check.timeoutMs,
    });
  } catch (thrown) {
    throw named(toGatewayError(thrown), provider.name);
  }
}

/** Costs a few tokens, which are on record. @throws GatewayError */
export async function checkChat(candidate: Candidate, checking: Checking): Promise<void> {
  const { check, generation, services } = checking;
  const asked = withinCheck(candidate, check);
  const outbound = await question(asked);
  const { inFlight, log, store } = services;
  const record = createRecord({
    requestId: createId("req"),
    dialect: outbound.dialect.id,
    operation: "chat",
    startedAt: monotonic(),
    store,
    log,
    prices: generation.config.prices,
    ambiguous: generation.config.ledger.ambiguous,
    onSettled: () => inFlight.delete(record.requestId),
  });
  record.caller(checksKey);
  record.identify({
    model: `${asked.provider.name}/${asked.model}`,
    operation: "chat",
    stream: false,
  });
  inFlight.add(record.requestId);
  const attempted = record.attempt(asked, outbound.dialect.id, outbound.relayed);
  try {
    const answer = await send(outbound, "json", services, services.draining);
    attempted.firstByte();
    const text = await answer.text(maxAnswerBytes);
    attempted.received();
    attempted.usage(readAnswer(text, outbound));
    await attempted.settle({ error: null, httpStatus: answer.status });
  } catch (thrown) {
    const error = named(keyless(toGatewayError(thrown), outbound), asked.provider.name);
    attempted.finish(error);
    await record.settle({ error, httpStatus: error.status });
    throw error;
  }
}

const maxAnswerBytes = 1024 * 1024;

function withinCheck(candidate: Candidate, { model, timeoutMs }: HealthCheck): Candidate {
  const { connectMs } = candidate.timeouts;
  const limits = { firstByteMs: timeoutMs, idleMs: timeoutMs, totalMs: timeoutMs };
  return {
    ...candidate,
    model: model ?? candidate.model,
    timeouts: {
      ...candidate.timeouts,
      ...limits,
      connectMs: Math.min(connectMs ?? timeoutMs, timeoutMs),
    },
  };
}

/** The fewest tokens that every vendor takes as a limit. */
const fewestTokens = 16;

/** In the provider's first dialect. @throws GatewayError */
async function question(candidate: Candidate): Promise<Outbound> {
  const { provider, model } = candidate;
  const [endpoint] = endpointsFor(provider.preset, "chat", model);
  if (!endpoint) {
    throw new GatewayError("unsupported_feature", `\`${provider.name}\` has no chats.`);
  }
  const dialect = dialects[endpoint.dialect];
  const request: ChatRequest = {
    model,
    messages: [{ role: "user", parts: [{ type: "text", text: "Say ok." }] }],
    tools: [],
    settings: { maxOutputTokens: fewestTokens },
    stream: false,
    ext: {},
  };
  const { body, headers } = dialect.request.encode(request, await targetOf(candidate));
  const inbound = inspect(
    new TextEncoder().encode(body),
    new Request("http://megallm.invalid/", { method: "POST", headers }),
    { dialect, operation: "chat", model, stream: false },
  );
  return buildOutbound(inbound, candidate, endpoint, async (each) => each);
}

/** What it used. @throws GatewayError where it is no answer */
function readAnswer(text: string, { dialect, origin }: Outbound) {
  try {
    return dialect.response.decode({ json: parseObject(text), text }, origin).value.usage;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError("upstream_invalid", "answered something that is not a JSON object", {
      upstream: { body: text.slice(0, 2_000) },
      cause: error,
    });
  }
}
