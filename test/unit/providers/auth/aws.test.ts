// Where AWS credentials come from, in which order, and what is said when there are none.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setClock } from "../../../../src/lib/clock.ts";
import { awsAuth, awsRegion } from "../../../../src/providers/auth/aws.ts";
import { double, type DoubleOptions, failureOf, nobody, unsigned } from "./double.ts";

const folder = mkdtempSync(join(tmpdir(), "megallm-aws-"));
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

const authorize = awsAuth("bedrock");
const url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse";

/** The access key, region and session that a request was signed with. */
async function signed(answer: Parameters<typeof double>[0], options: DoubleOptions) {
  const { asked, credentials } = double(answer, options);
  const request = unsigned(url);
  await authorize(request, credentials);
  const authorization = request.headers.get("authorization") ?? "";
  const [, key, region] = /Credential=([^/]+)\/\d+\/([^/]+)\//.exec(authorization) ?? [];
  return {
    asked,
    authorization,
    key,
    region,
    session: request.headers.get("x-amz-security-token"),
  };
}

const pair = (key: string, more: Record<string, string> = {}): string =>
  Object.entries({ aws_access_key_id: key, aws_secret_access_key: "s/e+c=", ...more })
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");

const environment = { AWS_ACCESS_KEY_ID: "AKENV", AWS_SECRET_ACCESS_KEY: "secret" };

describe("the chain", () => {
  const shared = file(
    "credentials",
    `# mine\n[default]\n${pair("AKDEFAULT")}[team.one]\n${pair("AKTEAM", { aws_session_token: "tok" })}`,
  );
  const config = file(
    "config",
    `[default]\nregion = eu-central-1\n[profile team.one]\nregion=eu-west-3\n[profile sso]\nsso_session = corp\n[profile web]\nrole_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = ${file("token", "jwt\n")}\n`,
  );
  const files = { AWS_SHARED_CREDENTIALS_FILE: shared, AWS_CONFIG_FILE: config };

  test("begins with the settings", async () => {
    const found = await signed(nobody, {
      apiKey: "bearer",
      settings: { region: "eu-west-1", profile: "team.one" },
      secrets: { access_key_id: "AKSET", secret_access_key: "s", session_token: "t" },
      env: { ...environment, ...files },
    });
    expect(found).toMatchObject({ key: "AKSET", region: "eu-west-1", session: "t", asked: [] });
  });

  test("then a bearer key, which is not signed with", async () => {
    const found = await signed(nobody, { apiKey: "ABSK-1", env: environment });
    expect(found.authorization).toBe("Bearer ABSK-1");
  });

  test("then the profile that the settings or the environment name", async () => {
    const byName = { settings: { profile: "team.one" }, env: { ...environment, ...files } };
    expect(await signed(nobody, byName)).toMatchObject({
      key: "AKTEAM",
      session: "tok",
      region: "eu-west-3",
    });
    const byVariable = { env: { ...environment, ...files, AWS_PROFILE: "team.one" } };
    expect(await signed(nobody, byVariable)).toMatchObject({ key: "AKTEAM" });
  });

  test("then the environment, then the default profile", async () => {
    expect(await signed(nobody, { env: { ...environment, ...files } })).toMatchObject({
      key: "AKENV",
    });
    expect(await signed(nobody, { env: files })).toMatchObject({
      key: "AKDEFAULT",
      region: "eu-central-1",
    });
  });

  test("a profile's region is the URL's too", () => {
    expect(awsRegion.lookup?.({ profile: "team.one" }, files)).toBe("eu-west-3");
    expect(awsRegion.lookup?.({}, files)).toBe("eu-central-1");
    expect(awsRegion.lookup?.({}, { HOME: "/nowhere-megallm" })).toBeUndefined();
  });

  test("a named profile that is not there, or not usable, is an error and not the next in the chain", async () => {
    for (const [profile, text] of [
      ["nobody", "There is no AWS profile `nobody`"],
      ["sso", "`sso_session`, which is not supported"],
    ] as const) {
      const { asked, credentials } = double(nobody, {
        settings: { profile },
        env: { ...environment, ...files },
      });
      const failure = await failureOf(authorize(unsigned(url), credentials));
      expect(failure.code).toBe("upstream_auth");
      expect(failure.message).toContain(text);
      expect(asked).toEqual([]);
    }
  });

  test("a profile with a web identity goes to STS", async () => {
    const found = await signed(() => ({ text: stsAnswer("AKWEB", time + 3_600_000) }), {
      settings: { profile: "web", region: "eu-west-1" },
      env: files,
    });
    expect(found).toMatchObject({ key: "AKWEB", session: "session" });
    expect(found.asked[0]?.url).toBe("https://sts.eu-west-1.amazonaws.com/");
  });

  test("a file that is rewritten is noticed within a minute", async () => {
    const path = file("rotating", `[default]\n${pair("AKONE")}`);
    const { credentials } = double(nobody, {
      env: { AWS_SHARED_CREDENTIALS_FILE: path, AWS_CONFIG_FILE: "/nowhere-megallm" },
    });
    const key = async (): Promise<string> => {
      const request = unsigned(url);
      await authorize(request, credentials);
      return request.headers.get("authorization") ?? "";
    };
    expect(await key()).toContain("AKONE");
    writeFileSync(path, `[default]\n${pair("AKTWO")}`);
    expect(await key()).toContain("AKONE");
    time += 60_000;
    expect(await key()).toContain("AKTWO");
  });
});

