// Azure, IBM Cloud and Oracle Cloud.
import { afterAll, describe, expect, test } from "bun:test";
import { createHash, generateKeyPairSync, verify } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "../../../../src/lib/secret.ts";
import { setClock } from "../../../../src/lib/clock.ts";
import { azureAuth } from "../../../../src/providers/auth/azure.ts";
import { ibmIamAuth } from "../../../../src/providers/auth/ibm-iam.ts";
import { ociAuth, ociRegion } from "../../../../src/providers/auth/oci.ts";
import { double, failureOf, nobody, unsigned } from "./double.ts";

const folder = mkdtempSync(join(tmpdir(), "megallm-clouds-"));
let time = Date.UTC(2026, 0, 1);
const restore = setClock({ now: () => time });
afterAll(() => {
  rmSync(folder, { recursive: true });
  restore();
});

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe("Azure", () => {
  const url = "https://r.openai.azure.com/openai/v1/chat/completions";
  const token = { json: { access_token: "eyJ.token", expires_in: 3599, token_type: "Bearer" } };
  const entra = {
    settings: { "entra.tenant_id": "t-1", "entra.client_id": "c-1" },
    secrets: { "entra.client_secret": "hush-hush" },
  };

  test("takes a key in a header of its own", async () => {
    const { asked, credentials } = double(nobody, { apiKey: "k" });
    const request = unsigned(url);
    await azureAuth(request, credentials);
    expect(request.headers.get("api-key")).toBe("k");
    expect(request.headers.has("authorization")).toBe(false);
    expect(asked).toEqual([]);
  });

  test("takes an application's token, fetched once", async () => {
    const { asked, credentials } = double(() => token, entra);
    const requests = Array.from({ length: 100 }, () => unsigned("http://127.0.0.1:9/x"));
    await Promise.all(requests.map(async (request) => azureAuth(request, credentials)));
    expect(requests[99]?.headers.get("authorization")).toBe("Bearer eyJ.token");
    expect(asked).toHaveLength(1);
    expect(asked[0]?.url).toBe("https://login.microsoftonline.com/t-1/oauth2/v2.0/token");
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
      grant_type: "client_credentials",
      client_id: "c-1",
      client_secret: "hush-hush",
      scope: "https://cognitiveservices.azure.com/.default",
    });
    time += 3_600_000;
    await azureAuth(unsigned(url), credentials);
    expect(asked).toHaveLength(2);
  });

  test("takes a workload's federated token", async () => {
    const { asked, credentials } = double(() => token, {
      env: {
        AZURE_TENANT_ID: "t-2",
        AZURE_CLIENT_ID: "c-2",
        AZURE_FEDERATED_TOKEN_FILE: file("federated", "jwt\n"),
        AZURE_AUTHORITY_HOST: "https://login.microsoftonline.us/",
      },
    });
    await azureAuth(unsigned(url), credentials);
    expect(asked[0]?.url).toBe("https://login.microsoftonline.us/t-2/oauth2/v2.0/token");
    expect(new URLSearchParams(asked[0]?.body).get("client_assertion")).toBe("jwt");
  });

  test("takes a managed identity's, of a machine or an app service", async () => {
    const machine = double(() => ({ json: { access_token: "m", expires_in: "3599" } }), {
      settings: { "entra.client_id": "c-3" },
    });
    const request = unsigned(url);
    await azureAuth(request, machine.credentials);
    expect(request.headers.get("authorization")).toBe("Bearer m");
    expect(machine.asked[0]).toMatchObject({
      url: "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fcognitiveservices.azure.com&client_id=c-3",
      headers: { metadata: "true" },
      metadata: true,
    });
    const service = double(
      () => ({ json: { access_token: "s", expires_on: String(time / 1000 + 60) } }),
      {
        env: { IDENTITY_ENDPOINT: "http://127.0.0.1:41/token", IDENTITY_HEADER: "h" },
      },
    );
    await azureAuth(unsigned(url), service.credentials);
    expect(service.asked[0]).toMatchObject({
      headers: { "x-identity-header": "h" },
      metadata: true,
    });
    time += 60_000;
    await azureAuth(unsigned(url), service.credentials);
    expect(service.asked).toHaveLength(2);
  });

  test("says what is missing, and sends the machine's identity nowhere else", async () => {
    const none = await failureOf(azureAuth(unsigned(url), double(nobody, {}).credentials));
    expect([none.code, none.message]).toEqual([
      "upstream_auth",
      expect.stringContaining("No Azure credentials"),
    ]);
    const { asked, credentials } = double(() => token, {});
    expect(
      (await failureOf(azureAuth(unsigned("https://evil.test/x"), credentials))).message,
    ).toContain("is not sent there");
    expect(asked).toEqual([]);
    const half = double(() => token, { secrets: { "entra.client_secret": "hush-hush" } });
    expect((await failureOf(azureAuth(unsigned(url), half.credentials))).message).toContain(
      "`entra.tenant_id`",
    );
  });

  test("keeps the secret out of what it says", async () => {
    const { credentials } = double(
      ({ body }) => ({
        status: 401,
        json: { error: "invalid_client", error_description: `AADSTS7000215: ${body}` },
      }),
      entra,
    );
    const failure = await failureOf(azureAuth(unsigned(url), credentials));
    expect(failure.message).toBe(
      "Microsoft Entra refused to give a token (status 401, `invalid_client`).",
    );
    expect(failure.upstream?.body).toContain("AADSTS7000215");
    expect(JSON.stringify(failure.upstream)).not.toContain("hush-hush");
  });
});

