// `webhook`: somebody else's verdict, asked over HTTP.
import type { Egress } from "../../egress.ts";
import { GatewayError } from "../../ir/error.ts";
import { isObject, JsonError, parseObject } from "../../lib/json.ts";
import type { Logger } from "../../lib/log.ts";
import { now } from "../../lib/clock.ts";
import type { Secret } from "../../lib/secret.ts";
import { signature } from "../../lib/webhook-signature.ts";
import type { Check, Content, Verdict } from "../guardrail.ts";

export interface WebhookOptions {
  name: string;
  url: Secret;
  /** What requests are signed with. */
  secret?: Secret;
  timeoutMs: number;
  onError: "block" | "allow";
}

/** What asking needs of the process. */
export interface WebhookMeans {
  egress: Egress;
  log: Logger;
}

const maxAnswerBytes = 16 * 1024 * 1024;
/** The kind of a finding, as the webhook may name it. */
const kindName = /^[\w .:-]{1,60}$/;

export function webhookCheck(options: WebhookOptions, means: WebhookMeans): Check {
  return {
    by: "judge",
    async judge(content) {
      try {
        return readVerdict(await ask(options, content, means), content.texts.length);
      } catch (thrown) {
        if (content.signal.aborted) throw thrown;
        if (!(thrown instanceof GatewayError || thrown instanceof JsonError)) throw thrown;
        const { name, onError } = options;
        means.log.warn("guardrail.webhook_failed", { guardrail: name, onError }, thrown);
        return onError === "allow" ? { verdict: "allow" } : { verdict: "block", kind: "error" };
      }
    },
  };
}

async function ask(
  { name, url, secret, timeoutMs }: WebhookOptions,
  { direction, texts, model, requestId, signal }: Content,
  { egress }: WebhookMeans,
): Promise<string> {
  const body = JSON.stringify({
    guardrail: name,
    direction,
    model,
    request_id: requestId,
    texts,
  });
  const seconds = String(Math.floor(now() / 1000));
  const answer = await egress.send({
    url: new URL(url.reveal()),
    method: "POST",
    headers: new Headers({
      "content-type": "application/json",
      accept: "application/json",
      "webhook-id": requestId,
      "webhook-timestamp": seconds,
      ...(secret && {
        "webhook-signature": signature({ id: requestId, seconds, body, secret }),
      }),
    }),
    body,
    signal,
    timeouts: {
      connectMs: timeoutMs,
      firstByteMs: timeoutMs,
      idleMs: timeoutMs,
      totalMs: timeoutMs,
    },
    // It is the operator who wrote the address.
    network: "private-allowed",
  });
  const text = await answer.text(maxAnswerBytes);
  if (answer.status === 200) return text;
  throw new GatewayError("upstream_invalid", `the webhook answered with ${answer.status}`);
}

/** @throws GatewayError, JsonError where it is no verdict */
function readVerdict(text: string, count: number): Verdict {
  const { verdict, kind: written, texts } = parseObject(text);
  const kind = typeof written === "string" && kindName.test(written) ? written : "webhook";
  if (verdict === "allow") return { verdict };
  if (verdict === "block") return { verdict, kind };
  const isList = Array.isArray(texts) && texts.length === count;
  if (verdict === "edit" && isList && texts.every((each) => typeof each === "string")) {
    return { verdict, kind, texts };
  }
  throw new GatewayError(
    "upstream_invalid",
    isObject(texts) || verdict === "edit"
      ? "the webhook's `texts` must be a list of as many texts as it got"
      : "the webhook's `verdict` must be `allow`, `block` or `edit`",
  );
}
