// Google access tokens: service account, user login, federation, metadata server.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportPKCS8, generateKeyPair, jwtVerify } from "jose";
import { setClock } from "../../../../src/lib/clock.ts";
import { googleAuth } from "../../../../src/providers/auth/google.ts";
import { double, failureOf, nobody, unsigned } from "./double.ts";

const folder = mkdtempSync(join(tmpdir(), "megallm-google-"));
let time = Date.UTC(2026, 0, 1);
const restore = setClock({ now: () => time });
afterAll(() => {
  rmSync(folder, { recursive: true });
  restore();
});

const file = (name: string, value: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
};

const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
const account = {
  type: "service_account",
  project_id: "the-project",
  private_key_id: "key-1",
  private_key: await exportPKCS8(privateKey),
  client_email: "gateway@the-project.iam.gserviceaccount.com",
  token_uri: "https://oauth2.googleapis.com/token",
};

const url =
  "https://aiplatform.googleapis.com/v1/projects/-/locations/global/publishers/google/models/m:generateContent";
const token = (text = "ya29.token") => ({
  json: { access_token: text, expires_in: 3599, token_type: "Bearer" },
});

describe("a service account", () => {
  test("signs an assertion, and its project stands for `-`", async () => {
    const { asked, credentials } = double(() => token(), {
      secrets: { credentials: JSON.stringify(account) },
    });
    const request = unsigned(url);
    await googleAuth(request, credentials);
    expect(request.headers.get("authorization")).toBe("Bearer ya29.token");
    expect(request.url.pathname).toStartWith("/v1/projects/the-project/locations/");
    expect(asked).toHaveLength(1);
    expect(asked[0]?.url).toBe(account.token_uri);
    const fields = new URLSearchParams(asked[0]?.body);
    expect(fields.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    const { payload, protectedHeader } = await jwtVerify(fields.get("assertion") ?? "", publicKey, {
      currentDate: new Date(time),
    });
    expect(protectedHeader).toEqual({ alg: "RS256", typ: "JWT", kid: "key-1" });
    expect(payload).toEqual({
      iss: account.client_email,
      aud: account.token_uri,
      scope: "https://www.googleapis.com/auth/cloud-platform",
      iat: time / 1000,
      exp: time / 1000 + 3600,
    });
  });

  test("in a file, named by the settings or the environment", async () => {
    const path = file("account.json", account);
    for (const options of [
      { secrets: { credentials: path } },
      { env: { GOOGLE_APPLICATION_CREDENTIALS: path } },
    ]) {
      const { credentials } = double(() => token(), options);
      const request = unsigned(url);
      await googleAuth(request, credentials);
      expect(request.headers.get("authorization")).toBe("Bearer ya29.token");
    }
  });

  test("asks once for a hundred requests, and again when the token ends", async () => {
    let calls = 0;
    const { asked, credentials } = double(() => token(`t${(calls += 1)}`), {
      secrets: { credentials: JSON.stringify(account) },
    });
    const requests = Array.from({ length: 100 }, () => unsigned(url));
    await Promise.all(requests.map(async (request) => googleAuth(request, credentials)));
    expect(new Set(requests.map(({ headers }) => headers.get("authorization")))).toEqual(
      new Set(["Bearer t1"]),
    );
    expect(asked).toHaveLength(1);
    time += 3_600_000;
    const later = unsigned(url);
    await googleAuth(later, credentials);
    expect(later.headers.get("authorization")).toBe("Bearer t2");
  });

  test.each([
    ["https://evil.test/token", "The `token_uri` in `credentials` is not an address of Google's."],
    ["https://googleapis.com.evil.test/token", "is not an address of Google's"],
    ["http://oauth2.googleapis.com/token", "is not an address of Google's"],
    ["https://user@oauth2.googleapis.com/token", "is not an address of Google's"],
  ])("whose token server is %s sends nothing", async (tokenUri, message) => {
    const { asked, credentials } = double(() => token(), {
      secrets: { credentials: JSON.stringify({ ...account, token_uri: tokenUri }) },
    });
    const failure = await failureOf(googleAuth(unsigned(url), credentials));
    expect(failure.code).toBe("upstream_auth");
    expect(failure.message).toContain(message);
    expect(asked).toEqual([]);
  });

  test("with a broken key says so without it", async () => {
    const broken = {
      ...account,
      private_key: "-----BEGIN PRIVATE KEY-----\nSECRETSECRET\n-----END PRIVATE KEY-----\n",
    };
    const { credentials } = double(() => token(), {
      secrets: { credentials: JSON.stringify(broken) },
    });
    const failure = await failureOf(googleAuth(unsigned(url), credentials));
    expect(failure.message).toContain("`private_key` in `credentials`");
    expect(Bun.inspect(failure)).not.toContain("SECRETSECRET");
  });

  test("that is refused says why, without the assertion", async () => {
    const { asked, credentials } = double(
      ({ body }) => ({
        status: 400,
        json: {
          error: "invalid_grant",
          error_description: `bad: ${new URLSearchParams(body).get("assertion")}`,
        },
      }),
      {
        secrets: { credentials: JSON.stringify(account) },
      },
    );
    const failure = await failureOf(googleAuth(unsigned(url), credentials));
    expect(failure.message).toBe(
      "Google's token server refused to give a token (status 400, `invalid_grant`).",
    );
    const assertion = new URLSearchParams(asked[0]?.body).get("assertion") ?? "?";
    expect(JSON.stringify(failure.upstream)).not.toContain(assertion);
  });
});

test("a user's login is refreshed and names whom to charge", async () => {
  const login = {
    type: "authorized_user",
    client_id: "c",
    client_secret: "s",
    refresh_token: "1//r",
    quota_project_id: "mine",
  };
  const path = file("application_default_credentials.json", login);
  const { asked, credentials } = double(() => token(), { env: { CLOUDSDK_CONFIG: folder } });
  const request = unsigned(url);
  await googleAuth(request, credentials);
  expect(path).toStartWith(folder);
  expect(request.headers.get("x-goog-user-project")).toBe("mine");
  expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
    grant_type: "refresh_token",
    client_id: "c",
    client_secret: "s",
    refresh_token: "1//r",
  });
});

