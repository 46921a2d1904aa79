// Google Cloud: OAuth access tokens from a service account, a user's login, a federation or the metadata server.
import { createPrivateKey, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import { GatewayError } from "../../ir/error.ts";
import { now } from "../../lib/clock.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Authorize, AuthSetting, Credentials, Unsigned } from "../provider.ts";
import {
  askJson,
  authFailure,
  form,
  formHeaders,
  headerToken,
  jsonObject,
  numberOf,
  textOf,
} from "./exchange.ts";
import { homePath, readNamed, readSmall } from "./files.ts";
import { federatedToken } from "./google-federation.ts";
import { checkGoogleUrl, cloudScope } from "./google-url.ts";
import { accessToken, revealed, variable } from "./settings.ts";
import { createTokenCache, type Token } from "./tokens.ts";

/** An access token and what comes with it. */
interface GoogleToken {
  accessToken: string;
  /** The project that the credentials belong to. */
  project?: string;
  /** The project that a user's requests are charged to. */
  quotaProject?: string;
}

const cache = createTokenCache<GoogleToken>("Google access token");

/**
 * `authorization: Bearer`. A path that names the project `-` gets the credentials' own.
 * What nobody wrote into the configuration goes to Google's own hosts only.
 */
export const googleAuth: Authorize = async (request, credentials) => {
  const written = revealed(credentials, "access_token");
  const token =
    written === undefined ? await obtain(request, credentials) : { accessToken: written };
  request.headers.set("authorization", `Bearer ${token.accessToken}`);
  if (token.quotaProject !== undefined) {
    request.headers.set("x-goog-user-project", token.quotaProject);
  }
  nameProject(request, token);
};

export const googleSettings: Readonly<Record<string, AuthSetting>> = {
  credentials: {
    description:
      "A Google credentials file (service account, user login or federation): its path, or the JSON itself. Without it: $GOOGLE_APPLICATION_CREDENTIALS, gcloud's own file, the metadata server",
    secret: true,
    json: true,
    example: "/etc/megallm/service-account.json",
  },
  access_token: accessToken("${GOOGLE_ACCESS_TOKEN}"),
};

export const googleTraces = {
  env: ["GOOGLE_APPLICATION_CREDENTIALS"],
  files: ["~/.config/gcloud/application_default_credentials.json"],
};

/** A path segment of its own: `-` is Google's wildcard and never a project's name. */
const openProject = "/projects/-/";

function nameProject({ url }: Unsigned, { project }: GoogleToken): void {
  if (!url.pathname.includes(openProject)) return;
  if (project === undefined || !/^[a-z0-9.:-]{1,100}$/.test(project)) {
    throw authFailure(
      "The Google credentials name no project: write `project`, or set $GOOGLE_CLOUD_PROJECT.",
    );
  }
  url.pathname = url.pathname.replace(openProject, `/projects/${encodeURIComponent(project)}/`);
}

async function obtain(request: Unsigned, credentials: Credentials): Promise<GoogleToken> {
  const written = revealed(credentials, "credentials");
  if (written === undefined && !isGoogle(request.url)) {
    throw authFailure(
      "With a `base_url` that is not Google's, write `credentials` or `access_token`: those of the environment are not sent there.",
    );
  }
  return cache(credentials.settings, () => fetchToken(written, credentials));
}

const isGoogle = ({ protocol, hostname }: URL): boolean =>
  protocol === "https:" && hostname.endsWith(".googleapis.com");

async function fetchToken(
  written: string | undefined,
  credentials: Credentials,
): Promise<Token<GoogleToken>> {
  if (written !== undefined)
    return fromFile(parseWritten(written, credentials), "`credentials`", credentials);
  const named = variable(credentials, "GOOGLE_APPLICATION_CREDENTIALS");
  if (named !== undefined) {
    const what = "$GOOGLE_APPLICATION_CREDENTIALS";
    const text = readNamed(homePath(named, credentials.env), what);
    return fromFile(parseFile(text, what), what, credentials);
  }
  const folder = variable(credentials, "CLOUDSDK_CONFIG") ?? "~/.config/gcloud";
  const path = homePath(`${folder}/application_default_credentials.json`, credentials.env);
  const text = readSmall(path);
  if (text !== undefined) return fromFile(parseFile(text, path), path, credentials);
  return fromMetadata(credentials);
}

function parseWritten(written: string, credentials: Credentials): JsonObject {
  const isInline = written.trimStart().startsWith("{");
  const text = isInline
    ? written
    : readNamed(homePath(written, credentials.env), "The file that `credentials` names,");
  return parseFile(text, isInline ? "`credentials`" : "The file that `credentials` names");
}

function parseFile(text: string, what: string): JsonObject {
  const file = jsonObject(text);
  if (file) return file;
  throw authFailure(`${what} holds no JSON object: a Google credentials file is wanted.`);
}

async function fromFile(
  file: JsonObject,
  what: string,
  credentials: Credentials,
): Promise<Token<GoogleToken>> {
  const type = textOf(file, "type");
  switch (type) {
    case "service_account":
      return fromServiceAccount(file, what, credentials);
    case "authorized_user":
      return fromUser(file, what, credentials);
    case "external_account": {
      const { value, expiresAtMs } = await federatedToken(file, what, credentials);
      return { value: { accessToken: value }, expiresAtMs };
    }
    default:
      throw authFailure(
        `${what} is of the type \`${(type ?? "").slice(0, 40)}\`: \`service_account\`, \`authorized_user\` and \`external_account\` are supported.`,
      );
  }
}

/** https://developers.google.com/identity/protocols/oauth2/service-account#httprest */
async function fromServiceAccount(
  file: JsonObject,
  what: string,
  credentials: Credentials,
): Promise<Token<GoogleToken>> {
  const email = need(file, "client_email", what);
  const audience = checkGoogleUrl(textOf(file, "token_uri") ?? defaultTokenUrl, "token_uri", what);
  const issuedAt = Math.floor(now() / 1000);
  const keyId = textOf(file, "private_key_id");
  const assertion = await new SignJWT({ scope: cloudScope })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", ...(keyId !== undefined && { kid: keyId }) })
    .setIssuer(email)
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + 3600)
    .sign(importKey(need(file, "private_key", what), what));
  const answer = await askJson(credentials, "Google's token server", {
    url: audience,
    method: "POST",
    headers: formHeaders,
    body: form({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion }),
  });
  const project = textOf(file, "project_id");
  return accepted(answer, { ...(project !== undefined && { project }) });
}

