// Oracle Cloud: requests signed with an API key's private key. https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm
import { createHash, createPrivateKey, type KeyObject, sign } from "node:crypto";
import { now } from "../../lib/clock.ts";
import type { Authorize, AuthSetting, Credentials, Unsigned } from "../provider.ts";
import { authFailure } from "./exchange.ts";
import { homePath, iniSection, readNamed, readSmall } from "./files.ts";
import { revealed, setting, variable } from "./settings.ts";
import { createTokenCache } from "./tokens.ts";

interface Signer {
  /** `tenancy/user/fingerprint`, or a session's token. */
  keyId: string;
  key: KeyObject;
}

const cache = createTokenCache<Signer>("OCI key");

/** The file and the key are read again after this time. */
const leaseMs = 60_000;

/** A generative AI API key goes as `authorization: Bearer`; otherwise the request is signed. */
export const ociAuth: Authorize = async (request, credentials) => {
  const compartment = setting(credentials, "compartment_id");
  if (compartment !== undefined) request.headers.set("compartmentid", compartment);
  if (credentials.apiKey) {
    request.headers.set("authorization", `Bearer ${credentials.apiKey.reveal()}`);
    return;
  }
  const signer = await cache(credentials.settings, async () => ({
    value: readSigner(credentials),
    expiresAtMs: now() + leaseMs,
  }));
  signRequest(request, signer);
};

const ocid = /^ocid1\.[A-Za-z0-9._-]{1,250}$/;

export const ociSettings: Readonly<Record<string, AuthSetting>> = {
  compartment_id: {
    description: "Compartment that requests are charged to",
    pattern: ocid,
    env: ["OCI_COMPARTMENT_ID"],
    aside: true,
    example: "ocid1.compartment.oc1..aaaa",
  },
  profile: {
    description: "Profile in the vendor's own file (`~/.aws/credentials`, `~/.oci/config`)",
    pattern: /^[^\s\p{Cc}[\]][^\p{Cc}[\]]{0,127}$/u,
    example: "production",
  },
  tenancy: {
    description: "Tenancy of the API key",
    pattern: ocid,
    example: "ocid1.tenancy.oc1..aaaa",
  },
  user: { description: "User of the API key", pattern: ocid, example: "ocid1.user.oc1..aaaa" },
  fingerprint: {
    description: "Fingerprint of the API key",
    pattern: /^[0-9a-f]{2}(?::[0-9a-f]{2}){15,31}$/,
    example: "20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34",
  },
  private_key: {
    description:
      "The API key itself, in PEM; without these settings, the profile in `~/.oci/config` ($OCI_CONFIG_FILE) is used",
    secret: true,
    example: "${file:/run/secrets/oci.pem}",
  },
  pass_phrase: {
    description: "What the private key is encrypted with",
    secret: true,
    example: "${OCI_PASS_PHRASE}",
  },
};

export const ociTraces = { env: ["OCI_CONFIG_FILE"], files: ["~/.oci/config"] };

/** The region of the profile, for configurations that name none. */
export function ociRegion(
  settings: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  try {
    return profileValues(settings["profile"], env)?.["region"];
  } catch {
    return undefined;
  }
}

/** Exported for the vendor's documented signing strings. */
export function signRequest(
  { method, url, headers, body }: Unsigned,
  { keyId, key }: Signer,
): void {
  headers.set("date", new Date(now()).toUTCString());
  const lines: [string, string][] = [
    ["(request-target)", `${method.toLowerCase()} ${url.pathname}${url.search}`],
    ["host", url.host],
    ["date", headers.get("date") ?? ""],
  ];
  if (method !== "GET") {
    headers.set("x-content-sha256", createHash("sha256").update(body).digest("base64"));
    // The body's length is set by whoever sends it, and signed all the same.
    lines.push(
      ["x-content-sha256", headers.get("x-content-sha256") ?? ""],
      ["content-type", headers.get("content-type") ?? ""],
      ["content-length", String(Buffer.byteLength(body))],
    );
  }
  const text = lines.map(([name, value]) => `${name}: ${value}`).join("\n");
  const signature = sign("RSA-SHA256", Buffer.from(text), key).toString("base64");
  const names = lines.map(([name]) => name).join(" ");
  headers.set(
    "authorization",
    `Signature version="1",keyId="${keyId}",algorithm="rsa-sha256",headers="${names}",signature="${signature}"`,
  );
}

function readSigner(credentials: Credentials): Signer {
  const written = revealed(credentials, "private_key");
  const values =
    written === undefined
      ? fileValues(credentials)
      : {
          tenancy: setting(credentials, "tenancy"),
          user: setting(credentials, "user"),
          fingerprint: setting(credentials, "fingerprint"),
          key_content: written,
          pass_phrase: revealed(credentials, "pass_phrase"),
        };
  const where = written === undefined ? "the OCI profile" : "the settings";
  const keyFile = values["key_file"];
  const pem =
    values["key_content"] ??
    (keyFile === undefined
      ? undefined
      : readNamed(homePath(keyFile, credentials.env), "The OCI key file"));
  if (pem === undefined) throw authFailure(`\`key_file\` is missing in ${where}.`);
  return { keyId: keyIdOf(values, where, credentials), key: parseKey(pem, values["pass_phrase"]) };
}

type Values = Readonly<Record<string, string | undefined>>;

function keyIdOf(values: Values, where: string, credentials: Credentials): string {
  const session = values["security_token_file"];
  if (session !== undefined) {
    const token = readNamed(homePath(session, credentials.env), "The OCI session token file");
    return `ST$${token.trim()}`;
  }
  const { tenancy, user, fingerprint } = values;
  const id = `${tenancy}/${user}/${fingerprint}`;
  if (tenancy && user && fingerprint && /^[\w.:/-]+$/.test(id)) return id;
  throw authFailure(`\`tenancy\`, \`user\` or \`fingerprint\` is missing in ${where}.`);
}

function fileValues(credentials: Credentials): Values {
  const { settings, env } = credentials;
  const values = profileValues(settings["profile"], env);
  if (values) return values;
  throw authFailure(
    `No OCI credentials: looked for \`api_key\`, the settings \`tenancy\`, \`user\`, \`fingerprint\` and \`private_key\`, and the profile \`${settings["profile"] ?? "DEFAULT"}\` in ${variable(credentials, "OCI_CONFIG_FILE") ?? "~/.oci/config"}.`,
  );
}

function profileValues(
  profile: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> | undefined {
  const text = readSmall(homePath(env["OCI_CONFIG_FILE"] || "~/.oci/config", env));
  if (text === undefined) return undefined;
  const common = iniSection(text, "DEFAULT");
  const own = profile === undefined ? common : iniSection(text, profile);
  // What a profile does not say, it inherits.
  return own && { ...common, ...own };
}

function parseKey(pem: string, passphrase: string | undefined): KeyObject {
  try {
    const key = createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) });
    if (key.asymmetricKeyType === "rsa") return key;
  } catch {
    // The cause may hold pieces of the key.
  }
  throw authFailure("The OCI private key is not an RSA key in PEM, or its pass phrase is wrong.");
}
