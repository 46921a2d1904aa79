// What ways of signing read: the provider's settings and the environment.
import type { AuthSetting, Credentials } from "../provider.ts";

/** A secret setting's text. */
export const revealed = (credentials: Credentials, name: string): string | undefined => {
  const secret = Object.hasOwn(credentials.secrets, name) ? credentials.secrets[name] : undefined;
  return secret?.reveal();
};

/** A plain setting's text. */
export const setting = (credentials: Credentials, name: string): string | undefined =>
  Object.hasOwn(credentials.settings, name) ? credentials.settings[name] : undefined;

/** A variable of the environment; an empty one is none. */
export const variable = (
  credentials: Pick<Credentials, "env">,
  name: string,
): string | undefined => {
  const text = Object.hasOwn(credentials.env, name) ? credentials.env[name]?.trim() : undefined;
  return text === "" ? undefined : text;
};

/** A bearer token in place of the exchange for one. */
export const accessToken = (example: string): AuthSetting => ({
  description: "A token made elsewhere, used until the gateway is told another",
  secret: true,
  pattern: /^[\x21-\x7e]+$/,
  example,
});