/**
 * By `node:crypto`: an import that fails in WebCrypto leaves its error behind in Bun 1.4.4, and the next keyed hash
 * of the process throws it.
 */
function importKey(pem: string, what: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "rsa") return key;
    throw new TypeError(`a key of type ${key.asymmetricKeyType}`);
  } catch {
    // The cause may hold pieces of the key.
    throw authFailure(`The \`private_key\` in ${what} is not an RSA key in PEM (PKCS #8).`);
  }
}

const defaultTokenUrl = "https://oauth2.googleapis.com/token";

async function fromUser(
  file: JsonObject,
  what: string,
  credentials: Credentials,
): Promise<Token<GoogleToken>> {
  const answer = await askJson(credentials, "Google's token server", {
    url: checkGoogleUrl(textOf(file, "token_uri") ?? defaultTokenUrl, "token_uri", what),
    method: "POST",
    headers: formHeaders,
    body: form({
      grant_type: "refresh_token",
      client_id: need(file, "client_id", what),
      client_secret: need(file, "client_secret", what),
      refresh_token: need(file, "refresh_token", what),
    }),
  });
  const project = textOf(file, "quota_project_id");
  return accepted(answer, project === undefined ? {} : { project, quotaProject: project });
}

/** https://cloud.google.com/compute/docs/metadata/overview */
async function fromMetadata(credentials: Credentials): Promise<Token<GoogleToken>> {
  const host = variable(credentials, "GCE_METADATA_HOST") ?? "169.254.169.254";
  const base = `http://${host}/computeMetadata/v1`;
  const server = "Google's metadata server";
  const common = { headers: { "metadata-flavor": "Google" }, metadata: true, timeoutMs: 2_000 };
  let answer: JsonObject;
  try {
    answer = await askJson(credentials, server, {
      url: `${base}/instance/service-accounts/default/token`,
      ...common,
    });
  } catch (error) {
    if (error instanceof GatewayError && error.code === "client_closed") throw error;
    throw authFailure(
      "No Google credentials: looked for the settings `access_token` and `credentials`, $GOOGLE_APPLICATION_CREDENTIALS, gcloud's application_default_credentials.json (`gcloud auth application-default login` writes it) and the metadata server.",
      { cause: error },
    );
  }
  const project = await credentials
    .fetch({ url: `${base}/project/project-id`, ...common })
    .then(({ status, text }) => (status === 200 ? text.trim() : undefined));
  return accepted(answer, { ...(project !== undefined && { project }) });
}

function accepted(answer: JsonObject, more: Omit<GoogleToken, "accessToken">): Token<GoogleToken> {
  const token = headerToken(textOf(answer, "access_token"), "Google's token server");
  return {
    value: { accessToken: token, ...more },
    expiresAtMs: now() + (numberOf(answer, "expires_in") ?? 3600) * 1000,
  };
}

function need(file: JsonObject, name: string, what: string): string {
  const text = textOf(file, name);
  if (text !== undefined) return text;
  throw authFailure(`\`${name}\` is missing in ${what}.`);
}