describe("a federation", () => {
  const external = {
    type: "external_account",
    audience:
      "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    token_url: "https://sts.googleapis.com/v1/token",
    service_account_impersonation_url:
      "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a:generateAccessToken",
    credential_source: {
      file: file("subject", '{"id_token":"subject-token"}'),
      format: { type: "json", subject_token_field_name: "id_token" },
    },
  };
  const servers = ({ url: address }: { url: string }) =>
    address.includes("iamcredentials")
      ? {
          json: {
            accessToken: "impersonated",
            expireTime: new Date(time + 1_800_000).toISOString(),
          },
        }
      : token("federated");

  test("exchanges the file's token, and that for the account's", async () => {
    const { asked, credentials } = double(servers, {
      secrets: { credentials: JSON.stringify(external) },
    });
    const request = unsigned(url.replace("/-/", "/p/"));
    await googleAuth(request, credentials);
    expect(request.headers.get("authorization")).toBe("Bearer impersonated");
    expect(new URLSearchParams(asked[0]?.body).get("subject_token")).toBe("subject-token");
    expect(asked[1]?.headers).toMatchObject({ authorization: "Bearer federated" });
  });

  test("takes the token from another cloud's metadata server", async () => {
    const source = {
      ...external,
      credential_source: {
        url: "http://169.254.169.254/metadata/identity",
        headers: { Metadata: "True" },
      },
    };
    const { asked, credentials } = double(
      (request) => (request.metadata ? { text: "azure" } : servers(request)),
      { secrets: { credentials: JSON.stringify(source) } },
    );
    await googleAuth(unsigned(url.replace("/-/", "/p/")), credentials);
    expect(asked[0]).toMatchObject({ metadata: true, headers: { Metadata: "True" } });
  });

  test("of another source is refused clearly", async () => {
    const { credentials } = double(nobody, {
      secrets: {
        credentials: JSON.stringify({
          ...external,
          credential_source: { executable: { command: "x" } },
        }),
      },
    });
    expect((await failureOf(googleAuth(unsigned(url), credentials))).message).toContain(
      "other sources are not supported",
    );
  });
});

test("the metadata server gives a token and the project", async () => {
  const { asked, credentials } = double(
    ({ url: address }) => (address.endsWith("/project-id") ? { text: "meta-project" } : token()),
    {},
  );
  const request = unsigned(url);
  await googleAuth(request, credentials);
  expect(request.url.pathname).toContain("/projects/meta-project/");
  expect(asked.map(({ metadata, headers }) => [metadata, headers])).toEqual([
    [true, { "metadata-flavor": "Google" }],
    [true, { "metadata-flavor": "Google" }],
  ]);
});

test("without anything it says where it looked", async () => {
  const { credentials } = double(nobody, {});
  const failure = await failureOf(googleAuth(unsigned(url), credentials));
  expect(failure.code).toBe("upstream_auth");
  expect(failure.message).toContain("$GOOGLE_APPLICATION_CREDENTIALS");
});

test("a token that was written is used as it is; the project must be written too", async () => {
  const { asked, credentials } = double(nobody, { secrets: { access_token: "mine" } });
  const request = unsigned("http://127.0.0.1:9/v1/projects/p/x");
  await googleAuth(request, credentials);
  expect(request.headers.get("authorization")).toBe("Bearer mine");
  expect(asked).toEqual([]);
  expect((await failureOf(googleAuth(unsigned(url), credentials))).message).toContain(
    "write `project`",
  );
});

test("what nobody wrote is not sent to an address of the operator's", async () => {
  for (const address of [
    "http://127.0.0.1:9/v1/projects/p/x",
    "https://googleapis.com.evil.test/x",
    "http://aiplatform.googleapis.com/x",
  ]) {
    const { asked, credentials } = double(() => token(), {});
    expect((await failureOf(googleAuth(unsigned(address), credentials))).message).toContain(
      "are not sent there",
    );
    expect(asked).toEqual([]);
  }
});

test.each([
  ["nonsense", "does not exist"],
  ["/nowhere-megallm/x.json", "does not exist"],
  ["{", "holds no JSON object"],
  ['{"type":"impersonated_service_account"}', "is of the type `impersonated_service_account`"],
  ['{"type":"service_account"}', "`client_email` is missing in `credentials`"],
  ['{"__proto__":{"type":"service_account"}}', "is of the type ``"],
])("credentials that are %s", async (text, message) => {
  const { asked, credentials } = double(nobody, { secrets: { credentials: text } });
  const failure = await failureOf(googleAuth(unsigned(url), credentials));
  expect(failure.code).toBe("upstream_auth");
  if (text === "nonsense") expect(failure.message).toContain("relative path");
  else expect(failure.message).toContain(message);
  expect(asked).toEqual([]);
});
