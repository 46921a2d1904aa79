// Embeddings and rerank for another dialect than the client's, or larger than the provider takes in one request.
import { finishOutbound, type Outbound, shellOf, targetOf } from "./outbound.ts";
import { type Network, send } from "./send.ts";
import type { Body, Decoded, OperationCodec } from "../dialects/dialect.ts";
import type { Inbound } from "./inbound.ts";
import { mergeEmbed, mergeRerank, splitEmbed, splitRerank, sumUsage } from "../ir/batches.ts";
import { GatewayError } from "../ir/error.ts";
import type {
  EmbedRequest,
  EmbedResponse,
  RerankRequest,
  RerankResponse,
} from "../ir/operations.ts";
import type { Usage } from "../ir/usage.ts";
import type { Warning } from "../ir/warning.ts";
import { parseObject } from "../lib/json.ts";
import type { Endpoint } from "../providers/provider.ts";
import type { Candidate } from "../routing/candidate.ts";
import { dialects } from "../dialects/index.ts";

/** Requests of one operation that one attempt sends at a time. */
const atOnce = 4;
const maxAnswerBytes = 256 * 1024 * 1024;

/** One request taken apart, ready to be sent and put together again. */
export interface Job {
  /** The first of the requests to send; its shell is that of all. */
  outbound: Outbound;
  /** Sends them all. `spent`: told what was used before one of them failed. @throws GatewayError */
  run(
    network: Network,
    signal: AbortSignal,
    spent: (usage: Usage | undefined) => void,
  ): Promise<JobAnswer>;
}

export interface JobAnswer {
  /** JSON text in the client's dialect. */
  body: string;
  usage: Usage | undefined;
  warnings: Warning[];
}

/** How one operation is split and merged. */
interface Kind<Request, Response> {
  codecs: { client: OperationCodec<Request, Response>; target: OperationCodec<Request, Response> };
  maxInputs: number | undefined;
  split(request: Request, most: number): Request[];
  merge(responses: readonly Response[], request: Request, most: number): Response;
}

/**
 * The job of a request that cannot be relayed as it is; undefined when it can.
 * @throws GatewayError `invalid_request`, `unsupported_feature`
 */
export async function createJob(
  inbound: Inbound,
  candidate: Candidate,
  endpoint: Endpoint,
): Promise<Job | undefined> {
  const target = dialects[endpoint.dialect];
  const quirks = candidate.provider.preset.quirks;
  if (inbound.operation === "embeddings") {
    const formed = endpoint.form === undefined ? undefined : target.embeddingForms?.[endpoint.form];
    const codecs = { client: inbound.dialect.embeddings, target: formed ?? target.embeddings };
    if (!codecs.client || !codecs.target) return undefined;
    return createKindJob<EmbedRequest, EmbedResponse>(inbound, candidate, endpoint, {
      codecs: { client: codecs.client, target: codecs.target },
      maxInputs: formed?.maxInputs ?? quirks.embeddings?.maxInputs ?? codecs.target.maxInputs,
      split: splitEmbed,
      merge: mergeEmbed,
    });
  }
  if (inbound.operation === "rerank") {
    const codecs = { client: inbound.dialect.rerank, target: target.rerank };
    if (!codecs.client || !codecs.target) return undefined;
    return createKindJob<RerankRequest, RerankResponse>(inbound, candidate, endpoint, {
      codecs: { client: codecs.client, target: codecs.target },
      maxInputs: quirks.rerank?.maxInputs ?? codecs.target.maxInputs,
      split: splitRerank,
      merge: mergeRerank,
    });
  }
  return undefined;
}

async function createKindJob<Request, Response extends { usage?: Usage }>(
  inbound: Inbound,
  candidate: Candidate,
  endpoint: Endpoint,
  kind: Kind<Request, Response>,
): Promise<Job | undefined> {
  const { client, target } = kind.codecs;
  const shell = shellOf(inbound, candidate, endpoint);
  const most = kind.maxInputs ?? Number.POSITIVE_INFINITY;
  const decoded = decode(inbound, client, shell.relayed);
  if (!decoded) return undefined;
  const requests = kind.split(decoded.value, most);
  if (shell.relayed && requests.length === 1) return undefined;
  const facts = await targetOf(candidate);
  const outbounds = requests.map((request) => {
    const { body, headers, warnings } = target.encodeRequest(request, facts);
    const own = new Headers(shell.headers);
    for (const [name, value] of Object.entries(headers)) own.set(name, value);
    return finishOutbound(
      inbound,
      { ...shell, headers: own, relayed: false },
      { body, warnings: [...decoded.warnings, ...warnings], hidesUsage: false },
    );
  });
  const [outbound] = outbounds;
  if (!outbound) return undefined;

  const one = async (
    at: number,
    network: Network,
    signal: AbortSignal,
  ): Promise<Decoded<Response>> => {
    const each = outbounds[at] ?? outbound;
    const answer = await send(each, "json", network, signal);
    const text = Buffer.from(await answer.bytes(maxAnswerBytes)).toString("utf8");
    const request = requests[at] ?? decoded.value;
    return target.decodeResponse({ json: answerJson(text), text }, each.origin, request);
  };

  return {
    outbound,
    async run(network, signal, spent) {
      const failed = new AbortController();
      const together = AbortSignal.any([signal, failed.signal]);
      const answers: Decoded<Response>[] = [];
      let next = 0;
      const work = async (): Promise<void> => {
        while (next < requests.length) {
          const at = next;
          next += 1;
          answers[at] = await one(at, network, together);
        }
      };
      try {
        await Promise.all(Array.from({ length: Math.min(atOnce, requests.length) }, work));
      } catch (error) {
        // One failure fails them all, so the others need not be paid for.
        failed.abort(error);
        const usages = answers.flatMap(({ value }) => (value.usage ? [value.usage] : []));
        if (usages.length > 0) spent(sumUsage(usages));
        throw error;
      }
      const merged = kind.merge(
        answers.map(({ value }) => value),
        decoded.value,
        most,
      );
      const warnings = answers.flatMap((answer) => answer.warnings);
      const body = client.encodeResponse(merged, decoded.value, (warning) =>
        warnings.push(warning),
      );
      return { body, usage: merged.usage, warnings };
    },
  };
}

/** What a relay need not understand is relayed as it is. */
function decode<Request, Response>(
  inbound: Inbound,
  codec: OperationCodec<Request, Response>,
  relayed: boolean,
): Decoded<Request> | undefined {
  try {
    return codec.decodeRequest(inbound.body());
  } catch (error) {
    if (relayed && error instanceof GatewayError) return undefined;
    throw error;
  }
}

function answerJson(text: string): Body["json"] {
  try {
    return parseObject(text);
  } catch (error) {
    throw new GatewayError("upstream_invalid", "answered something that is not a JSON object", {
      upstream: { body: text.slice(0, 2_000) },
      cause: error,
    });
  }
}
