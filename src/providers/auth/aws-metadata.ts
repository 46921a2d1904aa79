// AWS credentials of the machine: a container's (ECS, EKS pod identity) and an EC2 instance's (IMDSv2 only).
import { GatewayError } from "../../ir/error.ts";
import { now } from "../../lib/clock.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Credentials, TokenRequest } from "../provider.ts";
import { ask, askJson, authFailure, headerToken, textOf } from "./exchange.ts";
import { readNamed } from "./files.ts";
import { variable } from "./settings.ts";
import type { AwsKeys } from "./sigv4.ts";
import type { Token } from "./tokens.ts";

/** Metadata servers are on the machine's own link: what does not answer soon is not there. */
const quick = { metadata: true, timeoutMs: 1_000 } as const;

/** Undefined outside of a container. https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html @throws GatewayError */
export async function containerKeys(credentials: Credentials): Promise<Token<AwsKeys> | undefined> {
  const relative = variable(credentials, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const full = variable(credentials, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  const request =
    relative === undefined
      ? full === undefined
        ? undefined
        : fullRequest(full)
      : { url: new URL(relative, "http://169.254.170.2").href, ...quick };
  if (!request) return undefined;
  const file = variable(credentials, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  const token =
    file === undefined
      ? variable(credentials, "AWS_CONTAINER_AUTHORIZATION_TOKEN")
      : readNamed(file, "The container's authorization token file").trim();
  const server = "The container's credentials server";
  const answer = await askJson(credentials, server, {
    ...request,
    ...(token !== undefined && {
      headers: { authorization: headerToken(token, file ?? "$AWS_CONTAINER_AUTHORIZATION_TOKEN") },
    }),
  });
  return keysOf(answer, server);
}

const containerHosts = new Set(["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]);

/** Without TLS only this machine and the two links that AWS gives to containers. */
function fullRequest(text: string): TokenRequest {
  const url = URL.parse(text);
  const near =
    url !== null &&
    (containerHosts.has(url.hostname) ||
      /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname));
  if (url?.protocol === "http:" && near) return { url: url.href, ...quick };
  if (url?.protocol === "https:") return { url: url.href };
  throw authFailure(
    "$AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http on this machine or a container's own link.",
  );
}

const instanceServer = "The EC2 instance's metadata server";

/** Undefined where no such server answers or the instance has no role. @throws GatewayError */
export async function instanceKeys(credentials: Credentials): Promise<Token<AwsKeys> | undefined> {
  if (variable(credentials, "AWS_EC2_METADATA_DISABLED")?.toLowerCase() === "true")
    return undefined;
  const base = (
    variable(credentials, "AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? "http://169.254.169.254"
  ).replace(/\/+$/, "");
  const session = await sessionOf(credentials, base);
  if (session === undefined) return undefined;
  const headers = { "x-aws-ec2-metadata-token": session };
  const path = `${base}/latest/meta-data/iam/security-credentials/`;
  const { status, text } = await credentials.fetch({ url: path, headers, ...quick });
  const role = status === 200 ? (text.trim().split("\n")[0] ?? "") : "";
  if (!/^[\w+=,.@-]{1,128}$/.test(role)) return undefined;
  const url = path + encodeURIComponent(role);
  return keysOf(
    await askJson(credentials, instanceServer, { url, headers, ...quick }),
    instanceServer,
  );
}

/** IMDSv2: no credentials without a session, so that a request forged by somebody else gets nothing. */
async function sessionOf(credentials: Credentials, base: string): Promise<string | undefined> {
  try {
    const token = await ask(credentials, instanceServer, {
      url: `${base}/latest/api/token`,
      method: "PUT",
      headers: { "x-aws-ec2-metadata-token-ttl-seconds": "21600" },
      ...quick,
    });
    return headerToken(token.trim(), instanceServer);
  } catch (error) {
    if (error instanceof GatewayError && error.code !== "client_closed") return undefined;
    throw error;
  }
}

function keysOf(answer: JsonObject, server: string): Token<AwsKeys> {
  const accessKeyId = textOf(answer, "AccessKeyId");
  const secretAccessKey = textOf(answer, "SecretAccessKey");
  const sessionToken = textOf(answer, "Token");
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw authFailure(`${server} answered without credentials.`);
  }
  const expiresAtMs = Date.parse(textOf(answer, "Expiration") ?? "");
  return {
    value: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    expiresAtMs: Number.isNaN(expiresAtMs) ? now() + 15 * 60_000 : expiresAtMs,
  };
}
