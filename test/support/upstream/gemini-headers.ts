// Google's rules for credentials: a key in a header or in the address, or a bearer token on Vertex AI.
import type { Surface } from "./gemini-messages.ts";
import type { Recorded, Refusal } from "./upstream.ts";

/** Where the key is looked for, in this order. */
function credentialOf(request: Recorded): { place: string; value: string } | undefined {
  const header = request.headers["x-goog-api-key"];
  if (header !== undefined) return { place: "x-goog-api-key", value: header };
  const query = new URLSearchParams(request.query).get("key");
  if (query !== null) return { place: "?key=", value: query };
  const bearer = request.headers["authorization"];
  return bearer === undefined ? undefined : { place: "authorization", value: bearer };
}

/** Refuses a missing, foreign or second credential, and notes on the request where the key was. */
export function refuseGoogleCredential(
  request: Recorded,
  key: string,
  surface: Surface,
): Refusal | undefined {
  const found = credentialOf(request);
  request.credential = found?.place;
  // The vendor ignores other vendors' credentials; a gateway that sends one has leaked it.
  const foreign = ["x-api-key", "api-key", "anthropic-version"].find(
    (name) => request.headers[name] !== undefined,
  );
  const doubled =
    found !== undefined &&
    found.place !== "authorization" &&
    request.headers["authorization"] !== undefined;
  if (foreign !== undefined || doubled) {
    const name = foreign ?? "authorization";
    return {
      status: 400,
      type: "INVALID_ARGUMENT",
      message: `The header '${name}' does not belong to this request.`,
    };
  }
  if (found === undefined) return missing(surface);
  if (found.place === "authorization") {
    return surface === "vertex" && found.value === `Bearer ${key}` ? undefined : notAToken;
  }
  return found.value === key ? undefined : wrongKey;
}

const missing = (surface: Surface): Refusal =>
  surface === "vertex"
    ? {
        status: 401,
        type: "UNAUTHENTICATED",
        message:
          "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        reason: "CREDENTIALS_MISSING",
      }
    : {
        status: 403,
        type: "PERMISSION_DENIED",
        message:
          "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
      };

const wrongKey: Refusal = {
  status: 400,
  type: "INVALID_ARGUMENT",
  message: "API key not valid. Please pass a valid API key.",
  reason: "API_KEY_INVALID",
};

const notAToken: Refusal = {
  status: 401,
  type: "UNAUTHENTICATED",
  message:
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
  reason: "ACCESS_TOKEN_TYPE_UNSUPPORTED",
};
