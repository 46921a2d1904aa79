// Operations whose requests and answers are relayed as they are: images, speech, transcriptions.
import { reachOf } from "../access/reach.ts";
import type { Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import { withMembers, withoutPath } from "../lib/json-members.ts";
import { endpointsFor } from "../providers/endpoint.ts";
import type { Candidate } from "../routing/candidate.ts";
import { attemptAll } from "./attempts.ts";
import { unreadDemand } from "./demand.ts";
import { type Attempting, type Exchange, exchange } from "./exchange.ts";
import type { Asked } from "./inbound.ts";
import { shellOf } from "./outbound.ts";
import { stepsOf } from "./parameters.ts";
import { likenessOf, type Parcel, readParcel } from "./parcel.ts";
import { whoHas } from "./references.ts";
import { relayOnce } from "./relay.ts";
import type { Sendable } from "./send.ts";
import type { Generation, Services } from "./services.ts";
import { tagsOf } from "./wishes.ts";

/** What is not in JSON, or not worth the reading. */
export const mediaOperations: ReadonlySet<Operation> = new Set([
  "images",
  "image-edits",
  "image-variations",
  "speech",
  "transcriptions",
  "translations",
]);

/** Answers a request of one of {@link mediaOperations}; never rejects. */
export const handleMedia = (
  request: Request,
  asked: Asked,
  generation: Generation,
  services: Services,
): Promise<Response> =>
  exchange(request, asked, { generation, services }, async (current) => {
    const { dialect, operation } = asked;
    const parcel = await readParcel(current, { takesJson: true });
    let isHandedOver = false;
    try {
      const model = asked.model ?? parcel.model;
      if (model === "") {
        throw new GatewayError(
          "invalid_request",
          "The field `model` is missing. Send the name of a model; GET /v1/models lists them.",
          { param: "model" },
        );
      }
      current.record.identify({ model, stream: parcel.stream, operation });
      const keyed = { content: () => likenessOf(parcel), identify: () => {} };
      return await services.idempotency.once(current, keyed, async (held) => {
        const { router } = generation;
        const reach = reachOf(current.caller);
        const found = asked.provider
          ? router.through(asked.provider, model, reach.mayUse)
          : await router.candidates(model, reach);
        const candidates = await whoHas(parcel.references, found, held);
        const attempt = async (candidate: Candidate, attempting: Attempting) =>
          relayOnce(sendableOf(held, asked, parcel, candidate), attempting, {
            dialect,
            operation,
            usageOf: [dialect],
            finished: () => parcel.dispose(),
          });
        const tags = tagsOf(request.headers);
        const demand = unreadDemand({ model, operation, tags });
        const response = await attemptAll(candidates, held, attempt, { demand });
        isHandedOver = true;
        return response;
      });
    } finally {
      if (!isHandedOver) await parcel.dispose();
    }
  });

/** @throws GatewayError `unsupported_feature` */
function sendableOf(
  { request }: Exchange,
  { dialect, operation }: Asked,
  parcel: Parcel,
  candidate: Candidate,
): Sendable {
  const { provider, model } = candidate;
  const endpoint = endpointsFor(provider.preset, operation, model).find(
    (each) => each.dialect === dialect.id,
  );
  if (!endpoint) {
    throw new GatewayError(
      "unsupported_feature",
      `The provider \`${provider.name}\` has no ${operation} endpoint of this API.`,
    );
  }
  const shell = shellOf(
    {
      dialect,
      headers: request.headers,
      url: new URL(request.url),
      stream: parcel.stream,
      carriesForeign: () => false,
      asksSchema: () => false,
    },
    candidate,
    endpoint,
  );
  const { headers } = shell;
  if (parcel.contentType) headers.set("content-type", parcel.contentType);
  headers.set("accept", request.headers.get("accept") ?? "*/*");
  for (const [name, value] of Object.entries({
    ...provider.headers,
    ...candidate.parameters.extraHeaders,
  })) {
    headers.set(name, value);
  }
  return { ...shell, ...withParameters(parcel.content(model), candidate) };
}

/** What the operator takes out of every JSON body, and puts into it. */
function withParameters(
  content: Pick<Sendable, "body" | "bodyBytes">,
  { parameters: { drop, extraBody } }: Candidate,
): Pick<Sendable, "body" | "bodyBytes"> {
  const { body } = content;
  if (!(body instanceof Uint8Array)) return content;
  let bytes = body;
  for (const path of drop) bytes = withoutPath(bytes, stepsOf(path)) ?? bytes;
  return { body: Object.keys(extraBody).length > 0 ? withMembers(bytes, extraBody) : bytes };
}
