// Anthropic's rules for headers: one credential, a version, known betas.
import { invalid } from "./anthropic-wording.ts";
import type { Refusal } from "./upstream.ts";

/** https://platform.claude.com/docs/en/api/versioning */
const versions: ReadonlySet<string> = new Set(["2023-01-01", "2023-06-01", "2026-10-21"]);

const bodyLimit = 32 * 1024 * 1024;

/** Refuses a missing or foreign key, two credentials, an unknown version or beta, another content type, too long a body. */
export function refuseAnthropicHeaders(
  headers: Readonly<Record<string, string>>,
  key: string,
  body: Uint8Array | undefined,
): Refusal | undefined {
  const apiKey = headers["x-api-key"];
  const authorization = headers["authorization"];
  const failed = (message: string): Refusal => ({
    status: 401,
    type: "authentication_error",
    message,
  });
  if (apiKey === undefined && authorization === undefined)
    return failed("x-api-key header is required");
  // The vendor prefers one of two; a gateway that sends both has leaked the caller's.
  if (apiKey !== undefined && authorization !== undefined) {
    return invalid("Only one of the headers `x-api-key` and `authorization` may be sent.");
  }
  if (apiKey !== undefined && apiKey !== key) return failed("invalid x-api-key");
  if (authorization !== undefined && authorization !== `Bearer ${key}`)
    return failed("Invalid bearer token");
  const version = headers["anthropic-version"];
  if (version === undefined) return invalid("anthropic-version: header is required");
  if (!versions.has(version))
    return invalid(`anthropic-version: "${version}" is not a valid version`);
  const unknown = [...betasOf(headers)].find(
    (beta) => !/^[a-z][a-z0-9-]*-\d{4}-?\d{2}-?\d{2}$/.test(beta),
  );
  if (unknown !== undefined) {
    return invalid(
      `Unexpected value(s) \`${unknown}\` for the \`anthropic-beta\` header. Please consult our documentation at platform.claude.com/docs or try again without the header.`,
    );
  }
  if (body === undefined) return undefined;
  if (body.length > bodyLimit) {
    return { status: 413, type: "request_too_large", message: "Request exceeds the maximum size" };
  }
  if (!/^application\/json\b/i.test(headers["content-type"] ?? "")) {
    return {
      status: 415,
      type: "invalid_request_error",
      message: "Content-Type must be application/json",
    };
  }
  return headers["content-encoding"] === undefined
    ? undefined
    : invalid("The request body is encoded, which this server does not take.");
}

/** The names in `anthropic-beta`. */
export function betasOf(headers: Readonly<Record<string, string>>): ReadonlySet<string> {
  return new Set(
    (headers["anthropic-beta"] ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  );
}
