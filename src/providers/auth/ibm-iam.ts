// IBM Cloud: an API key is exchanged for a token. https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey
import { now } from "../../lib/clock.ts";
import type { Authorize, AuthSetting } from "../provider.ts";
import {
  askJson,
  authFailure,
  form,
  formHeaders,
  headerToken,
  numberOf,
  textOf,
} from "./exchange.ts";
import { accessToken, revealed, setting } from "./settings.ts";
import { createTokenCache } from "./tokens.ts";

const cache = createTokenCache<string>("IBM Cloud token");

const server = "IBM Cloud IAM";

/** `authorization: Bearer` with the token; one for each key. */
export const ibmIamAuth: Authorize = async (request, credentials) => {
  const { apiKey } = credentials;
  const written = revealed(credentials, "access_token");
  if (written === undefined && !apiKey) {
    throw authFailure("IBM Cloud needs an `api_key` ($WATSONX_APIKEY), or an `access_token`.");
  }
  const token =
    written ??
    (await cache(apiKey ?? credentials.settings, async () => {
      const answer = await askJson(credentials, server, {
        url: `${setting(credentials, "iam_url") ?? "https://iam.cloud.ibm.com"}/identity/token`,
        method: "POST",
        headers: { ...formHeaders, accept: "application/json" },
        body: form({
          grant_type: "urn:ibm:params:oauth:grant-type:apikey",
          apikey: apiKey?.reveal() ?? "",
        }),
      });
      return {
        value: headerToken(textOf(answer, "access_token"), server),
        expiresAtMs: now() + (numberOf(answer, "expires_in") ?? 3600) * 1000,
      };
    }));
  request.headers.set("authorization", `Bearer ${token}`);
};

export const ibmSettings: Readonly<Record<string, AuthSetting>> = {
  access_token: accessToken("${WATSONX_TOKEN}"),
  iam_url: {
    description: "Where IAM is when not at `https://iam.cloud.ibm.com`",
    pattern: /^https?:\/\/[A-Za-z0-9.-]+(?::\d{1,5})?$/,
    aside: true,
    example: "https://private.iam.cloud.ibm.com",
  },
};
