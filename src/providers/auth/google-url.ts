// Which addresses a Google credentials file may name: a file from elsewhere must not send secrets elsewhere.
import { authFailure } from "./exchange.ts";

export const cloudScope = "https://www.googleapis.com/auth/cloud-platform";

/**
 * Google's own hosts over TLS, and this machine (test doubles).
 * @throws GatewayError `upstream_auth` for any other address.
 */
export function checkGoogleUrl(text: string, name: string, what: string): string {
  const url = URL.parse(text);
  const isGoogle =
    url?.protocol === "https:" &&
    (url.hostname.endsWith(".googleapis.com") || url.hostname === "accounts.google.com");
  const isHere =
    url?.protocol === "http:" && /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (url && (isGoogle || isHere) && url.username === "" && url.password === "") return text;
  throw authFailure(`The \`${name}\` in ${what} is not an address of Google's.`);
}
