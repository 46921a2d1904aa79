// AWS Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
import { Sha256Node } from "@smithy/core/checksum";
import { SignatureV4 } from "@smithy/signature-v4";
import { now } from "../../lib/clock.ts";
import type { Unsigned } from "../provider.ts";

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
}

/** What a signature is good for. */
export interface AwsScope {
  region: string;
  /** As in the credential scope, e.g. `bedrock`. */
  service: string;
}

/**
 * Signs method, URL, body, `host`, `content-type` and every `x-amz-` header; anything else may change on the way.
 * The path is escaped once more than it is in the URL, as all services but S3 want it.
 */
export async function signV4(request: Unsigned, keys: AwsKeys, scope: AwsScope): Promise<void> {
  const { url, headers } = request;
  const signer = new SignatureV4({
    ...scope,
    credentials: keys,
    sha256: Sha256Node,
    applyChecksum: false,
  });
  const signable = [...headers].filter(
    ([name]) => name === "content-type" || name.startsWith("x-amz"),
  );
  const signed = await signer.sign(
    {
      method: request.method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: queryOf(url),
      headers: { ...Object.fromEntries(signable), host: url.host },
      body: request.body,
    },
    { signingDate: new Date(now()) },
  );
  for (const name of ["x-amz-date", "x-amz-security-token", "authorization"]) {
    const value = signed.headers[name];
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
  }
}

function queryOf(url: URL): Record<string, string[]> {
  const query: Record<string, string[]> = {};
  for (const name of new Set(url.searchParams.keys())) query[name] = url.searchParams.getAll(name);
  return query;
}
