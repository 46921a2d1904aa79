// Profiles of AWS's shared files: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
import { homePath, iniSection, readSmall } from "./files.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What both files say of a profile, the credentials file going first; undefined when neither has it.
 * @throws GatewayError `upstream_auth` when a file cannot be read.
 */
export function profileValues(name: string, env: Environment): Record<string, string> | undefined {
  const credentials = sectionOf(
    env["AWS_SHARED_CREDENTIALS_FILE"] || "~/.aws/credentials",
    name,
    env,
  );
  const file = env["AWS_CONFIG_FILE"] || "~/.aws/config";
  const config =
    sectionOf(file, `profile ${name}`, env) ??
    (name === "default" ? sectionOf(file, name, env) : undefined);
  return credentials || config ? { ...config, ...credentials } : undefined;
}

/** The profile that the settings or the environment name, else the default one. @throws GatewayError */
export const profileOf = (
  settings: Readonly<Record<string, string>>,
  env: Environment,
): Record<string, string> | undefined =>
  profileValues(settings["profile"] ?? (env["AWS_PROFILE"] || "default"), env);

/** The profile's region, for configurations that name none; unreadable files are left to signing to report. */
export function profileRegion(
  settings: Readonly<Record<string, string>>,
  env: Environment,
): string | undefined {
  try {
    return profileOf(settings, env)?.["region"];
  } catch {
    return undefined;
  }
}

function sectionOf(
  path: string,
  section: string,
  env: Environment,
): Record<string, string> | undefined {
  const text = readSmall(homePath(path, env));
  return text === undefined ? undefined : iniSection(text, section);
}