describe("IBM Cloud", () => {
  test("exchanges each key for a token of its own", async () => {
    let calls = 0;
    const { asked, credentials } = double(
      () => ({ json: { access_token: `t${(calls += 1)}`, expires_in: 3600 } }),
      { apiKey: "ibm-key-1" },
    );
    const first = unsigned("https://us-south.ml.cloud.ibm.com/x");
    await ibmIamAuth(first, credentials);
    await ibmIamAuth(first, credentials);
    expect(first.headers.get("authorization")).toBe("Bearer t1");
    expect(asked).toHaveLength(1);
    expect(asked[0]?.url).toBe("https://iam.cloud.ibm.com/identity/token");
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
      grant_type: "urn:ibm:params:oauth:grant-type:apikey",
      apikey: "ibm-key-1",
    });
    await ibmIamAuth(first, { ...credentials, apiKey: new Secret("ibm-key-2") });
    expect(first.headers.get("authorization")).toBe("Bearer t2");
  });

  test("refuses without the key in its words", async () => {
    const { credentials } = double(
      () => ({
        status: 400,
        json: {
          errorCode: "BXNIM0415E",
          errorMessage: "Provided API key ibm-key-1 could not be found.",
        },
      }),
      { apiKey: "ibm-key-1" },
    );
    const failure = await failureOf(ibmIamAuth(unsigned("https://a.test/"), credentials));
    expect(failure.message).toBe(
      "IBM Cloud IAM refused to give a token (status 400, `BXNIM0415E`).",
    );
    expect(JSON.stringify(failure.upstream)).not.toContain("ibm-key-1");
    expect(
      (await failureOf(ibmIamAuth(unsigned("https://a.test/"), double(nobody, {}).credentials)))
        .message,
    ).toContain("`api_key`");
  });

  test("gives no usable token", async () => {
    for (const access of ["", "two words", "line\nbreak", 7]) {
      const { credentials } = double(() => ({ json: { access_token: access } }), { apiKey: "k" });
      expect(
        (await failureOf(ibmIamAuth(unsigned("https://a.test/"), credentials))).message,
      ).toContain("gave no usable token");
    }
  });
});

