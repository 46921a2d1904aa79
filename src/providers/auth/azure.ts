// Azure: a key in a header of its own, or a token of Microsoft Entra for an application or a managed identity.
import { GatewayError } from "../../ir/error.ts";
import { now } from "../../lib/clock.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Authorize, AuthSetting, Credentials, TokenRequest } from "../provider.ts";
import {
  askJson,
  authFailure,
  form,
  formHeaders,
  headerToken,
  numberOf,
  textOf,
} from "./exchange.ts";
import { readNamed } from "./files.ts";
import { accessToken, revealed, setting, variable } from "./settings.ts";
import { createTokenCache, type Token } from "./tokens.ts";

const resource = "https://cognitiveservices.azure.com";

const cache = createTokenCache<string>("Entra token");

/**
 * `api-key`, or `authorization: Bearer` with a token: the setting's, the application's (`entra`), else the
 * machine's own. What nobody wrote into the configuration goes to Azure's own hosts only.
 */
export const azureAuth: Authorize = async (request, credentials) => {
  const written = revealed(credentials, "access_token");
  if (written === undefined && credentials.apiKey) {
    request.headers.set("api-key", credentials.apiKey.reveal());
    return;
  }
  if (written === undefined && !namesApplication(credentials) && !isAzure(request.url)) {
    throw authFailure(
      "With a `base_url` that is not Azure's, write `api_key`, `entra` or `access_token`: the machine's own identity is not sent there.",
    );
  }
  const token = written ?? (await cache(credentials.settings, () => entraToken(credentials)));
  request.headers.set("authorization", `Bearer ${token}`);
};

const guid = /^[0-9A-Za-z][0-9A-Za-z.-]{0,127}$/;

export const azureSettings: Readonly<Record<string, AuthSetting>> = {
  "entra.tenant_id": {
    description: "Tenant of a Microsoft Entra application",
    pattern: guid,
    example: "72f988bf-86f1-41af-91ab-2d7cd011db47",
  },
  "entra.client_id": {
    description:
      "Client id of the application, or of a user-assigned managed identity when it stands alone",
    pattern: guid,
    example: "11111111-2222-3333-4444-555555555555",
  },
  "entra.client_secret": {
    description:
      "Secret of the application; without it, the machine's federated token or managed identity is used",
    secret: true,
    example: "${AZURE_CLIENT_SECRET}",
  },
  access_token: accessToken("${AZURE_ACCESS_TOKEN}"),
};

const namesApplication = (credentials: Credentials): boolean =>
  setting(credentials, "entra.client_id") !== undefined ||
  revealed(credentials, "entra.client_secret") !== undefined;

const isAzure = ({ protocol, hostname }: URL): boolean =>
  protocol === "https:" && /\.(?:azure\.com|azure\.us|azure\.cn|azure-api\.net)$/.test(hostname);

interface Application {
  tenant: string | undefined;
  client: string | undefined;
  secret: string | undefined;
}

async function entraToken(credentials: Credentials): Promise<Token<string>> {
  const application = namesApplication(credentials)
    ? {
        tenant: setting(credentials, "entra.tenant_id") ?? variable(credentials, "AZURE_TENANT_ID"),
        client: setting(credentials, "entra.client_id"),
        secret: revealed(credentials, "entra.client_secret"),
      }
    : {
        tenant: variable(credentials, "AZURE_TENANT_ID"),
        client: variable(credentials, "AZURE_CLIENT_ID"),
        secret: variable(credentials, "AZURE_CLIENT_SECRET"),
      };
  if (application.secret !== undefined) {
    return applicationToken(application, { client_secret: application.secret }, credentials);
  }
  const file = variable(credentials, "AZURE_FEDERATED_TOKEN_FILE");
  if (file !== undefined) {
    return applicationToken(
      application,
      {
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: readNamed(file, "The federated token file").trim(),
      },
      credentials,
    );
  }
  return managedToken(application.client, credentials);
}

/** https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
async function applicationToken(
  { tenant, client }: Application,
  proof: Readonly<Record<string, string>>,
  credentials: Credentials,
): Promise<Token<string>> {
  if (tenant === undefined || client === undefined || !guid.test(tenant)) {
    throw authFailure(
      "Microsoft Entra needs `entra.tenant_id` and `entra.client_id` ($AZURE_TENANT_ID, $AZURE_CLIENT_ID) besides the secret.",
    );
  }
  const authority =
    variable(credentials, "AZURE_AUTHORITY_HOST") ?? "https://login.microsoftonline.com";
  const server = "Microsoft Entra";
  const answer = await askJson(credentials, server, {
    url: `${authority.replace(/\/+$/, "")}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`,
    method: "POST",
    headers: formHeaders,
    body: form({
      grant_type: "client_credentials",
      client_id: client,
      scope: `${resource}/.default`,
      ...proof,
    }),
  });
  return accepted(answer, server);
}

/** https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token */
async function managedToken(
  client: string | undefined,
  credentials: Credentials,
): Promise<Token<string>> {
  const server = "Azure's managed identity server";
  const identity = new URLSearchParams({
    resource,
    ...(client !== undefined && { client_id: client }),
  });
  const endpoint = variable(credentials, "IDENTITY_ENDPOINT");
  const secret = variable(credentials, "IDENTITY_HEADER");
  const request: TokenRequest =
    endpoint === undefined || secret === undefined
      ? {
          url: `http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&${identity.toString()}`,
          headers: { metadata: "true" },
          metadata: true,
          timeoutMs: 2_000,
        }
      : {
          url: `${endpoint}?api-version=2019-08-01&${identity.toString()}`,
          headers: { "x-identity-header": secret },
          metadata: true,
        };
  try {
    return accepted(await askJson(credentials, server, request), server);
  } catch (error) {
    if (error instanceof GatewayError && error.code === "client_closed") throw error;
    throw authFailure(
      "No Azure credentials: looked for `api_key`, `access_token`, `entra`, $AZURE_CLIENT_SECRET, $AZURE_FEDERATED_TOKEN_FILE and a managed identity.",
      { cause: error },
    );
  }
}

function accepted(answer: JsonObject, server: string): Token<string> {
  const life = numberOf(answer, "expires_in");
  const end = numberOf(answer, "expires_on");
  return {
    value: headerToken(textOf(answer, "access_token"), server),
    expiresAtMs:
      life === undefined && end !== undefined ? end * 1000 : now() + (life ?? 3600) * 1000,
  };
}
