// A receiver of Signature V4: computes the signature of what arrived, by AWS's description, from the headers it names.
import { createHash, createHmac } from "node:crypto";

export interface Received {
  method: string;
  url: URL;
  headers: Headers;
  body: Uint8Array | string;
}

const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac("sha256", key).update(text).digest();
const sha256 = (data: Uint8Array | string): string =>
  createHash("sha256").update(data).digest("hex");
const escape = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** The signature that the request should carry, and the one it does. */
export function signaturesOf(request: Received, secret: string): { wanted: string; given: string } {
  const authorization = request.headers.get("authorization") ?? "";
  const [, date = "", region = "", service = "", names = "", given = ""] =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? [];
  const headers = names.split(";").map((name) => {
    const value = name === "host" ? request.url.host : (request.headers.get(name) ?? "");
    return `${name}:${value.trim().replace(/ +/g, " ")}\n`;
  });
  const query = [...request.url.searchParams]
    .map(([name, value]) => `${escape(name)}=${escape(value)}`)
    .toSorted()
    .join("&");
  const canonical = [
    request.method,
    request.url.pathname.split("/").map(escape).join("/"),
    query,
    headers.join(""),
    names,
    sha256(request.body),
  ].join("\n");
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${request.headers.get("x-amz-date") ?? ""}\n${scope}\n${sha256(canonical)}`;
  const key = [region, service, "aws4_request"].reduce(hmac, hmac(`AWS4${secret}`, date));
  return { wanted: hmac(key, text).toString("hex"), given };
}
