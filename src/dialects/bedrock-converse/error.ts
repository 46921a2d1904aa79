// Errors of Bedrock, and this wire's own error shape for clients.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors
import type { GatewayError } from "../../ir/error.ts";
import { isObject } from "../../lib/json.ts";
import { failedModel, statusOfException } from "../aws-exception.ts";
import { field, stringOr } from "../fields.ts";
import { readErrorBody, type Said, upstreamError } from "../upstream-error.ts";

/** An upstream's error answer of any form. AWS says the kind in a header, the words in the body. */
export function decodeError(status: number, headers: Headers, body: string): GatewayError {
  const said = readErrorBody(body, status, readValue);
  // `ValidationException:http://internal.amazon.com/coral/…`
  const type = headers.get("x-amzn-errortype")?.split(":")[0] || said.type;
  return upstreamError(
    { ...said, type, requestId: headers.get("x-amzn-requestid") ?? undefined },
    { status: meaningOf(status, type), headers, body },
  );
}

function meaningOf(status: number, type: string | undefined): number {
  const stated = statusOfException(type);
  // The model's failure is not the request's. Quota used up comes as a 400.
  if (status === failedModel) return 502;
  return stated === 429 && status === 400 ? stated : status;
}

function readValue(value: unknown): Said {
  if (!isObject(value)) return {};
  const inner = field(value, "error");
  const source = isObject(inner) ? inner : value;
  const type = stringOr(field(value, "__type")) ?? stringOr(field(source, "type"));
  return {
    message:
      stringOr(field(source, "message")) ?? stringOr(field(source, "Message")) ?? stringOr(inner),
    // `com.amazon.coral.service#AccessDeniedException`
    type: type?.split("#").at(-1),
  };
}

/** The body of a native error answer; an exception's payload in a stream is the same. */
export const errorBody = (error: GatewayError): string =>
  JSON.stringify({ message: wordsOf(error) });

/** Agents know a prompt that is too long by Bedrock's own words alone, and then shorten it. */
function wordsOf({ message, upstream }: GatewayError): string {
  if (upstream?.code !== "context_length_exceeded" || /input is too long/i.test(message)) {
    return message;
  }
  return `Input is too long for requested model. ${message}`;
}

export const errorHeaders = (error: GatewayError): Record<string, string> => ({
  "x-amzn-errortype": typeOf(error),
});

/** By status, as AWS names them. */
export function typeOf({ status }: GatewayError): string {
  switch (status) {
    case 401:
    case 402:
    case 403:
      return "AccessDeniedException";
    case 404:
      return "ResourceNotFoundException";
    case 408:
    case 504:
      return "ModelTimeoutException";
    case 429:
      return "ThrottlingException";
    case 503:
    case 529:
      return "ServiceUnavailableException";
    default:
      return status >= 500 ? "InternalServerException" : "ValidationException";
  }
}
