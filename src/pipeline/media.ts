// Operations whose requests and answers are relayed as they are: images, speech, transcriptions.
import type { Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import { withMembers, withoutPath } from "../lib/json-members.ts";
import { endpointsFor } from "../providers/endpoint.ts";
import type { Candidate } from "../routing/candidate.ts";
import { attemptAll } from "./attempts.ts";
import { spokenIn, unreadDemand } from "./demand.ts";
import { guardFor } from "./guard.ts";
import { editedContent, guardMedia } from "./guarded-parcel.ts";
import { imageOperations, imageOrderOf } from "./image-order.ts";
import { type Attempting, type Exchange, exchange } from "./exchange.ts";
import { withinTime } from "./deadline.ts";
import type { Asked, Inbound } from "./inbound.ts";
import { notesFor, shellOf } from "./outbound.ts";
import { stepsOf } from "./parameters.ts";
import { likenessOf, type Parcel, readParcel } from "./parcel.ts";
import { inboundOf, planRelay, type Relayed, unheardPatience } from "./plan-relay.ts";
import { relayOnce } from "./relay.ts";
import { tagsOf } from "./request-tags.ts";
import type { Sendable } from "./send.ts";
import type { Generation, Services } from "./services.ts";
import type { Unmet } from "./wish-values.ts";
import type { Wishes } from "./wishes.ts";

/** What is not in JSON, or not worth the reading. */
export const mediaOperations: ReadonlySet<Operation> = new Set([
  "images",
  "image-edits",
  "image-variations",
  "speech",
  "transcriptions",
  "translations",
]);

/** Of which what is said is counted. */
const writtenDown: ReadonlySet<Operation> = new Set(["transcriptions", "translations"]);

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
      const { body } = parcel.content(parcel.model);
      const json = body instanceof Uint8Array ? body : null;
      const relayed: Relayed = {
        request,
        asked,
        json,
        model: parcel.model,
        stream: parcel.stream,
        references: parcel.references,
        unheard: (wishes) => unheardIn(parcel, wishes),
      };
      const inbound = inboundOf(relayed, current.caller);
      current.record.identify({ model: inbound.model, stream: parcel.stream, operation });
      const keyed = { content: () => likenessOf(parcel), identify: () => {} };
      return await services.idempotency.once(current, keyed, async (held) => {
        const planned = await planRelay(inbound, relayed, held);
        const guard = guardFor(held, {
          candidates: planned.candidates,
          model: inbound.model,
          ...(planned.wishes.guardrails && { named: planned.wishes.guardrails }),
        });
        const edits = guard?.input ? await guardMedia(json, parcel, guard.input, held) : null;
        const guarded = guard ? { ...held, guard } : held;
        const timed = withinTime(guarded, planned.wishes.timeoutMs);
        const attempt = async (candidate: Candidate, attempting: Attempting) => {
          const seen = planned.seenBy(candidate);
          const named = json ? renamed(seen, candidate.model) : parcel.content(candidate.model);
          const content = edits ? editedContent(named, edits) : named;
          return relayOnce(sendableOf(held, asked, { parcel, content, candidate }), attempting, {
            dialect,
            operation,
            usageOf: [dialect],
            warnings: notesFor(seen, candidate),
            finished: () => parcel.dispose(),
          });
        };
        const tags = tagsOf(request.headers, json && !asked.provider ? inbound : undefined);
        const unread = unreadDemand({ model: inbound.model, operation, tags });
        const demand = imageOperations.has(operation)
          ? { ...unread, images: (candidate: Candidate) => imageOrderOf(parcel, candidate) }
          : writtenDown.has(operation)
            ? { ...unread, tokens: spokenIn(parcel.size), orRequest: true }
            : unread;
        try {
          const response = await attemptAll(planned.candidates, timed, attempt, {
            demand,
            stream: parcel.stream,
            race: operation === "images" && !parcel.stream ? { hasEffects: () => true } : undefined,
            answered: planned.answered,
          });
          isHandedOver = true;
          return response;
        } catch (thrown) {
          throw timed.signal.aborted ? timed.failure(thrown) : thrown;
        }
      });
    } finally {
      if (!isHandedOver) await parcel.dispose();
    }
  });

/** Wishes that are read in a JSON body only. */
const bodyWishes: ReadonlySet<string> = new Set([
  "models",
  "provider",
  "fallbacks",
  "num_retries",
  "tags",
  "timeout",
  "stream_timeout",
]);

function unheardIn({ fields, stream }: Parcel, wishes: Wishes): Unmet[] {
  const written = fields
    .filter((name) => bodyWishes.has(name))
    .map((field) => ({ field, reason: "in a form it is left to the provider: use a header" }));
  const why = "the first content of such a stream is not looked for";
  return [...written, ...(stream ? unheardPatience(wishes, ["firstTokenMs"], why) : [])];
}

/** Another name of the model in a body that has one. */
const renamed = ({ bytes, member }: Inbound, name: string): Content => {
  const written = member("model");
  const isOther = written !== undefined && written !== name;
  return { body: isOther ? withMembers(bytes, { model: name }) : bytes };
};

type Content = Pick<Sendable, "body" | "bodyBytes">;

/** @throws GatewayError `unsupported_feature` */
function sendableOf(
  { request }: Exchange,
  { dialect, operation }: Asked,
  { parcel, content, candidate }: { parcel: Parcel; content: Content; candidate: Candidate },
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
  return { ...shell, ...withParameters(content, candidate) };
}

/** What the operator takes out of every JSON body, and puts into it. */
function withParameters(content: Content, { parameters: { drop, extraBody } }: Candidate): Content {
  const { body } = content;
  if (!(body instanceof Uint8Array)) return content;
  let bytes = body;
  for (const path of drop) bytes = withoutPath(bytes, stepsOf(path)) ?? bytes;
  return { body: Object.keys(extraBody).length > 0 ? withMembers(bytes, extraBody) : bytes };
}