describe("Oracle Cloud", () => {
  const url =
    "https://inference.generativeai.us-chicago-1.oci.oraclecloud.com/20231130/actions/v1/chat/completions";
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = pair.privateKey.export({ type: "pkcs1", format: "pem" });
  const keyId = "ocid1.tenancy.oc1..t/ocid1.user.oc1..u/20:3b:97";

  function check(request: ReturnType<typeof unsigned>, id: string): void {
    const authorization = request.headers.get("authorization") ?? "";
    const names = "(request-target) host date x-content-sha256 content-type content-length";
    expect(authorization).toStartWith(
      `Signature version="1",keyId="${id}",algorithm="rsa-sha256",headers="${names}",signature="`,
    );
    const text = [
      "(request-target): post /20231130/actions/v1/chat/completions",
      "host: inference.generativeai.us-chicago-1.oci.oraclecloud.com",
      "date: Thu, 01 Jan 2026 00:00:00 GMT",
      `x-content-sha256: ${createHash("sha256").update('{"a":"é"}').digest("base64")}`,
      "content-type: application/json",
      "content-length: 10",
    ].join("\n");
    const signature = Buffer.from(/signature="([^"]+)"/.exec(authorization)?.[1] ?? "", "base64");
    expect(verify("RSA-SHA256", Buffer.from(text), pair.publicKey, signature)).toBe(true);
  }

  test("signs with the settings' key or the profile's", async () => {
    time = Date.UTC(2026, 0, 1);
    const written = double(nobody, {
      settings: {
        tenancy: "ocid1.tenancy.oc1..t",
        user: "ocid1.user.oc1..u",
        fingerprint: "20:3b:97",
        compartment_id: "ocid1.compartment.oc1..c",
      },
      secrets: { private_key: pem },
    });
    const request = unsigned(url, '{"a":"é"}');
    await ociAuth(request, written.credentials);
    check(request, keyId);
    expect(request.headers.get("compartmentid")).toBe("ocid1.compartment.oc1..c");

    const encrypted = pair.privateKey.export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase: "pa#ss;word",
    });
    const config = file(
      "oci",
      `[DEFAULT]\ntenancy=ocid1.tenancy.oc1..t\nregion=eu-frankfurt-1\n\n[prod]\nuser=ocid1.user.oc1..u\nfingerprint=20:3b:97\nkey_file=${file("key.pem", encrypted)}\npass_phrase=pa#ss;word\n`,
    );
    const profile = double(nobody, {
      settings: { profile: "prod" },
      env: { OCI_CONFIG_FILE: config },
    });
    const other = unsigned(url, '{"a":"é"}');
    await ociAuth(other, profile.credentials);
    check(other, keyId);
    expect(ociRegion({ profile: "prod" }, { OCI_CONFIG_FILE: config })).toBe("eu-frankfurt-1");
  });

  test("signs with a session's token", async () => {
    time = Date.UTC(2026, 0, 1);
    const config = file(
      "oci-session",
      `[DEFAULT]\nkey_file=${file("session.pem", pem)}\nsecurity_token_file=${file("session", "ses.si.on\n")}\n`,
    );
    const { credentials } = double(nobody, { env: { OCI_CONFIG_FILE: config } });
    const request = unsigned(url, '{"a":"é"}');
    await ociAuth(request, credentials);
    check(request, "ST$ses.si.on");
  });

  test("sends a generative AI key as it is", async () => {
    const { credentials } = double(nobody, { apiKey: "sk-oci" });
    const request = unsigned(url);
    await ociAuth(request, credentials);
    expect(request.headers.get("authorization")).toBe("Bearer sk-oci");
  });

  test("says what is missing", async () => {
    expect(
      (await failureOf(ociAuth(unsigned(url), double(nobody, {}).credentials))).message,
    ).toStartWith("No OCI credentials: looked for");
    const bad = double(nobody, {
      settings: { tenancy: "a", user: "b", fingerprint: "c" },
      secrets: { private_key: "SECRETSECRET" },
    });
    const failure = await failureOf(ociAuth(unsigned(url), bad.credentials));
    expect(failure.message).toContain("not an RSA key in PEM");
    expect(Bun.inspect(failure)).not.toContain("SECRETSECRET");
  });
});
