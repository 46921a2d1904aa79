// A Kubernetes service account's token for AWS credentials: STS AssumeRoleWithWebIdentity.
import { now } from "../../lib/clock.ts";
import type { Credentials } from "../provider.ts";
import { ask, authFailure, form, formHeaders } from "./exchange.ts";
import { variable } from "./settings.ts";
import type { AwsKeys } from "./sigv4.ts";
import type { Token } from "./tokens.ts";

export interface WebIdentity {
  role: string;
  /** The service account's own token. */
  token: string;
  session: string | undefined;
  region: string;
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html @throws GatewayError */
export async function webIdentityKeys(
  credentials: Credentials,
  { role, token, session = "megallm", region }: WebIdentity,
): Promise<Token<AwsKeys>> {
  const answer = await ask(credentials, "AWS STS", {
    url: `${stsUrl(credentials, region)}/`,
    method: "POST",
    headers: formHeaders,
    body: form({
      Action: "AssumeRoleWithWebIdentity",
      Version: "2011-06-15",
      RoleArn: role,
      RoleSessionName: session.replaceAll(/[^\w+=,.@-]/g, "-").slice(0, 64),
      WebIdentityToken: token.trim(),
    }),
  });
  // XML; the four values are plain text without entities.
  const valueOf = (name: string): string | undefined =>
    new RegExp(`<${name}>\\s*([^<\\s]+)\\s*</${name}>`).exec(answer)?.[1];
  const accessKeyId = valueOf("AccessKeyId");
  const secretAccessKey = valueOf("SecretAccessKey");
  const sessionToken = valueOf("SessionToken");
  const expiresAtMs = Date.parse(valueOf("Expiration") ?? "");
  if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined) {
    throw authFailure("AWS STS answered without credentials.");
  }
  return {
    value: { accessKeyId, secretAccessKey, sessionToken },
    expiresAtMs: Number.isNaN(expiresAtMs) ? now() + 15 * 60_000 : expiresAtMs,
  };
}

function stsUrl(credentials: Credentials, region: string): string {
  const own = variable(credentials, "AWS_ENDPOINT_URL_STS");
  if (own !== undefined) return own.replace(/\/+$/, "");
  if (!/^[a-z0-9-]+$/.test(region)) throw authFailure(`\`${region}\` is not an AWS region.`);
  return `https://sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
}
