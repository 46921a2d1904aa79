// OpenAI's rules for headers: the key, and nothing but the key.
import { badJson, invalid } from "./openai-wording.ts";
import type { Refusal } from "./upstream.ts";

/**
 * Refuses what must not be in the headers: a missing or foreign key, a second credential, another content type.
 * `hasBody` is false for GET.
 */
export function refuseOpenAiHeaders(
  headers: Readonly<Record<string, string>>,
  key: string,
  hasBody: boolean,
): Refusal | undefined {
  const authorization = headers["authorization"];
  if (authorization === undefined) {
    return unauthorized(
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.",
      null,
    );
  }
  if (authorization !== `Bearer ${key}`) {
    const shown = authorization.replace(/^Bearer /, "");
    return unauthorized(
      `Incorrect API key provided: ${shown.slice(0, 2)}${"*".repeat(6)}. You can find your API key at https://platform.openai.com/account/api-keys.`,
      "invalid_api_key",
    );
  }
  // The vendor ignores a second credential; a gateway that sends one has leaked it.
  const foreign = ["x-api-key", "api-key", "x-goog-api-key", "anthropic-version"].find(
    (name) => headers[name] !== undefined,
  );
  if (foreign !== undefined)
    return invalid({ message: `The header '${foreign}' does not belong to this API.` });
  if (hasBody && !/^application\/json\b/i.test(headers["content-type"] ?? "")) {
    const sent = headers["content-type"] ?? "";
    return {
      ...invalid({
        message: `Unsupported content type: '${sent}'. This API method only accepts 'application/json' requests, but you specified the header 'Content-Type: ${sent}'. Please try again with a supported content type.`,
        code: "unsupported_content_type",
      }),
      status: 415,
    };
  }
  if (headers["content-encoding"] !== undefined) return badJson();
  return undefined;
}

const unauthorized = (message: string, code: string | null): Refusal => ({
  status: 401,
  type: "invalid_request_error",
  message,
  param: null,
  code,
});
