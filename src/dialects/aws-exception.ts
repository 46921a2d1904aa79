// AWS's names for what went wrong, in answers (`x-amzn-errortype`) and in streams (`:exception-type`).
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_Errors
import type { GatewayError } from "../ir/error.ts";
import { parse, JsonError, isObject, type JsonObject } from "../lib/json.ts";
import { field, stringOr } from "./fields.ts";
import { upstreamError } from "./upstream-error.ts";

const statuses: Readonly<Record<string, number>> = {
  validationexception: 400,
  conflictexception: 400,
  serializationexception: 400,
  unrecognizedclientexception: 401,
  invalidsignatureexception: 401,
  expiredtokenexception: 401,
  accessdeniedexception: 403,
  resourcenotfoundexception: 404,
  modeltimeoutexception: 408,
  modelerrorexception: 424,
  modelstreamerrorexception: 424,
  servicequotaexceededexception: 429,
  throttlingexception: 429,
  toomanyrequestsexception: 429,
  modelnotreadyexception: 429,
  internalserverexception: 500,
  internalfailure: 500,
  serviceunavailableexception: 503,
};

/** The HTTP status that a name stands for, however it is capitalised. */
export function statusOfException(name: string | undefined): number | undefined {
  const key = name?.toLowerCase() ?? "";
  return Object.hasOwn(statuses, key) ? statuses[key] : undefined;
}

/** A stream's exception for what another wire says by status. @example exceptionOfStatus(429) // → "throttlingException" */
export function exceptionOfStatus(status: number): string {
  if (status === 429) return "throttlingException";
  if (status === 503 || status === 529) return "serviceUnavailableException";
  return status >= 500 || status === 408 ? "internalServerException" : "validationException";
}

/** The error that an exception in a stream stands for; `data` is its payload. */
export function decodeException(name: string | undefined, data: string): GatewayError {
  const json = objectOf(data);
  // Of a stream that the model broke: what the model's own server had said.
  const original = field(json, "originalStatusCode");
  const message = [field(json, "message"), field(json, "Message"), field(json, "originalMessage")]
    .map(stringOr)
    .find((text) => text !== undefined && text !== "");
  const stated = statusOfException(name);
  const status = stated === failedModel && typeof original === "number" ? original : stated;
  return upstreamError(
    { message, type: name },
    { status: status === failedModel ? 500 : (status ?? 500), body: data },
  );
}

/** "Failed dependency": the model failed, not the request. */
export const failedModel = 424;

function objectOf(data: string): JsonObject {
  try {
    const value = parse(data);
    return isObject(value) ? value : {};
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return { message: data };
  }
}
