// Where AWS credentials come from: the settings, then AWS's own chain of environment, files and metadata servers.
import { now } from "../../lib/clock.ts";
import type { Credentials } from "../provider.ts";
import { containerKeys, instanceKeys } from "./aws-metadata.ts";
import { profileOf, profileValues } from "./aws-profile.ts";
import { webIdentityKeys } from "./aws-web-identity.ts";
import { authFailure } from "./exchange.ts";
import { readNamed } from "./files.ts";
import { revealed, setting, variable } from "./settings.ts";
import type { AwsKeys } from "./sigv4.ts";
import { createTokenCache, type Token } from "./tokens.ts";

/** Files that other programs rewrite (`aws sso login` and its like) are looked at again after this time. */
const fileLeaseMs = 60_000;

const cache = createTokenCache<AwsKeys>("AWS credentials");

/**
 * The keys to sign with: those of the settings; else, as AWS's own tools look for them, a profile that is named
 * (setting `profile`, `AWS_PROFILE`), the environment, the default profile, a web identity (EKS), the container's
 * (ECS, EKS pod identity), the instance's (EC2).
 * @throws GatewayError `upstream_auth` saying where it looked.
 */
export async function awsKeys(credentials: Credentials): Promise<AwsKeys> {
  return settingsKeys(credentials) ?? cache(credentials.settings, async () => chain(credentials));
}

/** The settings' own keys; undefined when there are none. @throws GatewayError when there is only half of them */
export function settingsKeys(credentials: Credentials): AwsKeys | undefined {
  return pair(
    revealed(credentials, "access_key_id"),
    revealed(credentials, "secret_access_key"),
    revealed(credentials, "session_token"),
    "`access_key_id` and `secret_access_key`",
  );
}

async function chain(credentials: Credentials): Promise<Token<AwsKeys>> {
  const named = setting(credentials, "profile") ?? variable(credentials, "AWS_PROFILE");
  const found =
    named === undefined
      ? (environmentKeys(credentials) ??
        (await profileKeys("default", credentials, false)) ??
        (await webIdentity(credentials)) ??
        (await containerKeys(credentials)) ??
        (await instanceKeys(credentials)))
      : await profileKeys(named, credentials, true);
  if (found) return found;
  throw authFailure(
    "No AWS credentials: looked for the settings `access_key_id` and `secret_access_key`, a bearer `api_key`, `profile`, $AWS_ACCESS_KEY_ID, the default profile in ~/.aws, $AWS_WEB_IDENTITY_TOKEN_FILE, a container's and an instance's metadata server.",
  );
}

function environmentKeys(credentials: Credentials): Token<AwsKeys> | undefined {
  const value = pair(
    variable(credentials, "AWS_ACCESS_KEY_ID"),
    variable(credentials, "AWS_SECRET_ACCESS_KEY"),
    variable(credentials, "AWS_SESSION_TOKEN"),
    "$AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY",
  );
  return value && { value, expiresAtMs: null };
}

/** @param demanded the profile was named, so that going on without it would use somebody else's credentials. */
async function profileKeys(
  name: string,
  credentials: Credentials,
  demanded: boolean,
): Promise<Token<AwsKeys> | undefined> {
  const values = profileValues(name, credentials.env);
  if (!values && !demanded) return undefined;
  if (!values) {
    throw authFailure(
      `There is no AWS profile \`${name}\` in ~/.aws/credentials or ~/.aws/config ($AWS_SHARED_CREDENTIALS_FILE, $AWS_CONFIG_FILE).`,
    );
  }
  const keys = pair(
    values["aws_access_key_id"],
    values["aws_secret_access_key"],
    values["aws_session_token"],
    `\`aws_access_key_id\` and \`aws_secret_access_key\` of the AWS profile \`${name}\``,
  );
  if (keys) return { value: keys, expiresAtMs: now() + fileLeaseMs };
  const { role_arn: role, web_identity_token_file: file } = values;
  if (role !== undefined && file !== undefined) {
    return webIdentityKeys(credentials, {
      role,
      token: readNamed(file, "The web identity token file"),
      session: values["role_session_name"],
      region: regionOf(credentials),
    });
  }
  const other = ["sso_session", "sso_start_url", "credential_process", "role_arn"].find((key) =>
    Object.hasOwn(values, key),
  );
  if (!demanded && other === undefined) return undefined;
  throw authFailure(
    other === undefined
      ? `The AWS profile \`${name}\` holds no access key.`
      : `The AWS profile \`${name}\` uses \`${other}\`, which is not supported: \`aws configure export-credentials --profile ${name}\` gives keys for the environment.`,
  );
}

async function webIdentity(credentials: Credentials): Promise<Token<AwsKeys> | undefined> {
  const file = variable(credentials, "AWS_WEB_IDENTITY_TOKEN_FILE");
  const role = variable(credentials, "AWS_ROLE_ARN");
  if (file === undefined) return undefined;
  if (role === undefined) {
    throw authFailure("$AWS_WEB_IDENTITY_TOKEN_FILE is set, and $AWS_ROLE_ARN is not.");
  }
  return webIdentityKeys(credentials, {
    role,
    token: readNamed(file, "The web identity token file"),
    session: variable(credentials, "AWS_ROLE_SESSION_NAME"),
    region: regionOf(credentials),
  });
}

/** The settings' region; else the environment's, the profile's, AWS's first. */
export const regionOf = (credentials: Credentials): string =>
  setting(credentials, "region") ??
  variable(credentials, "AWS_REGION") ??
  variable(credentials, "AWS_DEFAULT_REGION") ??
  profileOf(credentials.settings, credentials.env)?.["region"] ??
  "us-east-1";

function pair(
  accessKeyId: string | undefined,
  secretAccessKey: string | undefined,
  sessionToken: string | undefined,
  names: string,
): AwsKeys | undefined {
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw authFailure(`Only one of ${names} is set: AWS needs both.`);
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}
