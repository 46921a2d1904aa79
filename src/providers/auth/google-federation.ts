// Workload identity federation: another cloud's token for Google's. https://google.aip.dev/auth/4117
import { now } from "../../lib/clock.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Credentials } from "../provider.ts";
import {
  ask,
  askJson,
  authFailure,
  form,
  formHeaders,
  headerToken,
  jsonObject,
  numberOf,
  textOf,
} from "./exchange.ts";
import { readNamed } from "./files.ts";
import { checkGoogleUrl, cloudScope } from "./google-url.ts";
import type { Token } from "./tokens.ts";

/** Of an `external_account` file whose subject token lies in a file or behind a URL. @throws GatewayError */
export async function federatedToken(
  file: JsonObject,
  what: string,
  credentials: Credentials,
): Promise<Token<string>> {
  const audience = textOf(file, "audience");
  const subjectType = textOf(file, "subject_token_type");
  if (audience === undefined || subjectType === undefined) {
    throw authFailure(`\`audience\` or \`subject_token_type\` is missing in ${what}.`);
  }
  const answer = await askJson(credentials, "Google's security token service", {
    url: checkGoogleUrl(
      textOf(file, "token_url") ?? "https://sts.googleapis.com/v1/token",
      "token_url",
      what,
    ),
    method: "POST",
    headers: formHeaders,
    body: form({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
      audience,
      scope: cloudScope,
      subject_token_type: subjectType,
      subject_token: await subjectToken(file["credential_source"], what, credentials),
    }),
  });
  const token = headerToken(textOf(answer, "access_token"), "Google's security token service");
  const account = textOf(file, "service_account_impersonation_url");
  if (account === undefined) {
    return { value: token, expiresAtMs: now() + (numberOf(answer, "expires_in") ?? 3600) * 1000 };
  }
  return impersonate(
    checkGoogleUrl(account, "service_account_impersonation_url", what),
    token,
    credentials,
  );
}

/** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
async function impersonate(
  url: string,
  token: string,
  credentials: Credentials,
): Promise<Token<string>> {
  const server = "Google's IAM credentials service";
  const answer = await askJson(credentials, server, {
    url,
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ scope: [cloudScope] }),
  });
  const expiresAtMs = Date.parse(textOf(answer, "expireTime") ?? "");
  return {
    value: headerToken(textOf(answer, "accessToken"), server),
    expiresAtMs: Number.isNaN(expiresAtMs) ? now() + 3_600_000 : expiresAtMs,
  };
}

async function subjectToken(
  source: unknown,
  what: string,
  credentials: Credentials,
): Promise<string> {
  const given = isObject(source) ? source : {};
  const path = textOf(given, "file");
  const url = textOf(given, "url");
  if (path === undefined && url === undefined) {
    throw authFailure(
      `The \`credential_source\` in ${what} is neither a \`file\` nor a \`url\`: other sources are not supported.`,
    );
  }
  const text =
    path === undefined
      ? await ask(credentials, "The identity provider's token server", {
          url: url ?? "",
          headers: headersOf(given["headers"]),
          // Azure's metadata server is the usual one.
          metadata: url?.startsWith("http://169.254.169.254/") === true,
        })
      : readNamed(path, "The subject token file");
  const format = isObject(given["format"]) ? given["format"] : {};
  if (textOf(format, "type") !== "json") return text.trim();
  const name = textOf(format, "subject_token_field_name") ?? "access_token";
  const token = textOf(jsonObject(text) ?? {}, name);
  if (token === undefined) throw authFailure(`The subject token of ${what} is missing.`);
  return token;
}

const headersOf = (headers: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries(isObject(headers) ? headers : {}).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value]] : [],
    ),
  );
