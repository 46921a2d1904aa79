// How requests to AWS are signed: with a bearer key where there is one, else with Signature V4.
import type { Authorize, AuthSetting, UrlSetting } from "../provider.ts";
import { awsKeys, regionOf, settingsKeys } from "./aws-credentials.ts";
import { profileRegion } from "./aws-profile.ts";
import { signV4 } from "./sigv4.ts";

/** `service` as in the credential scope. Keys of the settings go before a bearer key, that before the chain. */
export const awsAuth =
  (service: string): Authorize =>
  async (request, credentials) => {
    const own = settingsKeys(credentials);
    if (!own && credentials.apiKey) {
      request.headers.set("authorization", `Bearer ${credentials.apiKey.reveal()}`);
      return;
    }
    const keys = own ?? (await awsKeys(credentials));
    await signV4(request, keys, { service, region: regionOf(credentials) });
  };

export const awsRegion: UrlSetting = {
  description: "AWS region",
  pattern: /^[a-z]{2}(?:-[a-z]+)+-\d{1,2}$/,
  env: ["AWS_REGION", "AWS_DEFAULT_REGION"],
  lookup: profileRegion,
  example: "us-east-1",
  default: "us-east-1",
};

/** The environment's keys are no defaults of these: they are part of the chain, which a `profile` goes before. */
export const awsSettings: Readonly<Record<string, AuthSetting>> = {
  access_key_id: {
    description:
      "AWS access key; without any, AWS's own chain is used ($AWS_ACCESS_KEY_ID and so on)",
    secret: true,
    pattern: /^[\x21-\x7e]+$/,
    example: "${AWS_ACCESS_KEY_ID}",
  },
  secret_access_key: {
    description: "The secret to `access_key_id`",
    secret: true,
    pattern: /^[\x21-\x7e]+$/,
    example: "${AWS_SECRET_ACCESS_KEY}",
  },
  session_token: {
    description: "The session token of temporary AWS keys",
    secret: true,
    pattern: /^[\x21-\x7e]+$/,
    example: "${AWS_SESSION_TOKEN}",
  },
  profile: {
    description: "Profile in the vendor's own file (`~/.aws/credentials`, `~/.oci/config`)",
    pattern: /^[^\s\p{Cc}[\]][^\p{Cc}[\]]{0,127}$/u,
    example: "production",
  },
};

/** Signs of credentials that need no key. */
export const awsTraces = {
  env: [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  ],
  files: ["~/.aws/credentials"],
};
