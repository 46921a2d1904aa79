// Checks who sent a request to Bedrock: an AWS signature recomputed from the request, or a Bearer key.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { now } from "../../../src/lib/clock.ts";
import type { Recorded, Refusal } from "./upstream.ts";

export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** Temporary credentials: `x-amz-security-token` must carry exactly this. */
  sessionToken?: string;
  region: string;
}

const algorithm = "AWS4-HMAC-SHA256";
const service = "bedrock";
const toleranceMs = 5 * 60_000;

/**
 * Refuses what is neither signed with `credentials` nor carries the Bearer `key`.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function refuseCaller(
  request: Recorded,
  credentials: AwsCredentials,
  key: string,
): Refusal | undefined {
  const authorization = request.headers["authorization"];
  if (authorization === undefined)
    return denied("MissingAuthenticationTokenException", "Missing Authentication Token");
  if (/^bearer /i.test(authorization)) {
    return authorization === `Bearer ${key}`
      ? undefined
      : denied(
          "AccessDeniedException",
          "Authentication failed: Please make sure your API Key is valid.",
        );
  }
  if (!authorization.startsWith(`${algorithm} `)) {
    return denied(
      "IncompleteSignatureException",
      `Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed with SHA-256 and encoded with Base64) Authorization=${sha256(authorization)}`,
    );
  }
  return refuseSignature(request, credentials, partsOf(authorization.slice(algorithm.length + 1)));
}

function refuseSignature(
  request: Recorded,
  credentials: AwsCredentials,
  parts: ReadonlyMap<string, string>,
): Refusal | undefined {
  const missing = ["Credential", "Signature", "SignedHeaders"].filter((name) => !parts.has(name));
  if (missing.length > 0) {
    return denied(
      "IncompleteSignatureException",
      missing.map((name) => `Authorization header requires '${name}' parameter.`).join(" "),
    );
  }
  const [keyId = "", date = "", region = "", named = "", end = ""] = (
    parts.get("Credential") ?? ""
  ).split("/");
  if (keyId !== credentials.accessKeyId) return unknownToken;
  const scope = `${date}/${region}/${named}/${end}`;
  if (region !== credentials.region)
    return invalid("Credential should be scoped to a valid region. ");
  if (named !== service)
    return invalid(`Credential should be scoped to correct service: '${service}'. `);
  if (end !== "aws4_request")
    return invalid("Credential should be scoped with a valid terminator: 'aws4_request'. ");
  const sent = request.headers["x-amz-security-token"];
  if (sent !== credentials.sessionToken) return unknownToken;
  const stamp = request.headers["x-amz-date"] ?? "";
  const signed = (parts.get("SignedHeaders") ?? "").split(";");
  return (
    refuseDate(stamp, date) ??
    refuseSignedHeaders(request, signed) ??
    refuseDigest(request, {
      credentials,
      scope,
      stamp,
      signed,
      given: parts.get("Signature") ?? "",
    })
  );
}

function refuseDate(stamp: string, date: string): Refusal | undefined {
  const at = Date.parse(
    stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"),
  );
  if (!/^\d{8}T\d{6}Z$/.test(stamp) || Number.isNaN(at)) {
    return denied(
      "IncompleteSignatureException",
      `Date must be in ISO-8601 'basic format'. Got '${stamp}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    );
  }
  if (!stamp.startsWith(date)) {
    return invalid(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != '${stamp.slice(0, 8)}', from '${stamp}'.`,
    );
  }
  const present = now();
  if (at < present - toleranceMs) {
    return invalid(
      `Signature expired: ${stamp} is now earlier than ${basic(present - toleranceMs)} (${basic(present)} - 5 min.)`,
    );
  }
  return at > present + toleranceMs
    ? invalid(
        `Signature not yet current: ${stamp} is still later than ${basic(present + toleranceMs)} (${basic(present)} + 5 min.)`,
      )
    : undefined;
}

/** The host, and everything that Amazon itself reads, must be under the signature. */
function refuseSignedHeaders(request: Recorded, signed: readonly string[]): Refusal | undefined {
  if (!signed.includes("host")) {
    return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  const needed = ["x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
  const bare = needed.find((name) => request.headers[name] !== undefined && !signed.includes(name));
  return bare === undefined
    ? undefined
    : invalid(`'${bare}' must be a 'SignedHeader' in the AWS Authorization.`);
}

interface Claim {
  credentials: AwsCredentials;
  scope: string;
  stamp: string;
  signed: readonly string[];
  given: string;
}

function refuseDigest(request: Recorded, claim: Claim): Refusal | undefined {
  const canonical = [
    request.method,
    canonicalPath(request.path),
    canonicalQuery(request.query),
    ...claim.signed.map(
      (name) => `${name}:${(request.headers[name] ?? "").trim().replaceAll(/ +/g, " ")}`,
    ),
    "",
    claim.signed.join(";"),
    sha256(request.body),
  ].join("\n");
  const toSign = [algorithm, claim.stamp, claim.scope, sha256(canonical)].join("\n");
  const [date = "", region = ""] = claim.scope.split("/");
  let secret: Uint8Array | string = `AWS4${claim.credentials.secretAccessKey}`;
  for (const step of [date, region, service, "aws4_request", toSign]) {
    secret = createHmac("sha256", secret).update(step).digest();
  }
  const given = Buffer.from(claim.given, "hex");
  if (given.length === secret.length && timingSafeEqual(given, Buffer.from(secret)))
    return undefined;
  return invalid(
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
  );
}

/** Every service but S3 escapes the path that was sent once more. */
const canonicalPath = (path: string): string =>
  path
    .split("/")
    .map((segment) => escape(segment))
    .join("/");

const canonicalQuery = (query: string): string =>
  [...new URLSearchParams(query)]
    .map(([name, value]) => `${escape(name)}=${escape(value)}`)
    .toSorted()
    .join("&");

const escape = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const partsOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split(",").map((part) => {
      const [name = "", ...value] = part.trim().split("=");
      return [name, value.join("=")];
    }),
  );

const basic = (at: number): string => new Date(at).toISOString().replaceAll(/[-:]|\.\d{3}/g, "");

const sha256 = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

const denied = (type: string, message: string): Refusal => ({ status: 403, type, message });
const invalid = (message: string): Refusal => denied("InvalidSignatureException", message);
const unknownToken = denied(
  "UnrecognizedClientException",
  "The security token included in the request is invalid.",
);