const stsAnswer = (key: string, expires: number): string =>
  `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${key}</AccessKeyId><SecretAccessKey>sec/ret</SecretAccessKey><SessionToken>session</SessionToken><Expiration>${new Date(expires).toISOString()}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;

describe("a web identity (EKS)", () => {
  const env = {
    AWS_WEB_IDENTITY_TOKEN_FILE: file("jwt", "header.body.signature\n"),
    AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/gateway",
    AWS_REGION: "us-west-2",
  };

  test("is exchanged once for a hundred requests, and again when it ends", async () => {
    let calls = 0;
    const { asked, credentials } = double(
      () => {
        calls += 1;
        return { text: stsAnswer(`AK${calls}`, time + 3_600_000) };
      },
      { env },
    );
    const requests = Array.from({ length: 100 }, () => unsigned(url));
    await Promise.all(requests.map(async (request) => authorize(request, credentials)));
    expect(new Set(requests.map(({ headers }) => headers.get("authorization")))).toHaveProperty(
      "size",
      1,
    );
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ url: "https://sts.us-west-2.amazonaws.com/", method: "POST" });
    expect(asked[0]?.metadata).toBeUndefined();
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
      Action: "AssumeRoleWithWebIdentity",
      Version: "2011-06-15",
      RoleArn: env.AWS_ROLE_ARN,
      RoleSessionName: "megallm",
      WebIdentityToken: "header.body.signature",
    });
    time += 3_600_000;
    const later = unsigned(url);
    await authorize(later, credentials);
    expect(later.headers.get("authorization")).toContain("Credential=AK2/");
  });

  test("that is refused says by whom and why, without the token", async () => {
    const { credentials } = double(
      () => ({
        status: 403,
        text: "<ErrorResponse><Error><Code>AccessDenied</Code><Message>token header.body.signature is bad</Message></Error></ErrorResponse>",
      }),
      { env },
    );
    const failure = await failureOf(authorize(unsigned(url), credentials));
    expect(failure.code).toBe("upstream_auth");
    expect(failure.message).toBe("AWS STS refused to give a token (status 403, `AccessDenied`).");
    expect(JSON.stringify([failure.message, failure.upstream])).not.toContain("body.signature");
  });

  test("without an answer is the server's fault, not the credentials'", async () => {
    const { credentials } = double(nobody, { env });
    expect((await failureOf(authorize(unsigned(url), credentials))).code).toBe(
      "upstream_unavailable",
    );
    const down = double(() => ({ status: 503, text: "busy" }), { env });
    expect((await failureOf(authorize(unsigned(url), down.credentials))).code).toBe(
      "upstream_unavailable",
    );
  });

  test("whose file is missing names it", async () => {
    const { credentials } = double(nobody, {
      env: { ...env, AWS_WEB_IDENTITY_TOKEN_FILE: "/nowhere-megallm/jwt" },
    });
    expect((await failureOf(authorize(unsigned(url), credentials))).message).toContain(
      "`/nowhere-megallm/jwt` does not exist",
    );
  });
});

const json = (key: string): Record<string, unknown> => ({
  AccessKeyId: key,
  SecretAccessKey: "s",
  Token: "t",
  Expiration: new Date(time + 3_600_000).toISOString(),
});

describe("a container's credentials", () => {
  test("are read from ECS's own link", async () => {
    const found = await signed(() => ({ json: json("AKECS") }), {
      env: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/abc" },
    });
    expect(found.key).toBe("AKECS");
    expect(found.asked).toEqual([
      { url: "http://169.254.170.2/v2/credentials/abc", metadata: true, timeoutMs: 1_000 },
    ]);
  });

  test("are read with EKS's token, which is read anew each time", async () => {
    const found = await signed(() => ({ json: json("AKEKS") }), {
      env: {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://169.254.170.23/v1/credentials",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file("pod", "pod-token\n"),
      },
    });
    expect(found.key).toBe("AKEKS");
    expect(found.asked[0]).toMatchObject({
      headers: { authorization: "pod-token" },
      metadata: true,
    });
  });

  test.each(["http://evil.test/creds", "http://10.0.0.1/creds", "ftp://127.0.0.1/", "nonsense"])(
    "are not asked for at %s",
    async (address) => {
      const { asked, credentials } = double(nobody, {
        env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: address },
      });
      expect((await failureOf(authorize(unsigned(url), credentials))).code).toBe("upstream_auth");
      expect(asked).toEqual([]);
    },
  );
});

describe("an instance's credentials", () => {
  test("are read in a session (IMDSv2)", async () => {
    const found = await signed(({ url: address, method }) => {
      if (method === "PUT") return { text: "session-token" };
      return address.endsWith("/gateway-role")
        ? { json: json("AKEC2") }
        : { text: "gateway-role\n" };
    }, {});
    expect(found.key).toBe("AKEC2");
    expect(
      found.asked.map(({ method = "GET", url: address, metadata }) => [method, address, metadata]),
    ).toEqual([
      ["PUT", "http://169.254.169.254/latest/api/token", true],
      ["GET", "http://169.254.169.254/latest/meta-data/iam/security-credentials/", true],
      [
        "GET",
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/gateway-role",
        true,
      ],
    ]);
    expect(found.asked[1]?.headers).toEqual({ "x-aws-ec2-metadata-token": "session-token" });
  });

  test("are not asked for when that is switched off", async () => {
    const { asked, credentials } = double(nobody, { env: { AWS_EC2_METADATA_DISABLED: "true" } });
    const failure = await failureOf(authorize(unsigned(url), credentials));
    expect(failure.code).toBe("upstream_auth");
    expect(failure.message).toStartWith("No AWS credentials: looked for");
    expect(asked).toEqual([]);
  });

  test("of an instance without a role, or of none, are none", async () => {
    for (const answer of [
      nobody,
      ({ method }: { method?: string }) => (method === "PUT" ? { text: "s" } : { status: 404 }),
    ]) {
      const { credentials } = double(answer, {});
      expect((await failureOf(authorize(unsigned(url), credentials))).message).toStartWith(
        "No AWS credentials",
      );
    }
  });
});

test("half a pair of keys is an error that says so", async () => {
  const { credentials } = double(nobody, { secrets: { access_key_id: "AK" } });
  expect((await failureOf(authorize(unsigned(url), credentials))).message).toContain(
    "AWS needs both",
  );
});
