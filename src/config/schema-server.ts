// The fields of the gateway itself: `server`, `queue`, `log`, `admin`.
import { z } from "zod";
import type { Queue } from "./config.ts";
import { field } from "./field.ts";
import {
  whole,
  durationMs,
  sizeBytes,
  clientKey,
  serverSecret,
  host,
  hostName,
  webOrigin,
  proxyAddress,
  limit,
  unlimited,
} from "./schema-values.ts";

/** Below the time after which a silent stream is opened, so that a refusal still has a status of its own. */
const queueWaitMs = 10_000;

export const queue = z
  .strictObject({
    max: field(
      whole(0, 1_000_000).default(1000),
      "Requests that wait at once. `0`: nobody waits, and what is too much is refused at once.",
      100,
    ),
    max_wait: field(
      durationMs.default(queueWaitMs),
      "How long one request may wait in all.",
      "30s",
      { defaultText: "10s" },
    ),
  })
  .transform((value): Queue => ({ max: value.max, maxWaitMs: value.max_wait }));

export const server = z.strictObject({
  host: field(
    host.default("127.0.0.1"),
    "Address to listen on. `127.0.0.1` and `localhost` mean this machine only, over IPv4 and IPv6. Any other address needs `keys`.",
    "0.0.0.0",
  ),
  port: field(whole(0, 65_535).default(6342), "Port to listen on. `0` takes any free one.", 8080),
  allowed_hosts: field(
    z.array(hostName).default([]),
    "Further names in the `Host` header that the gateway answers to. On this machine only the loopback names pass besides, so that a web page cannot reach it through a name of its own; on any other address every name passes unless this list says which. The address itself always passes.",
    ["gateway.example.com"],
  ),
  allowed_origins: field(
    z.array(webOrigin).default([]),
    "Web origins whose pages may call the gateway from a browser.",
    ["https://app.example.com"],
  ),
  trusted_proxies: field(
    z.array(proxyAddress).default([]),
    "Addresses and CIDR blocks of reverse proxies whose `X-Forwarded-For` or `Forwarded` says whom a request comes from: what counts for the `allowed_ips` of keys. The last hop that is none of them is taken; where the two headers disagree, the address counts as unknown. By default nobody is believed.",
    ["10.0.0.0/8", "::1"],
  ),
  max_body: field(
    sizeBytes.default(32 * 1024 ** 2),
    "Largest request body, after decompression: bytes, or a size such as `32mb`.",
    "64mb",
    { defaultText: "32mb" },
  ),
  max_upload: field(
    sizeBytes.default(512 * 1024 ** 2),
    "Largest upload: a form (audio, images, files) or any other body that is not JSON. Uploads over 1 MB wait in a private file in the folder for temporary files, not in memory.",
    "1gb",
    { defaultText: "512mb" },
  ),
  drain_timeout: field(
    durationMs.default(30_000),
    "How long a stopping gateway waits for the requests that are still running.",
    "2m",
    { defaultText: "30s" },
  ),
  require_key: field(
    z.enum(["auto", "always"]).default("auto"),
    "When clients need a key. `auto`: as soon as `keys` holds one. `always`: also when it holds none, so that only keys made by `megallm keys create` get in.",
    "always",
  ),
  max_concurrent: field(
    limit,
    "Requests of all clients that may be at providers at once; a stream counts until it is over. The others wait, see `queue`; what is too much is answered with 503 and `Retry-After`.",
    500,
    unlimited,
  ),
});

export const log = z.strictObject({
  level: field(
    z.enum(["debug", "info", "warn", "error"]).default("info"),
    "What is worth a log line.",
    "debug",
  ),
  format: field(
    z.enum(["auto", "json", "pretty"]).default("auto"),
    "`auto`: pretty on a terminal, one JSON object per line otherwise.",
    "json",
  ),
});

export const admin = z.strictObject({
  key: field(
    clientKey.optional(),
    "The key for `/admin` and for the command line tools.",
    "${file:/run/secrets/megallm-admin}",
    { defaultText: "made at the first start, kept in `data_dir`", secret: true },
  ),
  key_secret: field(
    serverSecret.optional(),
    "The secret under which virtual keys are hashed in the database. Gateways that share a database need the same one; when it is lost, all virtual keys are.",
    "${file:/run/secrets/megallm-key-secret}",
    { defaultText: "made at the first start, kept in `data_dir`", secret: true },
  ),
});
